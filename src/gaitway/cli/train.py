"""`gaitway train`: learn a task in parallel simulation."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field, fields, replace
from pathlib import Path

import tyro
from rich.console import Console

from gaitway.errors import GaitwayError
from gaitway.learning import (
    ALGORITHMS,
    PPO,
    RECIPES,
    CheckpointError,
    TrainConfig,
    TrainResult,
    recipe,
    train,
)
from gaitway.learning.gymnasium_tasks import PREFIX
from gaitway.learning.record import read_config
from gaitway.tasks import TASKS


@dataclass(frozen=True, kw_only=True)
class TrainCommand:
    """Learn a task on many robots at once.

    Ctrl-C ends the iteration, saves, and leaves a run that `--resume` goes on with to the same bits.
    """

    config: tyro.conf.OmitArgPrefixes[tyro.conf.AvoidSubcommands[TrainConfig]] = field(
        default_factory=TrainConfig
    )
    algo: str = PPO.name
    """Learning algorithm; `gaitway list algorithms` names them, `gaitway train --algo NAME --help` explains one."""
    out: Path | None = None
    """Folder of the run; default runs/TASK-ALGO-SEED."""
    resume: bool = False
    """Go on from the newest whole checkpoint in the folder, with the settings the run was started with."""
    until: int | None = None
    """With `--resume`, a new budget of environment steps."""

    def run(self) -> None:
        """Train, report, and say what came of it."""
        from gaitway.dashboard.run_report import write_run_report  # takes long to import

        if self.until is not None and not self.resume:
            raise GaitwayError(
                "--until is the new budget of a run that is resumed; a new run's budget is --env-steps"
            )
        config = self.config
        run_dir = self.out or default_folder(config.task, self.algo, str(config.seed))
        if config.algo != self.algo:  # the settings are those of the run that is resumed
            raise CheckpointError(
                f"{run_dir} holds another run: algo was {config.algo}, is {self.algo}; nothing was changed"
            )
        if self.until is not None:
            config = replace(config, env_steps=self.until)
        result = train(config, run_dir, resume=self.resume)
        report = write_run_report(run_dir)
        console = Console()
        _print(console, result)
        console.print(f"report: {report}", soft_wrap=True)
        if result.interrupted:
            console.print(
                f"interrupted and saved; go on with: gaitway train --out {run_dir} --resume", soft_wrap=True
            )
            sys.exit(130)
        if config.task in TASKS:  # others have no robot, and so no policy file
            best = " --best" if result.best else ""
            console.print(f"next: gaitway export {run_dir}{best} --out policy.onnx", soft_wrap=True)


def _print(console: Console, result: TrainResult) -> None:
    newest = {key: value for row in result.curve for key, value in row.items()}
    console.print(
        f"{result.env_steps:,} environment steps in {result.seconds:.0f} s "
        f"({result.env_steps_per_second:,.0f} per second); return {newest.get('return', float('nan')):.2f}"
    )
    if result.best:
        figures = {name.removeprefix("eval/"): value for name, value in result.best.items() if "/" in name}
        shown = ", ".join(f"{name} {value:.2f}" for name, value in figures.items())
        console.print(f"best evaluation: {shown}, after {result.best['env_steps']:,} steps")
    if diverged := result.diverged:
        console.print(f"{diverged:.0f} episodes ended because the physics diverged")


def default_folder(task: str, algo: str, seed: str) -> Path:
    """Where a run goes unless told otherwise."""
    return Path("runs") / f"{task.replace(':', '-').replace('/', '-')}-{algo}-{seed}"


def default_for(arguments: list[str]) -> TrainCommand:
    """The command with the settings that options change.

    Those are of the run that is to be resumed, or else what is recommended for the task and the algorithm that the
    arguments name.
    """
    algo = _value(arguments, "--algo") or PPO.name
    task = _task(arguments, algo)
    if "--resume" in arguments:
        seed = _value(arguments, "--seed") or str(TrainConfig().seed)
        run_dir = Path(_value(arguments, "--out") or default_folder(task, algo, seed))
        config = read_config(run_dir)
        return TrainCommand(config=config, algo=config.algo)
    return TrainCommand(config=recipe(task, algo), algo=algo)


def _task(arguments: list[str], algo: str) -> str:
    """The task that arguments name, which is none of their options' values."""
    tasks = {task for task, _ in RECIPES}
    settings = ALGORITHMS[algo].settings_type if algo in ALGORITHMS else PPO.settings_type
    switches = {
        f"--{prefix}{each.name.replace('_', '-')}"
        for each in (*fields(TrainCommand), *fields(TrainConfig), *fields(settings))
        if each.type in ("bool", bool)
        for prefix in ("", "no-")
    }
    for before, argument in itertools.pairwise(["", *arguments]):
        is_value = before.startswith("--") and "=" not in before and before not in switches
        if not is_value and (argument in tasks or argument.startswith(PREFIX)):
            return argument
    return TrainConfig().task


def _value(arguments: list[str], option: str) -> str | None:
    """What an option is given, as `--option value` or `--option=value`."""
    found = None
    for flag, value in itertools.pairwise([*arguments, ""]):
        name, equals, attached = flag.partition("=")
        if name == option:
            found = attached if equals else value
    return found


COMMAND = TrainCommand

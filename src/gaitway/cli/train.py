"""`gaitway train`: learn a task in parallel simulation."""

from __future__ import annotations

import itertools
import sys
from dataclasses import dataclass, field
from pathlib import Path

import tyro
from rich.console import Console

from gaitway.learning import PPO, RECIPES, TrainConfig, recipe, train
from gaitway.learning.trainer import resumed_config


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
    """Go on from the newest checkpoint in the folder, with the settings the run was started with."""
    until: int | None = None
    """With `--resume`, a new budget of environment steps."""

    def run(self) -> None:
        """Train, and say what came of it."""
        config = self.config
        run_dir = self.out or Path("runs") / f"{config.task}-{config.algo}-{config.seed}"
        if self.resume:
            config = resumed_config(config, run_dir, self.until)
        result = train(config, run_dir, resume=self.resume)
        console = Console()
        newest = {key: value for row in result.curve for key, value in row.items()}
        console.print(
            f"{result.env_steps:,} environment steps in {result.seconds:.0f} s "
            f"({result.env_steps_per_second:,.0f} per second); return {newest.get('return', float('nan')):.2f}"
        )
        if diverged := result.diverged:
            console.print(f"{diverged:.0f} episodes ended because the physics diverged")
        if result.interrupted:
            console.print(f"interrupted and saved; go on with: gaitway train --out {run_dir} --resume")
            sys.exit(130)
        console.print(f"next: gaitway export {run_dir} --out policy.onnx")


def default_for(arguments: list[str]) -> TrainCommand:
    """The command with the settings recommended for the task and the algorithm that the arguments name."""
    algo = PPO.name
    for flag, value in itertools.pairwise([*arguments, ""]):
        if flag.partition("=")[0] == "--algo":
            algo = flag.partition("=")[2] or value
    tasks = {task for task, _ in RECIPES}
    task = next((argument for argument in arguments if argument in tasks), TrainConfig().task)
    return TrainCommand(config=recipe(task, algo), algo=algo)


COMMAND = TrainCommand

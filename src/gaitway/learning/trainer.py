"""Runs an algorithm on a task: progress, curves, checkpoints, resume.

Everything is counted in steps. A run killed at any moment goes on from its newest checkpoint to the same
bits, because a checkpoint holds all that the next iteration depends on.
"""

from __future__ import annotations

import json
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import safetensors.numpy
import torch
from torch.utils.tensorboard import SummaryWriter

from gaitway.errors import GaitwayError
from gaitway.files import write_atomically
from gaitway.learning.algorithm import Algorithm
from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.checkpoint import Checkpoint, CheckpointError, load_checkpoint, save_checkpoint
from gaitway.learning.config import TrainConfig
from gaitway.learning.initial import start_from
from gaitway.learning.networks import GaussianActorCritic
from gaitway.learning.recipes import recipe
from gaitway.machine import describe_machine, describe_versions
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.tasks import Task, VectorEnv, get_task, task_mirror


@dataclass(frozen=True)
class TrainResult:
    """How a training ended."""

    run_dir: Path
    env_steps: int
    seconds: float
    """Wall time of learning, all resumed parts together [s]."""
    curve: list[dict[str, float]]
    """One row per iteration: `env_steps`, `seconds` and the algorithm's figures."""
    interrupted: bool
    """Whether it was stopped before its budget was used."""
    diverged: int
    """Episodes that ended because the physics diverged."""

    @property
    def env_steps_per_second(self) -> float:
        """Environment steps per second of wall time."""
        return self.env_steps / self.seconds if self.seconds else 0.0


def read_config(run_dir: Path) -> TrainConfig:
    """The config a run was started with.

    Raises:
        CheckpointError: the folder is no run.
    """
    record = read_record(run_dir)
    try:
        algorithm = ALGORITHMS[record["algo"]]
        settings = msgspec.convert(record["config"].pop("settings"), algorithm.settings_type)
        return replace(msgspec.convert(record["config"], TrainConfig), settings=settings)
    except (msgspec.ValidationError, KeyError) as error:
        raise CheckpointError(f"{run_dir / 'run.json'} cannot be read: {error}") from error


def read_record(run_dir: Path) -> dict[str, Any]:
    """What a run says of itself: its config, how its robots differ, its machine and versions.

    Raises:
        CheckpointError: the folder is no run.
    """
    path = run_dir / "run.json"
    try:
        record = json.loads(path.read_text())
    except FileNotFoundError:
        raise CheckpointError(f"{run_dir} is no run: it has no run.json") from None
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or "config" not in record:
        raise CheckpointError(f"{path} cannot be read: it holds no config")
    return record


def resumed_config(config: TrainConfig, run_dir: Path, env_steps: int | None = None) -> TrainConfig:
    """The settings to go on with in `run_dir`: those that the run was started with.

    Args:
        config: settings that a user gave; those that differ from the defaults must be the run's.
        run_dir: folder of the run.
        env_steps: a new budget, or None for the run's.

    Raises:
        CheckpointError: the folder is no run, or a setting was given otherwise than the run has it.
    """
    before, default = read_config(run_dir), recipe(config.task, config.algo)
    changed = [
        f"{name} was {getattr(before, name)}, is {getattr(config, name)}"
        for name in TrainConfig.__dataclass_fields__
        if getattr(config, name) not in (getattr(default, name), getattr(before, name))
    ]
    if changed:
        raise CheckpointError(f"{run_dir} holds another run: {'; '.join(changed)}")
    return before if env_steps is None else replace(before, env_steps=env_steps)


def make_environment(config: TrainConfig) -> VectorEnv:
    """The robots that the config describes.

    Raises:
        UnknownNameError: no task or robot has that name.
        GaitwayError: the policy would observe what no robot measures, and that is not asked for.
    """
    task = get_task(config.task)
    if not config.allow_unmeasured:
        check_measured(task)
    return VectorEnv(
        task, get_robot(config.robot), config.num_envs, seed=config.seed, num_threads=config.sim_threads
    )


def make_algorithm(config: TrainConfig, env: VectorEnv) -> Algorithm:
    """The algorithm at the beginning of the run that the config describes.

    Raises:
        PolicyError: the policy to start from cannot be used.
        GaitwayError: the algorithm cannot start from one.
    """
    algorithm = ALGORITHMS[config.algo](config.settings, env, config.seed, task_mirror(env.task, env.robot))
    if config.init is not None:
        if not isinstance(algorithm.policy, GaussianActorCritic):
            raise GaitwayError(f"{config.algo} cannot start from a policy file; ppo can")
        start_from(algorithm.policy, config.init, env)
    return algorithm


def check_measured(task: Task) -> None:
    """Refuse a task whose policy would observe what no robot measures.

    Raises:
        GaitwayError: with what to observe instead.
    """
    unmeasured = [term.term for term in task.observation if not term.term.topic]
    if unmeasured:
        lines = "\n".join(f"  - {term.name}: use {term.instead} instead" for term in unmeasured)
        raise GaitwayError(
            f"task {task.name!r} lets the policy observe what no robot measures:\n{lines}\n"
            "--allow-unmeasured trains it all the same, for simulation only"
        )


def train(config: TrainConfig, run_dir: Path, *, resume: bool = False) -> TrainResult:
    """Train to the config's budget, or to Ctrl-C, which ends the iteration, saves and returns.

    Args:
        config: what to train.
        run_dir: folder of the run; checkpoints, TensorBoard files and `run.json` go there.
        resume: go on from the newest checkpoint in `run_dir`.

    Raises:
        CheckpointError: `run_dir` holds a run and `resume` is not asked for, or there is nothing to
            resume.
        GaitwayError: training diverged, or a checkpoint could not be written; the one before it is whole.
    """
    torch.set_num_threads(config.torch_threads)
    training = _Training(config, Path(run_dir), resume)
    if resume:
        training.restore()
    _prepare(training, resume)
    try:
        if not resume:
            training.save()  # so that a run killed early can go on too
        training.run()
    except OSError as error:
        raise GaitwayError(
            f"cannot write to {run_dir}: {error.strerror or error}; its last checkpoint is whole"
        ) from error
    return training.result()


class _Training:
    """A training between two iterations, which is all that a checkpoint has to hold."""

    def __init__(self, config: TrainConfig, run_dir: Path, resume: bool):
        self.config = config
        self.run_dir = run_dir
        self.env = make_environment(config)
        self.algorithm = make_algorithm(replace(config, init=None) if resume else config, self.env)
        self.iteration = 0
        self.env_steps = 0
        self.curve: list[dict[str, float]] = []
        self._seconds_before = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time of learning, all resumed parts together [s]."""
        return self._seconds_before + time.perf_counter() - self._started

    def save(self) -> None:
        """Write a checkpoint."""
        tensors, values = self.algorithm.state_dict()
        state = {
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "seconds": self.seconds,
            "curve": self.curve,
            "algorithm": values,
        }
        save_checkpoint(self.run_dir, Checkpoint(tensors, state))

    def restore(self) -> None:
        """Go on from the newest checkpoint."""
        checkpoint = load_checkpoint(self.run_dir)
        self.algorithm.load_state_dict(checkpoint.tensors, checkpoint.values["algorithm"])
        self.iteration = checkpoint.values["iteration"]
        self.env_steps = checkpoint.values["env_steps"]
        self.curve = checkpoint.values["curve"]
        self._seconds_before = checkpoint.values["seconds"]

    def run(self) -> None:
        """Iterate to the budget or to Ctrl-C, and save."""
        budget = self.config.env_steps
        purge_step = self.env_steps + 1 if self.env_steps else None
        with (
            SummaryWriter(str(self.run_dir / "tensorboard"), purge_step=purge_step) as writer,
            _deferred_interrupt() as interrupted,
            progress_bar(f"train {self.config.task}", budget, self.env_steps) as bar,
        ):
            while self.env_steps < budget and not interrupted:
                row = self._iterate()
                for name, value in row.items():
                    if name != "env_steps":
                        writer.add_scalar(name, value, self.env_steps)
                bar.update(self.env_steps, _figures(self.curve, self.env_steps / row["seconds"]))
                if self.iteration % self.config.checkpoint_every == 0:
                    self.save()
            self.save()

    def result(self) -> TrainResult:
        """How it ended."""
        interrupted = self.env_steps < self.config.env_steps
        per_iteration = self.algorithm.steps_per_iteration
        diverged = round(sum(row.get("diverged", 0.0) for row in self.curve) * per_iteration)
        return TrainResult(self.run_dir, self.env_steps, self.seconds, self.curve, interrupted, diverged)

    def _iterate(self) -> dict[str, float]:
        """One iteration; returns its row of the curve."""
        metrics = self.algorithm.iterate()
        _check_finite(metrics, self.run_dir)
        self.iteration += 1
        self.env_steps += self.algorithm.steps_per_iteration
        self.curve.append({"env_steps": self.env_steps, "seconds": self.seconds, **metrics})
        return self.curve[-1]


def _prepare(training: _Training, resume: bool) -> None:
    """Check that a new run does not cover another, and write `run.json` and what was drawn for its robots."""
    config, run_dir, env = training.config, training.run_dir, training.env
    path = run_dir / "run.json"
    if not resume and path.exists():
        raise CheckpointError(f"{run_dir} holds a run already; add --resume, or name another folder")
    record: dict[str, Any] = {
        "algo": config.algo,
        "config": msgspec.to_builtins(config),
        "randomization": msgspec.to_builtins(env.task.randomization),
        "machine": describe_machine(),
        "versions": describe_versions(),
    }
    if env.task.randomization is not None:
        draws = safetensors.numpy.save(env.sim.draw.arrays())
        write_atomically(run_dir / "robots.safetensors", draws)
    write_atomically(path, json.dumps(record, indent=2) + "\n")


def _check_finite(metrics: dict[str, float], run_dir: Path) -> None:
    broken = [name for name, value in metrics.items() if value != value or abs(value) == float("inf")]
    if broken:
        raise GaitwayError(
            f"training diverged: {', '.join(broken)} is not finite; the last checkpoint in {run_dir} is whole"
        )


def _figures(curve: list[dict[str, float]], steps_per_second: float) -> str:
    """The line beside the progress bar: newest known return and survival, and the speed."""
    newest = {name: value for row in curve[-20:] for name, value in row.items()}
    parts = [f"{name} {newest[name]:.2f}" for name in ("return", "survival") if name in newest]
    return " ".join([*parts, f"{steps_per_second:,.0f} steps/s"])


@contextmanager
def _deferred_interrupt() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list instead of raising, so that an iteration can end; a second one raises."""
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    try:
        previous = signal.signal(signal.SIGINT, note)
    except ValueError:  # not in the main thread: whoever runs us handles signals
        yield received
        return
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, previous)

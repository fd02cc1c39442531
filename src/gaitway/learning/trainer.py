"""Runs an algorithm on a task: progress, curves, checkpoints, resume.

Everything is counted in steps. A run killed at any moment goes on from its newest checkpoint to the same
bits, because a checkpoint holds all that the next iteration depends on.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import gymnasium
import safetensors.numpy
import torch
from torch.utils.tensorboard import SummaryWriter

from gaitway.errors import GaitwayError
from gaitway.files import write_atomically
from gaitway.learning.algorithm import Algorithm
from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.checkpoint import Checkpoint, CheckpointError, Checkpoints
from gaitway.learning.config import TrainConfig
from gaitway.learning.divergence import check_metrics, check_policy
from gaitway.learning.environments import check_actions, find_environment
from gaitway.learning.gymnasium_tasks import PREFIX, make_gymnasium
from gaitway.learning.initial import start_from
from gaitway.learning.interrupts import deferred_interrupt
from gaitway.learning.networks import GaussianActorCritic
from gaitway.learning.periodic_evaluation import PeriodicEvaluation
from gaitway.learning.record import check_same_robot, check_same_run, write_record
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.tasks import Task, VectorEnv, get_task, task_mirror
from gaitway.tasks.evaluation import EVALUATION_SEED


@dataclass(frozen=True)
class TrainResult:
    """How a training ended."""

    run_dir: Path
    env_steps: int
    seconds: float
    """Wall time of learning, without evaluations, all resumed parts together [s]."""
    curve: list[dict[str, float]]
    """One row per iteration: `env_steps`, `seconds` and the algorithm's figures."""
    interrupted: bool
    """Whether it was stopped before its budget was used, and short of its target."""
    best: dict[str, float] | None
    """The evaluation of the largest return, with its `env_steps`; None without evaluations."""
    diverged: int
    """Episodes that ended because the physics diverged."""

    @property
    def env_steps_per_second(self) -> float:
        """Environment steps per second of wall time."""
        return self.env_steps / self.seconds if self.seconds else 0.0


def make_environment(config: TrainConfig, *, for_evaluation: bool = False) -> gymnasium.vector.VectorEnv:
    """What the config trains on.

    Args:
        config: names the task and the robot.
        for_evaluation: robots under all that the task has for an evaluation, as many as that has episodes.

    Raises:
        UnknownNameError: no task, robot or Gymnasium environment has that name.
        GaitwayError: the policy would observe what no robot measures, and that is not asked for.
    """
    num_envs = config.eval_episodes if for_evaluation else config.num_envs
    if config.task.startswith(PREFIX):
        one_hot = not ALGORITHMS[config.algo].tabular
        return make_gymnasium(config.task, num_envs, config.sim_threads, one_hot=one_hot)
    seed = EVALUATION_SEED if for_evaluation else config.seed
    if environment := find_environment(config.task):
        return environment.make(num_envs, config.robot, seed=seed, num_threads=config.sim_threads)
    task = get_task(config.task)
    if not config.allow_unmeasured:
        check_measured(task)
    task = task.for_evaluation() if for_evaluation else replace(task, guarded=config.guarded)
    return VectorEnv(task, get_robot(config.robot), num_envs, seed=seed, num_threads=config.sim_threads)


def make_robots(config: TrainConfig) -> VectorEnv:
    """The robots that the config trains.

    Raises:
        GaitwayError: as `make_environment`, or because the task is none of robots.
    """
    env = make_environment(config)
    if not isinstance(env, VectorEnv):
        raise GaitwayError(
            f"{config.task} has no robot whose joints a policy commands, and so no policy file"
        )
    return env


def make_algorithm(config: TrainConfig, env: gymnasium.vector.VectorEnv) -> Algorithm:
    """The algorithm at the beginning of the run that the config describes.

    Raises:
        PolicyError: the policy to start from cannot be used.
        GaitwayError: the algorithm cannot start from one, or cannot act in the environment.
    """
    check_actions(config.algo, env, config.task)
    mirror = task_mirror(env.task, env.robot) if isinstance(env, VectorEnv) else None
    algorithm = ALGORITHMS[config.algo](config.settings, env, config.seed, mirror)
    if config.init is not None:
        if not isinstance(algorithm.policy, GaussianActorCritic) or not isinstance(env, VectorEnv):
            raise GaitwayError(f"{config.algo} on {config.task} cannot start from a policy file")
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


@contextmanager
def arithmetic(config: TrainConfig) -> Iterator[None]:
    """Let torch compute as a training does, from before anything of it is made."""
    torch.set_num_threads(config.torch_threads)
    torch.set_flush_denormal(True)  # idle units' moments in Adam decay to denormals, and those are slow
    precision = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision(config.matmul_precision)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(precision)
        torch.set_flush_denormal(False)


def train(config: TrainConfig, run_dir: Path, *, resume: bool = False) -> TrainResult:
    """Train to the config's budget, to its target, or to Ctrl-C, which ends the iteration, saves and returns.

    Args:
        config: what to train.
        run_dir: folder of the run; checkpoints, TensorBoard files and `run.json` go there.
        resume: go on from the newest whole checkpoint in `run_dir`.

    Raises:
        CheckpointError: `run_dir` holds a run and `resume` is not asked for, or there is nothing to
            resume, or what is there is of another task, algorithm or version.
        GaitwayError: training diverged, or a checkpoint could not be written; the one before it is whole.
    """
    run_dir = Path(run_dir)
    if resume:
        check_same_run(config, run_dir)
    elif (run_dir / "run.json").exists():
        raise CheckpointError(f"{run_dir} holds a run already; add --resume, or name another folder")
    with arithmetic(config):
        training = _Training(replace(config, init=None) if resume else config, run_dir)
        if resume:
            training.restore()
        try:
            if not resume:
                training.save()  # before what makes the folder a run, so that a run can always go on
            _write_beginning(config, training)
            training.run()
        except OSError as error:
            raise GaitwayError(
                f"cannot write to {run_dir}: {error.strerror or error}; its last checkpoint is whole"
            ) from error
        return training.result()


class _Training:
    """A training between two iterations, which is all that a checkpoint has to hold."""

    def __init__(self, config: TrainConfig, run_dir: Path):
        self.config = config
        self.run_dir = run_dir
        self.env = make_environment(config)
        self.algorithm = make_algorithm(config, self.env)
        self.iteration = 0
        self.env_steps = 0
        self.curve: list[dict[str, float]] = []
        self.best: dict[str, float] | None = None
        self._checkpoints = Checkpoints(run_dir)
        self._of_robots = isinstance(self.env, VectorEnv)
        self._evaluation = None
        if config.eval_every:
            env = make_environment(config, for_evaluation=True)
            self._evaluation = PeriodicEvaluation(env, has_survival=self._of_robots)
        self._seconds_before = 0.0
        self._started = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time of learning, without evaluations, all resumed parts together [s]."""
        return self._seconds_before + time.perf_counter() - self._started

    @property
    def reached(self) -> bool:
        """Whether an evaluation came to the target."""
        target = self.config.target_return
        return target is not None and self.best is not None and self.best["eval/return"] >= target

    def save(self) -> None:
        """Write a checkpoint."""
        self._checkpoints.save(self._checkpoint(), self.algorithm.replay)

    def restore(self) -> None:
        """Go on from the newest whole checkpoint.

        Raises:
            CheckpointError: there is none, it is of another training, or the robot has changed since.
        """
        if isinstance(self.env, VectorEnv):
            check_same_robot(self.env.robot, self.run_dir)
        checkpoint = self._checkpoints.load(self.algorithm.replay)
        values = checkpoint.values
        found, expected = (values["task"], values["algo"]), (self.config.task, self.config.algo)
        if found != expected:
            raise CheckpointError(
                f"the checkpoint in {self.run_dir} is of {found[1]} on {found[0]}; "
                f"the run is of {expected[1]} on {expected[0]}"
            )
        try:
            self.algorithm.load_state_dict(checkpoint.tensors, values["algorithm"])
        except (KeyError, ValueError, RuntimeError) as error:
            raise CheckpointError(
                f"the checkpoint in {self.run_dir} does not fit the run: {error}"
            ) from error
        if unsaveable := getattr(self.env, "unsaveable", None):
            print(f"note: {self.config.task} begins new episodes: {unsaveable}", file=sys.stderr)
        self.iteration, self.env_steps = values["iteration"], values["env_steps"]
        self.curve, self.best = values["curve"], values["best"]
        self._seconds_before = values["seconds"]

    def run(self) -> None:
        """Iterate to the budget, to the target or to Ctrl-C, and save.

        Raises:
            GaitwayError: something is not finite; nothing of it was saved.
        """
        config, budget = self.config, self.config.env_steps
        purge_step = self.env_steps + 1 if self.env_steps else None
        with (
            SummaryWriter(str(self.run_dir / "tensorboard"), purge_step=purge_step) as writer,
            deferred_interrupt() as interrupted,
            progress_bar(f"train {config.task}", budget, self.env_steps) as bar,
        ):
            while self.env_steps < budget and not self.reached and not interrupted:
                row = self._iterate()
                for name, value in row.items():
                    if name != "env_steps":
                        writer.add_scalar(name, value, self.env_steps)
                bar.update(self.env_steps, _figures(self.curve, self.env_steps / row["seconds"]))
                if self.iteration % config.checkpoint_every == 0:
                    self.save()
            self.save()

    def result(self) -> TrainResult:
        """How it ended."""
        interrupted = self.env_steps < self.config.env_steps and not self.reached
        per_iteration = self.algorithm.steps_per_iteration
        diverged = round(sum(row.get("diverged", 0.0) for row in self.curve) * per_iteration)
        return TrainResult(
            self.run_dir, self.env_steps, self.seconds, self.curve, interrupted, self.best, diverged
        )

    def _iterate(self) -> dict[str, float]:
        """One iteration, and an evaluation where it is due; returns the row of the curve."""
        metrics = self.algorithm.iterate()
        if not self._of_robots:
            metrics.pop("survival", None)  # what ends by a time limit need not have been upright
        check_metrics(metrics, self.run_dir)
        check_policy(self.algorithm.policy, self.run_dir)
        self.iteration += 1
        self.env_steps += self.algorithm.steps_per_iteration
        self.curve.append({"env_steps": self.env_steps, "seconds": self.seconds, **metrics})
        if self._evaluation and self.iteration % self.config.eval_every == 0:
            self._evaluate(self._evaluation)
        return self.curve[-1]

    def _evaluate(self, evaluation: PeriodicEvaluation) -> None:
        """Measure the policy, and keep it where it is the best so far."""
        started = time.perf_counter()
        figures = evaluation.run(self.algorithm.evaluator())
        self._started += time.perf_counter() - started
        check_metrics(figures, self.run_dir)
        self.curve[-1] |= figures
        if self.best is None or figures["eval/return"] > self.best["eval/return"]:
            self.best = {"env_steps": self.env_steps, **figures}
            self._checkpoints.save_best(self._checkpoint())

    def _checkpoint(self) -> Checkpoint:
        tensors, values = self.algorithm.state_dict()
        state = {
            "task": self.config.task,
            "algo": self.config.algo,
            "iteration": self.iteration,
            "env_steps": self.env_steps,
            "seconds": self.seconds,
            "curve": self.curve,
            "best": self.best,
            "algorithm": values,
        }
        return Checkpoint(tensors, state)


def _write_beginning(config: TrainConfig, training: _Training) -> None:
    """Write `run.json` and what was drawn for the robots."""
    env = training.env
    if not isinstance(env, VectorEnv):
        write_record(training.run_dir, config)
        return
    if env.task.randomization is not None:
        draws = safetensors.numpy.save(env.sim.draw.arrays())
        write_atomically(training.run_dir / "robots.safetensors", draws)
    write_record(training.run_dir, config, env.robot, env.task.randomization)


def _figures(curve: list[dict[str, float]], steps_per_second: float) -> str:
    """The line beside the progress bar: newest known return, survival and evaluation, and the speed."""
    newest = {name: value for row in curve[-200:] for name, value in row.items()}
    shown = ("return", "survival", "eval/return")
    parts = [f"{name} {newest[name]:.2f}" for name in shown if name in newest]
    return " ".join([*parts, f"{steps_per_second:,.0f} steps/s"])

"""How well something controls the robots, under the same noise and pushes for everything measured."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

import numpy as np

from gaitway import rotation
from gaitway.policy import Envelope, ObservationStatistics, PolicyBatch
from gaitway.robots import Robot
from gaitway.tasks.task import Task
from gaitway.tasks.vector_env import VectorEnv

EVALUATION_SEED = 20_240
"""Evaluation draws its noise and pushes from this seed unless told otherwise; training seeds are small."""

_AVERAGED_S = 1.0
_SETTLING_S = 2.0
_AFTER_PUSH_S = 1.5
_ENVELOPE_ROBOTS = 64
_ENVELOPE_QUANTILE = 0.999

Act = Callable[[np.ndarray], np.ndarray]
"""From observations (n, obs_size) to actions (n, num_joints). A PolicyBatch is told when episodes begin."""


@dataclass(frozen=True)
class Tracking:
    """Root mean squares of velocity errors, over robots and time after the first 2 s.

    An error is that of the velocity averaged over the last second, because a walking body sways within a step, in
    the yaw-aligned base frame. A fallen robot's remaining time counts as an error of the whole command.
    """

    velocity_error_rms: float
    """Planar, without the 1.5 s after each push [m/s]."""
    yaw_rate_error_rms: float
    """Without the 1.5 s after each push [rad/s]."""
    velocity_error_rms_with_pushes: float
    """[m/s]"""
    yaw_rate_error_rms_with_pushes: float
    """[rad/s]"""


@dataclass(frozen=True)
class Evaluation:
    """What happened to each robot in its first episode."""

    survived: np.ndarray
    """Robots that were upright to the end. Shape (num_robots,), bool."""
    episode_return: np.ndarray
    """Sum of rewards. Shape (num_robots,)."""
    episode_s: np.ndarray
    """Time until the end [s]. Shape (num_robots,)."""
    envelope: Envelope
    """What the surviving robots did."""
    observed: ObservationStatistics
    """What robots observed until they fell."""
    tracking: Tracking | None
    """How velocity commands were followed; None for a task without."""
    diverged: int
    """Episodes that ended because the physics diverged."""
    guarded: float
    """Share of control steps in which the Guard limited a target."""

    @property
    def survival(self) -> float:
        """Share of robots upright to the end."""
        return float(self.survived.mean())

    def figures(self) -> dict[str, float]:
        """The evaluation in numbers, as policy files and `--json` state it."""
        return {
            "survival": self.survival,
            "return": float(self.episode_return.mean()),
            "episode_s": float(self.episode_s.mean()),
            "robots": float(len(self.survived)),
            "diverged": float(self.diverged),
            "guarded": self.guarded,
            **(asdict(self.tracking) if self.tracking else {}),
        }


def zero_action(obs: np.ndarray, num_actions: int) -> np.ndarray:
    """The baseline: hold the home pose. Shape (n, num_actions)."""
    return np.zeros((len(obs), num_actions))


def begin_episodes(act: Act, robots: np.ndarray | None = None) -> None:
    """Let what acts forget the past of some robots, where it remembers any.

    Args:
        act: what acts on the robots.
        robots: those whose episode begins; default all. Shape (n,), bool.
    """
    if isinstance(act, PolicyBatch):
        act.reset(robots)


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927)."""
    from scipy.stats import binomtest  # takes long to import

    interval = binomtest(successes, count).proportion_ci(method="wilson")
    return float(interval.low), float(interval.high)


def evaluate(
    act: Act,
    task: Task,
    robot: Robot,
    *,
    num_robots: int = 256,
    episode_s: float | None = None,
    seed: int = EVALUATION_SEED,
    num_threads: int = 0,
    on_step: Callable[[int, int], None] | None = None,
) -> Evaluation:
    """Run one episode on every robot.

    Args:
        act: the policy, without exploration; one that carries a state from step to step as a PolicyBatch.
        task: the task; its noise, latency, differences between robots and pushes apply, in full.
        robot: the robot.
        num_robots: how many run side by side.
        episode_s: length of the episode [s]; default the task's.
        seed: of noise, pushes and initial states; up to its first fall a robot meets the same whatever
            `act` is.
        num_threads: threads that step the physics.
        on_step: told the step and the number of steps, to show progress.
    """
    if episode_s is not None:
        task = replace(task, episode_s=episode_s)
    task = task.for_evaluation()
    env = VectorEnv(task, robot, num_robots, seed=seed, num_threads=num_threads)
    obs, _ = env.reset()
    begin_episodes(act)
    running = np.ones(num_robots, dtype=bool)
    survived = np.zeros(num_robots, dtype=bool)
    episode_return = np.zeros(num_robots)
    steps = np.zeros(num_robots, dtype=np.int64)
    record = _EnvelopeRecord(env, min(num_robots, _ENVELOPE_ROBOTS))
    tracking = _TrackingRecord(env) if task.commands else None
    observed = _ObservationRecord(obs.shape[1])
    diverged = guarded = 0
    for step in range(task.episode_steps):
        action = act(obs)
        record.before(action)
        observed.before(obs[running])
        obs, reward, terminated, truncated, infos = env.step(action)
        begin_episodes(act, terminated | truncated)
        diverged += int((infos["diverged"] & running).sum())
        guarded += int((infos["guarded"] & running).sum())
        episode_return[running] += reward[running]
        steps[running] += 1
        survived |= running & truncated
        running &= ~(terminated | truncated)
        record.after(running)
        if tracking is not None:
            tracking.after(running | truncated, infos["push"])
        if on_step is not None:
            on_step(step + 1, task.episode_steps)
    return Evaluation(
        survived,
        episode_return,
        steps * task.step_dt,
        record.envelope(survived),
        observed.statistics(),
        tracking and tracking.result(),
        diverged,
        guarded / int(steps.sum()),
    )


class _TrackingRecord:
    """Collects how robots follow the command that they began with."""

    def __init__(self, env: VectorEnv):
        self._env = env
        self._command = env.command.copy()
        self._window: deque[np.ndarray] = deque(maxlen=round(_AVERAGED_S / env.task.step_dt))
        self._since_push = np.full(env.num_envs, np.inf)
        self._squares: list[np.ndarray] = []
        self._quiet: list[np.ndarray] = []
        self._step = 0

    def after(self, running: np.ndarray, pushed: np.ndarray) -> None:
        sim, step_dt = self._env.sim, self._env.task.step_dt
        yaw = rotation.yaw(sim.base_quat_w)
        x, y = sim.base_lin_vel_w[:, 0], sim.base_lin_vel_w[:, 1]
        forward, left = np.cos(yaw) * x + np.sin(yaw) * y, np.cos(yaw) * y - np.sin(yaw) * x
        self._window.append(np.stack([forward, left, sim.base_ang_vel_b[:, 2]], axis=1))
        self._since_push = np.where(pushed, 0.0, self._since_push + step_dt)
        self._step += 1
        if self._step * step_dt <= _SETTLING_S:
            return
        error = np.where(running[:, None], np.mean(self._window, axis=0) - self._command, self._command)
        square = np.square(error)
        self._squares.append(np.stack([square[:, 0] + square[:, 1], square[:, 2]], axis=1))
        self._quiet.append(~running | (self._since_push >= _AFTER_PUSH_S))

    def result(self) -> Tracking | None:
        """The root mean squares; None where the episode was too short for any."""
        if not self._squares:
            return None
        squares, quiet = np.stack(self._squares), np.stack(self._quiet)
        without = np.sqrt(squares[quiet].mean(axis=0)) if quiet.any() else np.full(2, np.nan)
        everything = np.sqrt(squares.mean(axis=(0, 1)))
        return Tracking(float(without[0]), float(without[1]), float(everything[0]), float(everything[1]))


class _ObservationRecord:
    """Collects mean and deviation of observations."""

    def __init__(self, size: int):
        self._count = 0
        self._sum, self._squares = np.zeros((2, size))

    def before(self, obs: np.ndarray) -> None:
        self._count += len(obs)
        self._sum += obs.sum(axis=0, dtype=np.float64)
        self._squares += np.square(obs, dtype=np.float64).sum(axis=0)

    def statistics(self) -> ObservationStatistics:
        mean = self._sum / self._count
        std = np.sqrt(np.maximum(0.0, self._squares / self._count - np.square(mean)))
        return ObservationStatistics(mean=tuple(mean.tolist()), std=tuple(std.tolist()), count=self._count)


class _EnvelopeRecord:
    """Collects the motion of the first robots of an environment."""

    def __init__(self, env: VectorEnv, count: int):
        self._env = env
        self._count = count
        self._home = np.array(env.robot.home_joint_pos)
        self._initial_error = float(np.abs(env.sim.joint_pos - self._home).max())
        self._target: np.ndarray | None = None
        self._target_step: list[np.ndarray] = []
        self._joint_vel: list[np.ndarray] = []
        self._base: list[np.ndarray] = []
        self._valid: list[np.ndarray] = []

    def before(self, action: np.ndarray) -> None:
        spec = self._env.action_spec
        action = np.clip(action[: self._count], -spec.clip, spec.clip)
        target = np.array(spec.offset) + np.array(spec.scale) * action
        previous = np.broadcast_to(self._home, target.shape) if self._target is None else self._target
        self._target_step.append(np.abs(target - previous).astype(np.float32))
        self._target = target

    def after(self, running: np.ndarray) -> None:
        sim, n = self._env.sim, self._count
        up_w = rotation.rotate(sim.base_quat_w[:n], np.array([0.0, 0.0, 1.0]))
        tilt = np.arccos(np.clip(up_w[:, 2], -1.0, 1.0))
        ang_vel = np.linalg.norm(sim.base_ang_vel_b[:n], axis=1)
        self._joint_vel.append(np.abs(sim.joint_vel[:n]).astype(np.float32))
        self._base.append(np.stack([ang_vel, tilt], axis=1).astype(np.float32))
        self._valid.append(running[:n].copy())

    def envelope(self, survived: np.ndarray) -> Envelope:
        """Quantiles over the surviving robots; over all of them where none survived."""
        keep = np.stack(self._valid)
        if survived[: self._count].any():
            keep &= survived[: self._count]
        if not keep.any():
            keep[:] = True

        def quantile(values: list[np.ndarray]) -> np.ndarray:
            return np.quantile(np.stack(values)[keep], _ENVELOPE_QUANTILE, axis=0)

        base = quantile(self._base)
        return Envelope(
            quantile=_ENVELOPE_QUANTILE,
            joint_vel=tuple(quantile(self._joint_vel).tolist()),
            joint_pos_target_step=tuple(quantile(self._target_step).tolist()),
            base_ang_vel=float(base[0]),
            tilt=float(base[1]),
            initial_joint_pos_error=self._initial_error,
        )

"""How well something controls the robots, under the same noise and pushes for everything measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.stats import binomtest

from gaitway import rotation
from gaitway.policy import Envelope
from gaitway.robots import Robot
from gaitway.tasks.task import Task
from gaitway.tasks.vector_env import VectorEnv

EVALUATION_SEED = 20_240
"""Evaluation draws its noise and pushes from this seed unless told otherwise; training seeds are small."""

_ENVELOPE_ROBOTS = 64
_ENVELOPE_QUANTILE = 0.999

Act = Callable[[np.ndarray], np.ndarray]
"""From observations (n, obs_size) to actions (n, num_joints)."""


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

    @property
    def survival(self) -> float:
        """Share of robots upright to the end."""
        return float(self.survived.mean())


def zero_action(obs: np.ndarray, num_actions: int) -> np.ndarray:
    """The baseline: hold the home pose. Shape (n, num_actions)."""
    return np.zeros((len(obs), num_actions))


def wilson_interval(successes: int, count: int) -> tuple[float, float]:
    """95 % Wilson score interval of a share (Wilson 1927)."""
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
        act: the policy, without exploration.
        task: the task; its noise, latency and pushes apply.
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
    env = VectorEnv(task, robot, num_robots, seed=seed, num_threads=num_threads)
    obs, _ = env.reset()
    running = np.ones(num_robots, dtype=bool)
    survived = np.zeros(num_robots, dtype=bool)
    episode_return = np.zeros(num_robots)
    steps = np.zeros(num_robots, dtype=np.int64)
    record = _EnvelopeRecord(env, min(num_robots, _ENVELOPE_ROBOTS))
    for step in range(task.episode_steps):
        action = act(obs)
        record.before(action)
        obs, reward, terminated, truncated, _ = env.step(action)
        episode_return[running] += reward[running]
        steps[running] += 1
        survived |= running & truncated
        running &= ~(terminated | truncated)
        record.after(running)
        if on_step is not None:
            on_step(step + 1, task.episode_steps)
    return Evaluation(survived, episode_return, steps * task.step_dt, record.envelope(survived))


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
        clip = self._env.task.action.clip
        action = np.clip(action[: self._count], -clip, clip)
        target = self._home + self._env.task.action.scale * action
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

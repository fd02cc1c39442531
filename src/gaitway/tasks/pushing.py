"""When robots are pushed, and how hard."""

from __future__ import annotations

import numpy as np

from gaitway.sim import Simulation
from gaitway.tasks.task import Pushes


class PushSchedule:
    """The next push of each of n robots."""

    def __init__(self, pushes: Pushes | None, num_envs: int, step_dt: float):
        self._pushes = pushes
        self._num_envs = num_envs
        self._step_dt = step_dt
        self.next_step = np.zeros(num_envs, dtype=np.int64)
        """Control step of its episode at which each robot is pushed next. Shape (num_envs,)."""

    def draw_wait(self, rng: np.random.Generator) -> np.ndarray:
        """Control steps until a next push, for every robot. Shape (num_envs,)."""
        interval = rng.uniform(*(self._pushes.interval_s if self._pushes else (0.0, 0.0)), self._num_envs)
        return np.rint(interval / self._step_dt).astype(np.int64)

    def push(
        self, sim: Simulation, episode_step: np.ndarray, rng: np.random.Generator, scale: np.ndarray
    ) -> np.ndarray:
        """Begin the pushes that are due.

        Args:
            sim: the robots.
            episode_step: control steps since each robot's reset. Shape (num_envs,).
            rng: source of the draws, which are made for every robot at every step.
            scale: factor on the size of each robot's push. Shape (num_envs,).

        Returns:
            Which robots are pushed. Shape (num_envs,), bool.
        """
        if self._pushes is None:
            return np.zeros(self._num_envs, dtype=bool)
        due = episode_step >= self.next_step
        angle = rng.uniform(0.0, 2.0 * np.pi, self._num_envs)
        size = rng.uniform(*self._pushes.impulse, self._num_envs) * scale
        wait = self.draw_wait(rng)
        if due.any():
            impulse = np.stack([size * np.cos(angle), size * np.sin(angle), 0.0 * size], axis=1)
            env_ids = np.nonzero(due)[0]
            sim.push(impulse[env_ids], env_ids)
            self.next_step[env_ids] = episode_step[env_ids] + wait[env_ids]
        return due

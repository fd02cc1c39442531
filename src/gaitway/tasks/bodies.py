"""Bodies of the task `navigate`: what carries out a velocity command, from a moving point to the walking robot."""

from __future__ import annotations

from abc import ABC, abstractmethod

import numpy as np

from gaitway.policy.velocity_command import ACCELERATION


class Body(ABC):
    """`num_envs` robots that are told velocities.

    Commands change as fast as a robot's do: at most by `gaitway.policy.velocity_command.ACCELERATION`.
    """

    num_envs: int
    step_dt: float
    """How long one command lasts [s]."""

    @property
    @abstractmethod
    def pose_w(self) -> np.ndarray:
        """x, y [m] and heading [rad] of the base in world frame. Shape (num_envs, 3)."""

    @abstractmethod
    def reset(self, seed: int | None) -> None:
        """Let every robot stand at the origin; `seed` replaces the source of randomness unless None."""

    @abstractmethod
    def move(self, command: np.ndarray) -> np.ndarray:
        """Carry out commands for `step_dt`.

        Args:
            command: vx, vy [m/s] in the yaw-aligned base frame and yaw rate [rad/s]. Shape (num_envs, 3).

        Returns:
            Robots that fell. They stand at the origin again. Shape (num_envs,), bool.
        """

    @abstractmethod
    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next moves depend on; arrays only."""

    @abstractmethod
    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""


class PlanarBody(Body):
    """A point with a heading that moves exactly as it is told: the body to learn on fast."""

    _PARTS = 10  # of a step, for its integral

    def __init__(self, num_envs: int, step_dt: float):
        """Make the robots.

        Args:
            num_envs: how many.
            step_dt: how long one command lasts [s].
        """
        self.num_envs, self.step_dt = num_envs, step_dt
        self._pose_w = np.zeros((num_envs, 3))
        self._velocity = np.zeros((num_envs, 3))
        ends = np.arange(1, self._PARTS + 1) * step_dt / self._PARTS
        self._largest_change = ends[:, None, None] * np.array(ACCELERATION)

    @property
    def pose_w(self) -> np.ndarray:
        """x, y [m] and heading [rad] of the base in world frame. Shape (num_envs, 3)."""
        return self._pose_w.copy()

    def reset(self, seed: int | None) -> None:
        """Let every robot stand at the origin; nothing here is random."""
        self._pose_w[:] = 0.0
        self._velocity[:] = 0.0

    def move(self, command: np.ndarray) -> np.ndarray:
        """Carry out commands for `step_dt`; nobody falls."""
        before = self._velocity
        ends = before + np.clip(command - before, -self._largest_change, self._largest_change)
        mean = (np.concatenate([before[None], ends[:-1]]) + ends) / 2.0  # over each part. Shape (parts, n, 3)
        shift = mean * (self.step_dt / self._PARTS)
        yaw = self._pose_w[:, 2] + np.cumsum(shift[..., 2], axis=0) - shift[..., 2] / 2.0
        cos, sin = np.cos(yaw), np.sin(yaw)
        self._pose_w[:, 0] += (cos * shift[..., 0] - sin * shift[..., 1]).sum(axis=0)
        self._pose_w[:, 1] += (sin * shift[..., 0] + cos * shift[..., 1]).sum(axis=0)
        self._pose_w[:, 2] += shift[..., 2].sum(axis=0)
        self._velocity = ends[-1]
        return np.zeros(self.num_envs, dtype=bool)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next moves depend on."""
        return {"pose_w": self._pose_w.copy(), "velocity": self._velocity.copy()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._pose_w[:], self._velocity[:] = state["pose_w"], state["velocity"]

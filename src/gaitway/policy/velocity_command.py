"""From velocity requests, as they come, to the command that a policy observes."""

from __future__ import annotations

import numpy as np

from gaitway.policy.spec import CommandSpec

TIMEOUT_S = 0.5
"""A request older than this counts as a request to stand [s]."""
ACCELERATION = (1.0, 1.0, 2.0)
"""How fast a command may change: vx, vy [m/s^2] and yaw rate [rad/s^2]."""


class VelocityCommand:
    """Clips requests to the trained ranges, limits how fast they change, and lets old ones run out."""

    def __init__(self, spec: CommandSpec, step_dt: float):
        """Begin with a command to stand.

        Args:
            spec: the ranges that the policy was trained on.
            step_dt: time of one control step [s].
        """
        self._spec = spec
        self._largest_step = np.array(ACCELERATION) * step_dt
        self._request = np.zeros(3)
        self._requested_s = -np.inf
        self._command = np.zeros(3)

    def request(self, velocity: np.ndarray, now_s: float) -> None:
        """Take in a request: vx, vy [m/s] and yaw rate [rad/s], shape (3,). What is not finite is ignored."""
        if np.isfinite(velocity).all():
            self._request, self._requested_s = self._spec.clip(velocity), now_s

    def step(self, now_s: float) -> np.ndarray:
        """The command of this control step. Shape (3,)."""
        wanted = self._request if now_s - self._requested_s <= TIMEOUT_S else np.zeros(3)
        change = np.clip(wanted - self._command, -self._largest_step, self._largest_step)
        self._command = self._command + change
        return self._command

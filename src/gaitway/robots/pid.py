"""PID control of joints, as a law without ROS.

    effort = kp (target - position) + integral of ki (target - position) - kd velocity

The derivative acts on the measurement: a target that jumps gives no kick, and where the velocity is measured nothing has
to be differentiated, which would amplify noise. The integral is kept as a torque, so that changing ki moves nothing, and
it stands still while the effort is at its limit and the error drives it further there (anti-windup by conditional
integration). See Astrom and Hagglund, "PID Controllers: Theory, Design, and Tuning", 1995, chapter 3.
"""

from __future__ import annotations

import numpy as np


class Pid:
    """PID controllers of several joints; each array has one value per joint, shape (n,)."""

    def __init__(
        self,
        effort_limit: np.ndarray,
        kp: np.ndarray | float = 10.0,
        ki: np.ndarray | float = 0.1,
        kd: np.ndarray | float = 1.0,
    ):
        """Start without integral.

        Args:
            effort_limit: largest torque of each joint [N m].
            kp: [N m/rad] This and the other gains may be changed at any time.
            ki: [N m/(rad s)]
            kd: [N m s/rad]
        """
        self.effort_limit = np.asarray(effort_limit, dtype=float)
        self.kp, self.ki, self.kd = kp, ki, kd
        self.saturated = np.zeros(self.effort_limit.shape, dtype=bool)
        """Which efforts were at their limit in the newest step."""
        self.reset()

    def reset(self) -> None:
        """Forget the integral."""
        self._integral = np.zeros_like(self.effort_limit)

    def step(
        self, target: np.ndarray, position: np.ndarray, velocity: np.ndarray, step_dt: float
    ) -> np.ndarray:
        """The torques to apply until the next step [N m]. Shape (n,).

        Args:
            target: [rad]
            position: measured [rad].
            velocity: measured [rad/s].
            step_dt: time since the step before [s].
        """
        error = target - position
        wanted = self.kp * error + self._integral - self.kd * velocity
        effort = np.clip(wanted, -self.effort_limit, self.effort_limit)
        excess = wanted - effort
        self.saturated = excess != 0.0
        self._integral = self._integral + np.where(excess * error > 0.0, 0.0, self.ki * error * step_dt)
        return effort

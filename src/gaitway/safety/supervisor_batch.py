"""The supervisor's judgement of motion and commands, of many simulated robots at once."""

from __future__ import annotations

import numpy as np

from gaitway.safety.checks import Checks, Height, Joints, Reading, Streaks, Values
from gaitway.safety.supervisor_limits import SupervisorLimits


class SupervisorBatch:
    """Judges n robots by the checks by which `Supervisor` judges one; each stop latches.

    What a supervisor decides by when messages come, by their stamps or by their form is not here: a simulation sends all
    of them, in time and whole.
    """

    def __init__(self, limits: SupervisorLimits, num_robots: int, height: Height | None = None):
        """Watch robots.

        Args:
            limits: what they may do.
            num_robots: how many there are.
            height: estimates the heights of their bases; None to judge none.
        """
        self.stopped = np.zeros(num_robots, dtype=bool)
        """Which robots are stopped. Shape (num_robots,)."""
        self.check = np.full(num_robots, "", dtype="U32")
        """The check that tripped first. Shape (num_robots,)."""
        self.value = np.zeros(num_robots)
        """What it found; NaN where a stop was requested. Shape (num_robots,)."""
        self.limit = np.zeros(num_robots)
        """What it allows; NaN where a stop was requested. Shape (num_robots,)."""
        self._checks = Checks(limits, height)
        self._streaks = Streaks()
        self._base_quat_w: np.ndarray | None = None
        self._joints: Joints | None = None
        self._target = np.full((num_robots, len(limits.joint_names)), np.nan)

    def base_motion(self, base_quat_w: np.ndarray, base_ang_vel_b: np.ndarray) -> None:
        """Judge orientations wxyz, shape (num_robots, 4), and angular velocities [rad/s], shape (num_robots, 3)."""
        self._base_quat_w = base_quat_w
        self._take(self._checks.base_motion(base_quat_w, base_ang_vel_b))

    def joint_state(self, joint_pos: np.ndarray, joint_vel: np.ndarray, joint_effort: np.ndarray) -> None:
        """Judge positions [rad], velocities [rad/s] and torques [N m]. Shapes (num_robots, num_joints)."""
        self._joints = joint_pos, joint_vel
        self._take(self._checks.joint_state(joint_pos, joint_vel, joint_effort, self._base_quat_w))

    def command(self, joint_pos_target: np.ndarray) -> None:
        """Judge joint targets [rad]. Shape (num_robots, num_joints)."""
        self._take(self._checks.command(joint_pos_target, self._target, self._joints))
        self._target = joint_pos_target.copy()

    def request_stop(self, source: str, robots: np.ndarray) -> None:
        """Stop robots for which somebody asks it, who stands as their check. Shape (num_robots,), bool."""
        self._stop(source, robots, np.nan, np.nan)

    def reset(self, robots: np.ndarray) -> None:
        """End the stops of some robots and forget what they did. Shape (num_robots,), bool."""
        self.stopped[robots] = False
        self._target[robots] = np.nan
        self._streaks.forget(robots)

    def _take(self, readings: list[Reading]) -> None:
        for reading in readings:
            _, trips = self._streaks.judge(reading)
            self._stop(reading.check, trips, reading.value, reading.limit)

    def _stop(self, check: str, robots: np.ndarray, value: Values, limit: Values) -> None:
        first = robots & ~self.stopped
        if first.any():
            self.stopped |= first
            self.check[first] = check
            self.value[first] = np.broadcast_to(value, first.shape)[first]
            self.limit[first] = np.broadcast_to(limit, first.shape)[first]

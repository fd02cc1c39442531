"""The Guard's limits on the joint targets of many robots, as each robot's controller applies them to its own."""

from __future__ import annotations

import numpy as np

from gaitway.robots import Robot
from gaitway.safety import GuardLimits, limit_targets
from gaitway.sim import Simulation


class TargetGuard:
    """Limits joint targets, and remembers what was sent. Arrays have the shape (num_envs, num_joints)."""

    def __init__(self, robot: Robot, num_envs: int, step_dt: float):
        """Guard `num_envs` robots that are commanded every `step_dt` [s]."""
        self._limits = GuardLimits.from_robot(robot)
        self._step_dt = step_dt
        self.joint_pos_target = np.tile(robot.home_joint_pos, (num_envs, 1))
        """Targets that were sent last [rad]; before an episode's first ones, the measured pose."""

    def begin(self, sim: Simulation, env_ids: np.ndarray) -> None:
        """Begin anew at the measured pose, as the Guard does."""
        self.joint_pos_target[env_ids] = sim.measured_joint_pos[env_ids]

    def limit(self, target: np.ndarray, sim: Simulation) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The targets to send [rad]; for which robots they are not those wanted; and which robots the Guard would damp.

        Where it would damp, because a robot is so far out of its range that no target in it asks for little enough torque,
        the nearest target in the range is sent. The last two have the shape (num_envs,), bool.
        """
        allowed, violated, invalid = limit_targets(
            self._limits, target, self.joint_pos_target, sim.measured_joint_pos, sim.joint_vel, self._step_dt
        )
        self.joint_pos_target[:] = allowed
        return allowed, np.asarray(violated.any(axis=(0, 2))), np.asarray(invalid.any(axis=1))

"""Reading a command for joints that are named, as every robot's bridge does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaitway.robots import Robot
from gaitway.safety import SafetyError


@dataclass(frozen=True, eq=False)
class JointCommand:
    """What is asked of each joint, in the robot's joint order and within its limits. Shapes (num_joints,)."""

    target: np.ndarray
    """Position targets [rad]; NaN where none is set."""
    effort: np.ndarray
    """Feed-forward torques [N m]."""
    named: np.ndarray
    """Which joints the command is for, bool. A named joint without a target has its torque alone."""

    @staticmethod
    def nothing(robot: Robot) -> JointCommand:
        """A command for no joint."""
        return read_command(robot, (), (), ())


def read_command(
    robot: Robot, joints: Sequence[str], position: Sequence[float], effort: Sequence[float]
) -> JointCommand:
    """Put a command in the robot's order, and clip it to the robot's limits.

    Args:
        robot: that is commanded.
        joints: names, each once, in any order; not all need be there.
        position: targets [rad]; empty, or NaN, where unset.
        effort: torques [N m]; empty, or NaN, where unset.

    Raises:
        SafetyError: the command is malformed; the message says how.
    """
    index = {name: i for i, name in enumerate(robot.joint_names)}
    unknown = [name for name in joints if name not in index]
    sizes = (len(position), len(effort))
    repeated = [name for name, count in Counter(joints).items() if count > 1]
    if unknown or repeated:
        raise SafetyError(f"unknown or repeated joints: {', '.join(unknown + repeated)}")
    if any(size not in (0, len(joints)) for size in sizes):
        raise SafetyError(f"{len(joints)} joints with {sizes} positions and efforts")
    target = np.full(robot.num_joints, np.nan)
    torque = np.zeros(robot.num_joints)
    named = np.zeros(robot.num_joints, dtype=bool)
    order = [index[name] for name in joints]
    named[order] = True
    if len(position):
        target[order] = position
    if len(effort):
        given = np.asarray(effort, dtype=float)
        torque[order] = np.where(np.isnan(given), 0.0, given)
    if np.isinf(target).any() or np.isinf(torque).any():
        raise SafetyError("an infinite position or effort")
    limit = np.array(robot.effort_limit)
    return JointCommand(
        np.clip(target, robot.position_lower, robot.position_upper), np.clip(torque, -limit, limit), named
    )

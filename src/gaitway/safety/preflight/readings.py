"""What a preflight measures, and what a check of it says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Level = Literal["pass", "warn", "fail", "skip"]


@dataclass(frozen=True)
class Check:
    """One line of a preflight's table."""

    name: str
    level: Level
    found: str
    """What was measured, and what was expected."""
    advice: str = ""
    """What to do about it; empty where nothing needs doing."""


@dataclass(frozen=True, kw_only=True)
class Stream:
    """When the messages of one sensor came. Shapes (n,)."""

    arrival_s: np.ndarray
    """On the steady clock of this computer [s]."""
    clock_s: np.ndarray
    """On its wall clock [s]."""
    stamp_s: np.ndarray
    """Their stamps [s]; NaN for those without."""


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What was heard of a robot at rest during one window."""

    joints: Stream
    joint_names: tuple[str, ...]
    """As the first joint state has them, in its order; empty where none came."""
    malformed: int
    """Joint states with other names than the first, or without a position and velocity for each."""
    joint_pos: np.ndarray
    """In the policy's joint order [rad]. Shape (n, num_joints); (0, num_joints) where the joints are others."""
    joint_vel: np.ndarray
    """[rad/s] Shape as joint_pos."""
    imu: Stream
    imu_quat_w: np.ndarray
    """wxyz. Shape (m, 4)."""
    imu_ang_vel: np.ndarray
    """In IMU frame [rad/s]. Shape (m, 3)."""
    imu_lin_acc: np.ndarray | None
    """Specific force in IMU frame [m/s^2]; None where it is not measured. Shape (m, 3)."""
    obs: np.ndarray
    """What the policy would have observed, one row per control step. Shape (k, obs_size)."""
    joint_pos_error: np.ndarray
    """Joint targets that it would have commanded, less the measured positions [rad]. Shape (k, num_joints)."""
    positional_joints: tuple[str, ...] | None
    """The robot's parameter `joints`; None for a robot without."""
    mode: str | None
    """The robot's mode; None for a robot that does not say."""
    stop_reason: str | None
    """Why the robot is stopped; None where it is not."""


def graded(
    name: str, value: float, warn_above: float, fail_above: float, found: str, advice: str = ""
) -> Check:
    """A check of a value that should be small; what is not a number fails."""
    if value <= warn_above:
        return Check(name, "pass", found)
    return Check(name, "warn" if value <= fail_above else "fail", found, advice)

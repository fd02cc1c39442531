"""What a robot is: the facts that training, the policy file and the safety layers share."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaitway.errors import GaitwayError


class RobotError(GaitwayError):
    """A robot whose description contradicts itself."""


@dataclass(frozen=True, kw_only=True)
class ImuMounting:
    """Where the IMU sits on the base link."""

    site: str
    """Name of the MJCF site; also the frame of `/imu/data` is `imu_link`."""
    pos: tuple[float, float, float]
    """Position of the IMU in base frame [m]."""
    quat: tuple[float, float, float, float]
    """Orientation of the IMU in base frame, unit quaternion wxyz."""


@dataclass(frozen=True, kw_only=True)
class Robot:
    """A legged robot with a floating base and position-controlled hinge joints.

    Per-joint fields follow `joint_names`. The torque of a joint is
    `stiffness * (target - position) - damping * velocity + feed-forward`, clipped to its effort limit.
    """

    name: str
    mjcf: str
    """MJCF source text, without actuators: those are made from the fields below."""
    joint_names: tuple[str, ...]
    """Actuated joints, in the order of every per-joint array."""
    home_joint_pos: tuple[float, ...]
    """Nominal standing pose [rad]."""
    home_base_height: float
    """Height of the base origin at the home pose with the soles on the ground [m]."""
    stiffness: tuple[float, ...]
    """Proportional gain [N m/rad]."""
    damping: tuple[float, ...]
    """Derivative gain [N m s/rad]."""
    effort_limit: tuple[float, ...]
    """Largest torque [N m]."""
    velocity_limit: tuple[float, ...]
    """Largest joint speed [rad/s]."""
    position_limit: tuple[tuple[float, float], ...]
    """Hard range of each joint (lower, upper) [rad]."""
    damping_mode: tuple[float, ...]
    """Derivative gain that a stopped robot sinks down with [N m s/rad]."""
    imu: ImuMounting
    foot_geoms: tuple[str, ...]
    """Contact geoms of the feet."""
    camera: str | None
    """Name of the MJCF camera in the head, if there is one."""
    license: str
    origin: str
    """Who made the model, and after what."""

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        if len(set(self.joint_names)) != count:
            raise RobotError(f"robot {self.name!r}: joint names repeat: {self.joint_names}")
        for field in (
            "home_joint_pos", "stiffness", "damping", "effort_limit",
            "velocity_limit", "position_limit", "damping_mode",
        ):  # fmt: skip
            given = len(getattr(self, field))
            if given != count:
                raise RobotError(f"robot {self.name!r}: {field} has {given} values for {count} joints")
        for name, home, (lower, upper) in zip(
            self.joint_names, self.home_joint_pos, self.position_limit, strict=True
        ):
            if not lower <= home <= upper:
                raise RobotError(
                    f"robot {self.name!r}: home pose of {name} is {home} rad, "
                    f"outside its range {lower} .. {upper}"
                )

    @property
    def num_joints(self) -> int:
        """Number of actuated joints."""
        return len(self.joint_names)

    @cached_property
    def model_sha256(self) -> str:
        """SHA-256 of the MJCF source, as hexadecimal digits."""
        return hashlib.sha256(self.mjcf.encode()).hexdigest()

    @property
    def position_lower(self) -> np.ndarray:
        """Lower position limits [rad]. Shape (num_joints,)."""
        return np.array([lower for lower, _ in self.position_limit])

    @property
    def position_upper(self) -> np.ndarray:
        """Upper position limits [rad]. Shape (num_joints,)."""
        return np.array([upper for _, upper in self.position_limit])

"""What a robot is: the facts that training, the policy file and the safety layers share."""

from __future__ import annotations

import hashlib
import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np

from gaitway.errors import GaitwayError

if TYPE_CHECKING:
    from gaitway.robots.description import RobotDescription


Integrator = Literal["Euler", "RK4", "implicit", "implicitfast"]


class RobotError(GaitwayError):
    """A robot whose description contradicts itself, or that cannot be read."""


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
    """MJCF or URDF source text as it was written. `gaitway.robots.model_spec.model_spec` makes of it the model that
    is simulated: without the actuators it may have, which are made from the fields below, and with what it lacks."""
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
    joint_mirror: tuple[int, ...] = ()
    """Partner of each joint under reflection left to right, a middle joint its own; empty where unknown."""
    joint_mirror_sign: tuple[float, ...] = ()
    """1 or -1: what reflection makes of the partner's angle."""
    assets: Mapping[str, bytes] = field(default_factory=dict, repr=False, hash=False)
    """Content of the files that the model text names (includes, meshes, textures), by path relative to the text."""
    locked_joints: tuple[str, ...] = ()
    """Joints of the model text that are held at zero: the simulated model does not have them."""
    integrator: Integrator | None = None
    """Integrator that the model is stepped with; None for what the model text says."""
    notes: tuple[str, ...] = ()
    """What was assumed where neither the model nor a description says it."""

    def __post_init__(self) -> None:
        count = len(self.joint_names)
        if len(set(self.joint_names)) != count:
            raise RobotError(f"robot {self.name!r}: joint names repeat: {self.joint_names}")
        for values in (
            "home_joint_pos", "stiffness", "damping", "effort_limit",
            "velocity_limit", "position_limit", "damping_mode",
        ):  # fmt: skip
            given = len(getattr(self, values))
            if given != count:
                raise RobotError(f"robot {self.name!r}: {values} has {given} values for {count} joints")
        if self.joint_mirror:
            self._check_mirror()
        for name, home, (lower, upper) in zip(
            self.joint_names, self.home_joint_pos, self.position_limit, strict=True
        ):
            if not lower <= home <= upper:
                raise RobotError(
                    f"robot {self.name!r}: home pose of {name} is {home} rad, "
                    f"outside its range {lower} .. {upper}"
                )

    def _check_mirror(self) -> None:
        order, sign, count = self.joint_mirror, self.joint_mirror_sign, self.num_joints
        whole = sorted(order) == list(range(count)) and len(sign) == count and set(sign) <= {1.0, -1.0}
        if not whole or any(order[order[i]] != i or sign[order[i]] != sign[i] for i in range(count)):
            raise RobotError(
                f"robot {self.name!r}: joint_mirror does not pair {count} joints with each other"
            )

    @classmethod
    def from_mjcf(cls, path: Path | str, description: RobotDescription | None = None) -> Robot:
        """Read a robot from an MJCF file. Needs MuJoCo, which the extra `sim` provides.

        Args:
            path: the MJCF file; the files that it names lie beside it.
            description: what the file does not say: home pose, gains, IMU, feet.

        Raises:
            RobotError: the file or the description cannot be used; the message names what is wrong.
        """
        return _reading().read_mjcf(path, description)

    @classmethod
    def from_urdf(cls, path: Path | str, description: RobotDescription | None = None) -> Robot:
        """Read a robot from a URDF file. Needs MuJoCo, which the extra `sim` provides.

        Args:
            path: the URDF file, expanded if it was a xacro.
            description: what the file does not say: home pose, gains, IMU, feet, where its ROS packages lie.

        Raises:
            RobotError: the file or the description cannot be used; the message names what is wrong.
        """
        return _reading().read_urdf(path, description)

    @classmethod
    def from_toml(cls, path: Path | str) -> Robot:
        """Read a robot from a TOML file that names its model. Needs MuJoCo, which the extra `sim` provides.

        Raises:
            RobotError: the file or its model cannot be used; the message names what is wrong.
        """
        return _reading().read_toml(path)

    @classmethod
    def from_menagerie(cls, name: str) -> Robot:
        """Take a robot from MuJoCo Menagerie by name. Needs MuJoCo and the package `mujoco-menagerie`.

        Raises:
            RobotError: the package is missing, or the model cannot be had or used.
        """
        return _reading().read_menagerie(name)

    @property
    def num_joints(self) -> int:
        """Number of actuated joints."""
        return len(self.joint_names)

    @cached_property
    def model_sha256(self) -> str:
        """SHA-256 of the model: its text, the files that it names, locked joints, integrator. Hexadecimal digits."""
        digest = hashlib.sha256(self.mjcf.encode())
        for name, content in sorted(self.assets.items()):
            digest.update(f"\0file {len(content)} {name}\0".encode() + content)
        for joint in self.locked_joints:
            digest.update(f"\0locked {joint}".encode())
        if self.integrator is not None:
            digest.update(f"\0integrator {self.integrator}".encode())
        return digest.hexdigest()

    @property
    def position_lower(self) -> np.ndarray:
        """Lower position limits [rad]. Shape (num_joints,)."""
        return np.array([lower for lower, _ in self.position_limit])

    @property
    def position_upper(self) -> np.ndarray:
        """Upper position limits [rad]. Shape (num_joints,)."""
        return np.array([upper for _, upper in self.position_limit])


def _reading() -> ModuleType:
    """The module that reads models, which alone here needs MuJoCo."""
    try:
        return importlib.import_module("gaitway.robots.reading")
    except ModuleNotFoundError as error:
        if error.name != "mujoco":
            raise
        raise RobotError(
            "reading a robot from MJCF or URDF needs MuJoCo; `pip install 'gaitway[sim]'` provides it"
        ) from error

"""What a TOML file says of a robot: all that its model does not."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from gaitway.errors import UnknownNameError
from gaitway.robots.robot import Integrator, RobotError

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class JointSettings:
    """What is said of one joint or of several; None where nothing is."""

    home: float | None = None
    """Angle in the home pose [rad]."""
    stiffness: float | None = None
    """Proportional gain of the position servo [N m/rad]."""
    damping: float | None = None
    """Derivative gain of the position servo [N m s/rad]."""
    effort: float | None = None
    """Largest torque [N m]."""
    velocity: float | None = None
    """Largest speed [rad/s]."""
    range: tuple[float, float] | None = None
    """Hard range, inside the model's [rad]."""
    damping_mode: float | None = None
    """Derivative gain that a stopped robot sinks down with [N m s/rad]; default `damping`."""


@dataclass(frozen=True, kw_only=True)
class ImuSettings:
    """Where the IMU is: a site of the model, or a place on a body."""

    site: str | None = None
    """Site of the model."""
    body: str | None = None
    """Body that carries the IMU, if no site is named; it must not move against the base."""
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Position in the body's frame [m]."""
    quat: tuple[float, float, float, float] = (1.0, 0.0, 0.0, 0.0)
    """Orientation in the body's frame, wxyz."""


@dataclass(frozen=True, kw_only=True)
class RobotDescription:
    """What makes a robot of a model. Every field has a default that is read from the model or stated in the docs."""

    model: str = ""
    """MJCF or URDF file relative to this file, or one in an installed Python package or in MuJoCo Menagerie,
    written as `package:NAME/PATH`, `menagerie:NAME` or `menagerie:NAME/ENTRY`."""
    name: str = ""
    """Name of the robot; default that of the file, without its ending."""
    license: str = ""
    """Licence of the model."""
    origin: str = ""
    """Who made the model."""
    feet: tuple[str, ...] = ()
    """Bodies, all of whose collision geoms are soles, or single geoms."""
    imu: ImuSettings | None = None
    camera: str | None = None
    """Camera of the model in the robot's head."""
    keyframe: str | None = None
    """Keyframe of the model that holds the home pose."""
    base_height: float | None = None
    """Height of the base in the home pose [m]; default that at which the lowest foot geom touches the ground."""
    actuated: tuple[str, ...] = ()
    """Names or patterns of the joints that have a servo; default those with an actuator in the model, or all
    hinges of a model without actuators."""
    locked: tuple[str, ...] = ()
    """Names or patterns of joints that are held at zero and are no joints to Gaitway."""
    joints: dict[str, JointSettings] = field(default_factory=dict)
    """Settings by name of a joint or by regular expression."""
    mirror: dict[str, str] | bool = True
    """Partner of each joint under reflection left to right, with a minus before it where the angle changes sign;
    true derives it from names and axes where that is unambiguous, false leaves it out."""
    integrator: Integrator = "implicitfast"
    """Integrator of the simulation, in place of the model's: servo damping is stable with `implicitfast`."""
    packages: dict[str, str] = field(default_factory=dict)
    """Folders of ROS packages that a URDF names, relative to this file."""

    def settings_of(self, joint: str) -> JointSettings:
        """What is said of one joint, value by value: by its name, else by the last pattern that matches it."""
        about = [s for pattern, s in self.joints.items() if pattern != joint and matches(pattern, joint)]
        if joint in self.joints:
            about.append(self.joints[joint])
        said = JointSettings()
        for settings in about:
            values = {f.name: getattr(settings, f.name) for f in fields(settings)}
            said = replace(said, **{name: value for name, value in values.items() if value is not None})
        return said


def matches(pattern: str, name: str) -> bool:
    """Whether a name is the pattern, or matches it whole as a regular expression."""
    return pattern == name or re.fullmatch(pattern, name) is not None


def matching(patterns: Sequence[str], names: Iterable[str], kind: str = "joint") -> list[str]:
    """The names that match one of the patterns, in their own order.

    Raises:
        UnknownNameError: a pattern matches none.
    """
    available = list(names)
    for pattern in patterns:
        if not any(matches(pattern, name) for name in available):
            raise UnknownNameError(kind, pattern, available)
    return [name for name in available if any(matches(pattern, name) for pattern in patterns)]


def read_description(path: Path) -> RobotDescription:
    """Read a TOML file; what it says is held against the model later.

    Raises:
        RobotError: there is no such file, it is not TOML, or a setting is unknown or of the wrong type.
    """
    try:
        content = msgspec.toml.decode(path.read_bytes())
    except FileNotFoundError:
        raise RobotError(f"no robot description at {path}") from None
    except OSError as error:
        raise RobotError(f"cannot read {path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise RobotError(f"{path} is not TOML: {error}") from error
    try:
        return parse_description(content)
    except RobotError as error:
        raise RobotError(f"{path}: {error}") from error


def parse_description(content: dict[str, Any]) -> RobotDescription:
    """Take a description from the tables of a TOML file.

    Raises:
        RobotError: a setting is unknown or of the wrong type.
    """
    content = dict(content)
    imu = _convert(content.pop("imu"), ImuSettings, "[imu]") if "imu" in content else None
    joints = content.pop("joints", {})
    if not isinstance(joints, dict):
        raise RobotError(f"[joints] must be a table of joints or patterns; got {joints!r}")
    for pattern in [*joints, *_texts(content, "actuated"), *_texts(content, "locked")]:
        _check_pattern(pattern)
    settings = {name: _convert(value, JointSettings, f"joint {name!r}") for name, value in joints.items()}
    return replace(_convert(content, RobotDescription, "", "setting"), imu=imu, joints=settings)


def _texts(content: dict[str, Any], key: str) -> list[str]:
    value = content.get(key, [])
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _check_pattern(pattern: str) -> None:
    try:
        re.compile(pattern)
    except re.error as error:
        raise RobotError(f"joint {pattern!r} is neither a name nor a regular expression: {error}") from None


def _convert(value: Any, kind: type[T], where: str, noun: str = "value") -> T:
    prefix = f"{where}: " if where else ""
    names = [f.name for f in fields(kind)]  # pyright: ignore[reportArgumentType]
    if not isinstance(value, dict):
        raise RobotError(f"{prefix}expected a table with some of {', '.join(names)}; got {value!r}")
    for key, item in value.items():
        if key not in names:
            raise RobotError(f"{prefix}{UnknownNameError(noun, key, names)}")
        numbers = item if isinstance(item, list) else [item]
        if any(isinstance(number, float) and not math.isfinite(number) for number in numbers):
            raise RobotError(f"{prefix}{key} must be finite; got {item}")
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError as error:
        raise RobotError(f"{prefix}{error}") from None

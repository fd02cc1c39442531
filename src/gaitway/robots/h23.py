"""h23: Gaitway's own small humanoid, 1.3 m and 34 kg with 23 actuated joints.

Sizes, masses, ranges, torques and rotor inertias follow the public figures of the Unitree G1; the shape
is of primitives and the feet touch the ground with four spheres each, because cheap contacts are what
makes a simulation fast.
"""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass
from functools import cache
from importlib import resources

from gaitway.robots.robot import ImuMounting, Robot


@dataclass(frozen=True)
class _Control:
    """How a kind of joint is held: home [rad], stiffness, damping, speed limit [rad/s]."""

    home: float
    stiffness: float
    damping: float
    velocity: float


# By name without side; the home pose of roll and yaw joints changes sign on the right.
_CONTROL = {
    "hip_pitch": _Control(-0.20, 275.0, 5.0, 32.0),
    "hip_roll": _Control(0.0, 275.0, 5.0, 20.0),
    "hip_yaw": _Control(0.0, 150.0, 4.0, 32.0),
    "knee": _Control(0.42, 275.0, 6.0, 20.0),
    "ankle_pitch": _Control(-0.22, 300.0, 6.0, 37.0),
    "ankle_roll": _Control(0.0, 300.0, 6.0, 37.0),
    "waist_yaw": _Control(0.0, 150.0, 4.0, 32.0),
    "shoulder_pitch": _Control(0.20, 40.0, 1.5, 37.0),
    "shoulder_roll": _Control(0.15, 40.0, 1.5, 37.0),
    "shoulder_yaw": _Control(0.0, 40.0, 1.5, 37.0),
    "elbow": _Control(0.50, 40.0, 1.5, 37.0),
    "wrist_roll": _Control(0.0, 20.0, 1.0, 37.0),
}
_HOME_BASE_HEIGHT = 0.7752
_DAMPING_MODE = 4.0


@cache
def h23() -> Robot:
    """The built-in robot, read once from `h23.xml`."""
    mjcf = resources.files("gaitway.robots").joinpath("h23.xml").read_text(encoding="utf-8")
    root = ElementTree.fromstring(mjcf)
    joints = list(root.iter("joint"))
    names = tuple(joint.attrib["name"] for joint in joints)
    control = [_CONTROL[_kind(name)] for name in names]
    site = next(site for site in root.iter("site") if site.get("name") == "imu")
    imu_x, imu_y, imu_z = _floats(site, "pos")
    quat_w, quat_x, quat_y, quat_z = _floats(site, "quat")
    return Robot(
        name="h23",
        mjcf=mjcf,
        joint_names=names,
        home_joint_pos=tuple(_mirrored_home(name) for name in names),
        home_base_height=_HOME_BASE_HEIGHT,
        stiffness=tuple(c.stiffness for c in control),
        damping=tuple(c.damping for c in control),
        effort_limit=tuple(_floats(joint, "actuatorfrcrange")[1] for joint in joints),
        velocity_limit=tuple(c.velocity for c in control),
        position_limit=tuple((_floats(j, "range")[0], _floats(j, "range")[1]) for j in joints),
        damping_mode=(_DAMPING_MODE,) * len(names),
        imu=ImuMounting(site="imu", pos=(imu_x, imu_y, imu_z), quat=(quat_w, quat_x, quat_y, quat_z)),
        foot_geoms=tuple(name for geom in root.iter("geom") if "_foot_" in (name := geom.get("name", ""))),
        camera="head_camera",
        joint_mirror=tuple(names.index(_other_side(name)) for name in names),
        joint_mirror_sign=tuple(-1.0 if _kind(name).endswith(("roll", "yaw")) else 1.0 for name in names),
        license="Apache-2.0",
        origin="Gaitway; sized after public figures of the Unitree G1",
    )


def _kind(joint_name: str) -> str:
    return joint_name.removesuffix("_joint").removeprefix("left_").removeprefix("right_")


def _other_side(joint_name: str) -> str:
    if joint_name.startswith("left_"):
        return "right_" + joint_name.removeprefix("left_")
    return "left_" + joint_name.removeprefix("right_") if joint_name.startswith("right_") else joint_name


def _mirrored_home(joint_name: str) -> float:
    kind = _kind(joint_name)
    mirrored = joint_name.startswith("right_") and kind.endswith(("roll", "yaw"))
    return -_CONTROL[kind].home if mirrored else _CONTROL[kind].home


def _floats(element: ElementTree.Element, attribute: str) -> tuple[float, ...]:
    return tuple(float(value) for value in element.attrib[attribute].split())

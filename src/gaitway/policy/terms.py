"""What a policy can observe, written once for training and for the robot.

A term is a pure function of one instant's sensor values. It is computed with the same code on numpy and
on torch, so the observation the robot computes is the one that was trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, replace

from gaitway import rotation
from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.rotation import Array


@dataclass(kw_only=True)
class Sensors:
    """One instant's raw sensor values of `n` robots, and the two constants that give them meaning.

    For one robot there is a short form: without the leading dimension, and what is not per joint as tuples of floats.
    """

    joint_pos: Array
    """Joint positions [rad], in the policy's joint order. Shape (n, num_joints)."""
    joint_vel: Array
    """Joint velocities [rad/s]. Shape (n, num_joints)."""
    imu_quat_w: Array
    """Orientation of the IMU in world frame, unit quaternion wxyz. Shape (n, 4)."""
    imu_ang_vel: Array
    """Angular velocity in IMU frame [rad/s]. Shape (n, 3)."""
    last_action: Array
    """Network output of the previous control step, after its clip. Shape (n, num_actions)."""
    home_joint_pos: Array
    """The home pose [rad]. Shape (num_joints,)."""
    imu_mounting_quat: Array
    """Orientation of the IMU in base frame, unit quaternion wxyz. Shape (4,)."""
    command: Array | None = None
    """Velocity command: vx, vy [m/s] and yaw rate [rad/s] in the yaw-aligned base frame. Shape (n, 3)."""
    gait_clock: Array | None = None
    """Sine and cosine of the gait's phase, zeros to stand. Shape (n, 2)."""
    base_lin_vel_b: Array | None = None
    """Linear velocity of the base in base frame [m/s], which only a simulation knows. Shape (n, 3)."""

    def of(self, env_ids: Array) -> Sensors:
        """The values of some of the robots, by their indices. Shape (m,)."""
        mine = {
            field.name: value[env_ids]
            for field in fields(self)
            if field.name not in ("home_joint_pos", "imu_mounting_quat")
            and (value := getattr(self, field.name)) is not None
        }
        return replace(self, **mine)


@dataclass(frozen=True)
class Term:
    """A named observation with what a reader of the policy file needs to know of it."""

    function: Callable[[Sensors], Array]
    """From sensor values to the observation, shape (n, size)."""
    size: int | None
    """Number of values, or None for one per joint."""
    unit: str
    frame: str
    topic: str
    """The topic that measures it on a robot; "controller" for what the controller itself knows; empty where
    no robot measures it."""
    mirror: tuple[float, ...] | None = None
    """Signs that reflection left to right gives the values; None for one value per joint."""
    instead: str = ""
    """What to observe in place of a term that no robot measures."""

    @property
    def name(self) -> str:
        """Name in the policy file."""
        return self.function.__name__


def joint_pos_rel(sensors: Sensors) -> Array:
    """Joint positions relative to the home pose [rad]."""
    return sensors.joint_pos - sensors.home_joint_pos


def joint_vel(sensors: Sensors) -> Array:
    """Joint velocities [rad/s]."""
    return sensors.joint_vel


def base_ang_vel(sensors: Sensors) -> Array:
    """Angular velocity of the base in base frame [rad/s]."""
    return rotation.rotate(sensors.imu_mounting_quat, sensors.imu_ang_vel)


def projected_gravity(sensors: Sensors) -> Array:
    """Unit vector of gravity in base frame; (0, 0, -1) when upright, and free of yaw."""
    down_imu = rotation.rotate(rotation.conjugate(sensors.imu_quat_w), (0.0, 0.0, -1.0))
    return rotation.rotate(sensors.imu_mounting_quat, down_imu)


def last_action(sensors: Sensors) -> Array:
    """Network output of the previous control step, after its clip."""
    return sensors.last_action


def command(sensors: Sensors) -> Array:
    """Velocity command: vx, vy [m/s] and yaw rate [rad/s] in the yaw-aligned base frame."""
    return _given(sensors.command, "command")


def gait_clock(sensors: Sensors) -> Array:
    """Sine and cosine of the gait's phase; zeros while the command is to stand."""
    return _given(sensors.gait_clock, "gait_clock")


def base_lin_vel(sensors: Sensors) -> Array:
    """Linear velocity of the base in base frame [m/s]."""
    return _given(sensors.base_lin_vel_b, "base_lin_vel_b")


def _given(value: Array | None, name: str) -> Array:
    if value is None:
        raise GaitwayError(f"an observation term needs the sensor value {name!r}, which was not given")
    return value


JOINT_POS_REL = Term(joint_pos_rel, None, "rad", "joint", "/joint_states")
JOINT_VEL = Term(joint_vel, None, "rad/s", "joint", "/joint_states")
BASE_ANG_VEL = Term(base_ang_vel, 3, "rad/s", "base", "/imu/data", mirror=(-1.0, 1.0, -1.0))
PROJECTED_GRAVITY = Term(projected_gravity, 3, "1", "base", "/imu/data", mirror=(1.0, -1.0, 1.0))
LAST_ACTION = Term(last_action, None, "1", "joint", "controller")
COMMAND = Term(command, 3, "m/s, m/s, rad/s", "base, yaw only", "/cmd_vel", mirror=(1.0, -1.0, -1.0))
GAIT_CLOCK = Term(gait_clock, 2, "1", "none", "controller", mirror=(-1.0, -1.0))
BASE_LIN_VEL = Term(
    base_lin_vel, 3, "m/s", "base", "", mirror=(1.0, -1.0, 1.0),
    instead="a history of joint_pos_rel, joint_vel and base_ang_vel (history=5), or base_lin_vel as a "
    "privileged term, which only the critic sees",
)  # fmt: skip

TERMS: dict[str, Term] = {
    term.name: term
    for term in (
        JOINT_POS_REL, JOINT_VEL, BASE_ANG_VEL, PROJECTED_GRAVITY, LAST_ACTION, COMMAND, GAIT_CLOCK,
        BASE_LIN_VEL,
    )
}  # fmt: skip


def get_terms(names: Sequence[str]) -> list[Term]:
    """The terms of those names, in that order.

    Raises:
        UnknownNameError: a name is no term.
    """
    for name in names:
        if name not in TERMS:
            raise UnknownNameError("observation term", name, TERMS)
    return [TERMS[name] for name in names]

"""From ROS messages to arrays and back: the one place where quaternions change from xyzw to wxyz."""

from __future__ import annotations

import functools
from array import array
from collections.abc import Mapping, Sequence

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus, KeyValue
from geometry_msgs.msg import Quaternion, Twist, Vector3
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Image, Imu, JointState, LaserScan

from gaitway.behaviors import Scan
from gaitway.ros.names import BASE_FRAME, ODOM_FRAME
from gaitway.safety import Stop
from gaitway.safety.faults import Sample

OK, WARN, ERROR = (
    bytes([level]) if isinstance(level, int) else level
    for level in (DiagnosticStatus.OK, DiagnosticStatus.WARN, DiagnosticStatus.ERROR)
)


def nanoseconds(stamp: Time) -> int:
    """A message stamp as nanoseconds."""
    return stamp.sec * 1_000_000_000 + stamp.nanosec


def stamp_from(nanosecond: int) -> Time:
    """Nanoseconds as a message stamp."""
    return Time(sec=nanosecond // 1_000_000_000, nanosec=nanosecond % 1_000_000_000)


def quat_wxyz(message: Quaternion) -> np.ndarray:
    """Quaternion wxyz. Shape (4,)."""
    return np.array([message.w, message.x, message.y, message.z])


def quat_message(quat: Sequence[float] | np.ndarray) -> Quaternion:
    """From a quaternion wxyz."""
    w, x, y, z = (float(value) for value in quat)
    return Quaternion(w=w, x=x, y=y, z=z)


def imu_quat_w(message: Imu) -> np.ndarray:
    """Orientation of the IMU in world frame, wxyz. Shape (4,)."""
    return quat_wxyz(message.orientation)


def imu_ang_vel(message: Imu) -> np.ndarray:
    """Angular velocity in IMU frame [rad/s]. Shape (3,)."""
    velocity = message.angular_velocity
    return np.array([velocity.x, velocity.y, velocity.z])


def joint_state(
    stamp: Time,
    names: Sequence[str],
    position: Sequence[float] | np.ndarray = (),
    velocity: Sequence[float] | np.ndarray = (),
    effort: Sequence[float] | np.ndarray = (),
) -> JointState:
    """A JointState; an empty column means that nothing is said of it."""
    message = JointState(name=list(names))
    message.header.stamp = stamp
    message.position, message.velocity, message.effort = doubles(position), doubles(velocity), doubles(effort)
    return message


def doubles(values: Sequence[float] | np.ndarray) -> array:
    """What a message's field `float64[]` keeps as it is; a list it would check and copy value by value."""
    return array("d", np.asarray(values, dtype=np.float64).tobytes())


def joint_state_of(sample: Sample) -> JointState:
    """From what a message of joints says."""
    columns = sample.columns
    return joint_state(
        stamp_from(sample.stamp_ns), sample.names,
        *(columns.get(column, ()) for column in ("position", "velocity", "effort")),
    )  # fmt: skip


def sample_of(message: JointState) -> Sample:
    """What a message of joints says."""
    columns = {"position": message.position, "velocity": message.velocity, "effort": message.effort}
    return Sample(
        stamp_ns=nanoseconds(message.header.stamp),
        columns={column: np.array(values) for column, values in columns.items()},
        names=tuple(message.name),
    )


def vector(values: Sequence[float] | np.ndarray) -> Vector3:
    """From three values."""
    x, y, z = (float(value) for value in values)
    return Vector3(x=x, y=y, z=z)


def twist(velocity: Sequence[float] | np.ndarray) -> Twist:
    """From a velocity command: vx, vy [m/s] and yaw rate [rad/s]."""
    vx, vy, yaw_rate = (float(value) for value in velocity)
    return Twist(linear=Vector3(x=vx, y=vy), angular=Vector3(z=yaw_rate))


def odometry(
    stamp: Time, pos: np.ndarray, quat: np.ndarray, lin_vel_b: np.ndarray, ang_vel_b: np.ndarray
) -> Odometry:
    """Pose of the base in `odom` [m], wxyz, and velocities in base frame [m/s], [rad/s], as REP-105 has it."""
    message = Odometry(child_frame_id=BASE_FRAME)
    message.header.stamp, message.header.frame_id = stamp, ODOM_FRAME
    position = message.pose.pose.position
    position.x, position.y, position.z = (float(value) for value in pos)
    message.pose.pose.orientation = quat_message(quat)
    message.twist.twist.linear, message.twist.twist.angular = vector(lin_vel_b), vector(ang_vel_b)
    return message


def scan(message: LaserScan) -> Scan:
    """A lidar's turn, its ranges as they came."""
    return Scan(
        ranges=np.asarray(message.ranges, dtype=float),
        angle_min=message.angle_min,
        angle_increment=message.angle_increment,
        range_max=message.range_max,
    )


def picture(message: Image) -> np.ndarray | None:
    """The pixels of an image without a copy; None where its encoding is not rgb8, bgr8 or mono8.

    Returns:
        Shape (height, width, 3), of mono8 (height, width, 1), uint8.
    """
    channels = {"rgb8": 3, "bgr8": 3, "mono8": 1}.get(message.encoding)
    if channels is None or message.step < message.width * channels:
        return None
    if len(message.data) != message.height * message.step:
        return None
    shape, strides = (message.height, message.width, channels), (message.step, channels, 1)
    return np.ndarray(shape, np.uint8, message.data, strides=strides)  # also where rows are padded


def decimated(message: Image, stride: int) -> Image | None:
    """Every so manyth pixel of every so manyth row, the only bytes that are copied; None as of `picture`."""
    pixels = picture(message)
    if pixels is None:
        return None
    small = pixels[::stride, ::stride]
    height, width, channels = small.shape
    answer = Image(header=message.header, height=height, width=width, encoding=message.encoding)
    answer.step = width * channels
    answer.data = array("B", small.tobytes())  # anything but an array is checked byte by byte
    return answer


def by_name(
    message: JointState, names: Sequence[str], *, among_others: bool = False
) -> tuple[np.ndarray, np.ndarray] | None:
    """Positions [rad] and velocities [rad/s] in the order of `names`, each of shape (len(names),).

    Args:
        message: the joint state.
        names: joints.
        among_others: whether the message may be of more joints than these.

    Returns:
        None where the message is of other joints, has one twice, or lacks a value for one.
    """
    order, count = _order(tuple(message.name), tuple(names)), len(message.name)
    if order is None or len(message.position) != count or len(message.velocity) != count:
        return None
    if count != len(names) and not among_others:
        return None
    return np.array(message.position)[order], np.array(message.velocity)[order]


@functools.lru_cache(maxsize=64)
def _order(given: tuple[str, ...], names: tuple[str, ...]) -> np.ndarray | None:
    """Where each of `names` stands among the given ones; None where one is missing or a given one repeats."""
    index = {name: i for i, name in enumerate(given)}
    if len(index) != len(given) or any(name not in index for name in names):
        return None
    return np.array([index[name] for name in names], dtype=np.intp)


def status(
    name: str, level: bytes, message: str, values: Mapping[str, object] | None = None
) -> DiagnosticStatus:
    """A DiagnosticStatus; values are written as text."""
    return DiagnosticStatus(
        name=name,
        hardware_id="gaitway",
        level=level,
        message=message,
        values=[KeyValue(key=key, value=str(value)) for key, value in (values or {}).items()],
    )


def stop_values(stop: Stop | None) -> dict[str, object]:
    """A stop as the values of a DiagnosticStatus; `stopped` says whether there is one."""
    if stop is None:
        return {"stopped": False}
    values: dict[str, object] = {"stopped": True, "check": stop.check, "reason": stop.message}
    if stop.value is not None and stop.limit is not None:
        values |= {"value": repr(stop.value), "limit": repr(stop.limit), "unit": stop.unit}
    return values | {"steady_time_s": repr(stop.time_s)}


def values_of(message: DiagnosticStatus) -> dict[str, str]:
    """The values of a DiagnosticStatus by key."""
    return {pair.key: pair.value for pair in message.values}

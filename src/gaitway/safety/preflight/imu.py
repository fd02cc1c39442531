"""Whether an IMU's axes and signs are those that the robot's description says."""

from __future__ import annotations

import itertools
import math

import numpy as np

from gaitway import rotation
from gaitway.safety.preflight.readings import Check, Readings, graded

_NORM_ERROR = (1e-3, 1e-2)
_TILT_DEG = (5.0, 15.0)
_BIAS = (0.05, 0.5)
_MOVING = 0.1
_BLOCK_S = 0.1
_GRAVITY = 9.81
_GRAVITY_ERROR = 0.5
_AXES = {
    f"{sign}{axis}": factor * np.eye(3)[i] for i, axis in enumerate("xyz") for sign, factor in (("+", 1.0), ("-", -1.0))
}  # fmt: skip
_MOUNTING = "imu.quat in the robot's description says how the IMU is mounted: correct it there, or the driver"


def check_imu(readings: Readings, mounting_quat: np.ndarray) -> list[Check]:
    """Orientation, accelerometer and gyroscope of an IMU.

    Args:
        readings: of a robot at rest, upright.
        mounting_quat: orientation of the IMU in base frame, wxyz. Shape (4,).
    """
    if len(readings.imu_quat_w) == 0:
        return []
    norms = np.linalg.norm(readings.imu_quat_w, axis=1)
    error = float(np.abs(norms - 1.0).max())
    unit = graded(
        "imu orientation",
        error,
        *_NORM_ERROR,
        f"unit quaternions within {error:.1e}",
        "the driver's orientation is no rotation: is it filled in at all, and with its numbers in the order x, y, z, w?",
    )
    if unit.level == "fail":
        return [unit]
    down_imu = rotation.rotate(
        rotation.conjugate(readings.imu_quat_w / norms[:, None]), np.array([0.0, 0.0, -1.0])
    ).mean(axis=0)
    turned, turning = _turning(readings)
    return [
        unit,
        _gravity(rotation.rotate(mounting_quat, down_imu)),
        _accelerometer(readings.imu_lin_acc, -down_imu),
        _bias(readings.imu_ang_vel, turning),
        _gyro_axes(readings, turned, turning),
    ]


def _degrees_between(a: np.ndarray, b: np.ndarray) -> float:
    cosine = np.dot(a, b) / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12)
    return math.degrees(math.acos(float(np.clip(cosine, -1.0, 1.0))))


def _gravity(down_b: np.ndarray) -> Check:
    """Gravity in base frame, which is (0, 0, -1) for a robot that is upright."""
    tilt = _degrees_between(down_b, _AXES["-z"])
    axis = max(_AXES, key=lambda name: float(np.dot(_AXES[name], down_b)))
    advice = "hang the robot upright; if it is, the IMU is not level in it. " + _MOUNTING
    if axis == "+z":
        advice = (
            "gravity points up: the IMU is upside down, or the driver's orientation has the wrong sign. "
            + _MOUNTING
        )
    elif axis != "-z":
        about = "y" if "x" in axis else "x"
        advice = (
            f"gravity is along the base's {axis}: the IMU is turned by 90 degrees about {about}. " + _MOUNTING
        )
    values = ", ".join(f"{value:.3f}" for value in down_b)
    return graded(
        "gravity", tilt, *_TILT_DEG, f"({values}) in base frame, {tilt:.1f} deg from (0, 0, -1)", advice
    )


def _accelerometer(lin_acc: np.ndarray | None, up_imu: np.ndarray) -> Check:
    """Specific force at rest, which is upward and of gravity's size (REP 145); only orientation goes to a policy."""
    name = "accelerometer"
    if lin_acc is None:
        return Check(name, "skip", "not measured; no policy observes it")
    mean = lin_acc.mean(axis=0)
    size, angle = float(np.linalg.norm(mean)), _degrees_between(mean, up_imu)
    found = f"{size:.2f} m/s^2, {angle:.1f} deg from the orientation's up"
    if abs(size - _GRAVITY) > _GRAVITY_ERROR:
        hint = "; it seems to be in units of g" if abs(size - 1.0) < 0.1 else ""
        return Check(name, "warn", found, f"at rest it should be {_GRAVITY} m/s^2{hint}")
    if angle > 180.0 - _TILT_DEG[1]:
        return Check(
            name, "warn", found, "its sign is opposite to REP 145, or the orientation is upside down"
        )
    advice = (
        "accelerometer and orientation contradict each other: the driver gives the two in different frames"
    )
    return graded(name, angle, *_TILT_DEG, found, advice)


def _bias(ang_vel: np.ndarray, turning: float) -> Check:
    if turning > _MOVING:
        return Check("gyroscope at rest", "skip", f"the base turned by {turning:.2f} rad/s")
    bias = float(np.linalg.norm(ang_vel.mean(axis=0)))
    return graded(
        "gyroscope at rest",
        bias,
        *_BIAS,
        f"{bias:.4f} rad/s",
        "the orientation stays while the gyroscope turns: calibrate its bias, and check that its unit is rad/s",
    )


def _turning(readings: Readings) -> tuple[np.ndarray, float]:
    """How the orientation turned, block by block, and its rate.

    Returns:
        Rotation vectors in IMU frame [rad], shape (blocks, 3), and their root mean square as a rate [rad/s].
    """
    stride = _stride(readings)
    quat = readings.imu_quat_w[::stride]
    between = rotation.multiply(rotation.conjugate(quat[:-1]), quat[1:])
    between = np.where(between[:, :1] < 0.0, -between, between)
    turned = 2.0 * between[:, 1:]  # small angles
    rate = float(np.sqrt(np.square(turned).sum(axis=1).mean())) / _BLOCK_S if len(turned) else 0.0
    return turned, rate


def _stride(readings: Readings) -> int:
    span_s = float(np.ptp(readings.imu.arrival_s))
    return max(1, round(_BLOCK_S * (len(readings.imu.arrival_s) - 1) / span_s)) if span_s > 0.0 else 1


def _gyro_axes(readings: Readings, turned: np.ndarray, turning: float) -> Check:
    """Whether the gyroscope says what the orientation does; only motion tells."""
    name = "gyroscope axes"
    if not turning > _MOVING:
        return Check(
            name, "skip", "the base did not move; swing the robot by hand while this runs to have it judged"
        )
    stride, blocks = _stride(readings), len(turned)
    summed = readings.imu_ang_vel[: blocks * stride].reshape(blocks, stride, 3).mean(axis=1) * _BLOCK_S

    def error(candidate: np.ndarray) -> float:
        return float(np.square(candidate - turned).sum() / np.square(turned).sum())

    found = f"{100 * error(summed):.0f} % of the motion is unlike the orientation's"
    if error(summed) < 0.25:
        return Check(name, "pass", found)
    orders = list(
        itertools.product(itertools.permutations(range(3)), itertools.product((1.0, -1.0), repeat=3))
    )
    order, sign = min(orders, key=lambda each: error(summed[:, list(each[0])] * np.array(each[1])))
    if error(summed[:, list(order)] * np.array(sign)) < 0.25:
        axes = ", ".join(("" if s > 0.0 else "-") + "xyz"[i] for i, s in zip(order, sign, strict=True))
        return Check(
            name,
            "fail",
            found,
            f"the gyroscope's ({axes}) is the orientation's (x, y, z): correct the driver",
        )
    return Check(
        name, "fail", found, "gyroscope and orientation contradict each other: check axes and units (rad/s)"
    )

"""Whether a robot's joints are those of the policy, where they should be, and still."""

from __future__ import annotations

import numpy as np

from gaitway.policy import RobotSpec
from gaitway.policy.binding import joint_set_differences
from gaitway.safety.preflight.readings import Check, Readings, graded

_OUT_OF_RANGE_RAD = 0.05
_STILL = (0.1, 0.5)
_WARN_SHARE = 0.5
_SHOWN = 4


def check_joint_names(expected: tuple[str, ...], readings: Readings) -> list[Check]:
    """Names, count and completeness of joint states."""
    if not readings.joint_names:
        return []
    topic = _names("joint names", expected, readings.joint_names)
    checks = [topic]
    if readings.positional_joints is not None:
        checks.append(_names("positional order", expected, readings.positional_joints))
    if readings.malformed:
        found = (
            f"{readings.malformed} joint states with other names, or without a position and velocity of each"
        )
        advice = "is there a second publisher on /joint_states? every message must hold every joint"
        checks.append(Check("joint states", "fail", found, advice))
    return checks


def _names(name: str, expected: tuple[str, ...], given: tuple[str, ...]) -> Check:
    found = joint_set_differences(expected, given)
    if found:
        more = f", and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        advice = "let the driver use the names of the robot's description; the policy matches joints by name"
        return Check(name, "fail", ", ".join(found[:_SHOWN]) + more, advice)
    order = "in the policy's order" if given == expected else "in another order, matched by name"
    return Check(name, "pass", f"all {len(expected)}, {order}")


def check_pose(spec: RobotSpec, readings: Readings, start_limit_rad: float) -> list[Check]:
    """Finite values, ranges, distance from home, and rest.

    Args:
        spec: the robot as the policy knows it.
        readings: of the robot, which should be at its home pose.
        start_limit_rad: how far from home the robot may be let go [rad].
    """
    if not len(readings.joint_pos):
        return []
    names = spec.joint_names
    finite = np.isfinite([readings.joint_pos, readings.joint_vel]).all(axis=(0, 1))
    if not finite.all():
        joints = _few([names[i] for i in np.nonzero(~finite)[0]])
        advice = "a motor or its encoder is not read: check its connection and the driver"
        return [Check("joint values", "fail", f"not finite: {joints}", advice)]
    pos, vel = readings.joint_pos.mean(axis=0), readings.joint_vel.mean(axis=0)
    fastest = int(np.argmax(np.abs(vel)))
    rest = graded(
        "joints at rest",
        float(np.abs(vel[fastest])),
        *_STILL,
        f"at most {abs(vel[fastest]):.3f} rad/s ({names[fastest]})",
        "hold the robot still; if it is, its velocities have an offset or a wrong unit",
    )
    return [_range(spec, pos), _home(spec, pos, start_limit_rad), rest]


def _range(spec: RobotSpec, pos: np.ndarray) -> Check:
    lower, upper = np.array(spec.position_limit).T
    beyond = np.maximum(lower - pos, pos - upper)
    worst = int(np.argmax(beyond))
    if beyond[worst] <= 0.0:
        nearest = int(np.argmin(-beyond))
        return Check(
            "joint limits",
            "pass",
            f"all within; nearest is {spec.joint_names[nearest]}, {-beyond[nearest]:.2f} rad",
        )
    return graded(
        "joint limits",
        float(beyond[worst]),
        0.0,
        _OUT_OF_RANGE_RAD,
        f"{spec.joint_names[worst]} is {beyond[worst]:.3f} rad beyond its range {lower[worst]:.2f} .. {upper[worst]:.2f}",
        "its zero, sign or unit (rad) is wrong, or another joint's value comes under its name",
    )


def _home(spec: RobotSpec, pos: np.ndarray, limit_rad: float) -> Check:
    home = np.array(spec.home_joint_pos)
    error = np.abs(pos - home)
    far = np.nonzero(error > limit_rad)[0]
    worst = int(np.argmax(error))
    found = f"{spec.joint_names[worst]} is {error[worst]:.3f} rad off; a robot may be let go within {limit_rad:.2f}"
    advice = "bring the robot to its home pose (--home does). If it is there, zeros, signs or names are wrong"
    hints = [
        f"{spec.joint_names[i]} and {spec.joint_names[j]} seem exchanged"
        for i in far
        for j in far
        if i < j and max(abs(pos[i] - home[j]), abs(pos[j] - home[i])) <= limit_rad
    ]
    hints += [
        f"{spec.joint_names[i]} seems to have the wrong sign"
        for i in far
        if abs(pos[i] + home[i]) <= limit_rad
    ]
    if hints:
        advice += ": " + ", ".join(hints[:_SHOWN])
    return graded("home pose", float(error[worst]), _WARN_SHARE * limit_rad, limit_rad, found, advice)


def _few(names: list[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")

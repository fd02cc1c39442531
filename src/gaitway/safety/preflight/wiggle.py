"""Whether the joint that is commanded is the one that moves, in the direction and as far as it was told."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaitway.policy import RobotSpec
from gaitway.safety.preflight.readings import Check

WIGGLE = "wiggle "
"""How the names of these checks begin."""
RAMP_S = 0.3
HOLD_S = 0.3
REST_S = 0.2
DURATION_S = 2.0 * RAMP_S + HOLD_S + REST_S
"""Of the motion of one joint: out, hold, back, rest [s]."""
AVERAGED_S = 0.15
"""Positions before, and at the end of the hold, are means over this time [s]."""

_MOVES = 0.3
_AS_TOLD = (0.7, 1.3)
_VELOCITY = (0.3, 3.0)
"""Wide, because a simulation on a slow computer runs slower than its stamps; a wrong unit is beyond it."""
_LOST = 3.0
"""An interval between samples so many times as long as usual has lost some."""


@dataclass(frozen=True)
class JointMotion:
    """What happened while one joint was moved out and held there."""

    joint: int
    """Its place in the policy's joint order."""
    commanded: float
    """How far its target was moved [rad]."""
    moved: np.ndarray
    """How far each joint moved [rad]. Shape (num_joints,)."""
    velocity_share: float
    """What the joint's velocities of that time add up to, per what it moved; NaN where that cannot be told."""


def displacement(elapsed_s: float) -> float:
    """Share of the amplitude at a time after a joint's motion began, smooth at both ends."""
    out = min(elapsed_s, RAMP_S) / RAMP_S
    back = min(max(elapsed_s - RAMP_S - HOLD_S, 0.0), RAMP_S) / RAMP_S
    return 0.5 * (math.cos(math.pi * back) - math.cos(math.pi * out))


def direction(spec: RobotSpec, joint: int, position: float) -> float:
    """1 or -1: away from the nearer end of the joint's range."""
    lower, upper = spec.position_limit[joint]
    return 1.0 if upper - position >= position - lower else -1.0


def velocity_share(time_s: np.ndarray, position: np.ndarray, velocity: np.ndarray) -> float:
    """What velocities add up to by the trapezoidal rule, per what the position changed, where no sample was lost.

    Args:
        time_s: when it was measured [s]. Shape (n,).
        position: of one joint [rad]. Shape (n,).
        velocity: of that joint [rad/s]. Shape (n,).

    Returns:
        The share; NaN where the position hardly changed between samples that are close to each other.
    """
    interval = np.diff(time_s)
    if not len(interval):
        return math.nan
    whole = interval < _LOST * np.median(interval)
    moved = float(np.diff(position)[whole].sum())
    summed = float((0.5 * (velocity[1:] + velocity[:-1]) * interval)[whole].sum())
    return summed / moved if abs(moved) > _MOVES * float(np.ptp(position)) else math.nan


def check_motion(joint_names: tuple[str, ...], motion: JointMotion) -> Check:
    """Judge the motion of one joint."""
    name = joint_names[motion.joint]
    label = f"{WIGGLE}{name}"
    own = float(motion.moved[motion.joint])
    share = own / motion.commanded
    found = f"moved {own:+.3f} rad of {motion.commanded:+.3f}"
    others = np.abs(np.delete(motion.moved, motion.joint))
    other = int(np.argmax(others)) if len(others) else 0
    other += other >= motion.joint
    if len(others) and abs(motion.moved[other]) > max(abs(own), _MOVES * abs(motion.commanded)):
        found += f"; {joint_names[other]} moved {motion.moved[other]:+.3f} rad"
        return Check(
            label, "fail", found, f"{name} and {joint_names[other]} are exchanged, in wiring or in the driver"
        )
    if share < -_MOVES:
        return Check(
            label, "fail", found, "it moves the other way: the sign of its command or of its encoder is wrong"
        )
    if not share >= _MOVES:
        return Check(
            label, "fail", found, "it hardly moves: is its motor on, its gain set, and its path free?"
        )
    if motion.velocity_share < _VELOCITY[0] or motion.velocity_share > _VELOCITY[1]:
        found += f", while its velocities add up to {motion.velocity_share * own:+.3f} rad"
        return Check(
            label, "fail", found, "its velocity has the wrong sign or unit (rad/s), or is another joint's"
        )
    if not _AS_TOLD[0] <= share <= _AS_TOLD[1]:
        return Check(label, "warn", found, "far from what it was told: check its gains, friction and load")
    return Check(label, "pass", found)

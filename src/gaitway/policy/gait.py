"""The gait clock: a phase that tells a walking policy which foot is to swing, the same in training and on a robot.

The left foot swings while the sine of the phase is positive, the right foot while it is negative. A robot that is
told to stand has no phase: its clock reads (0, 0).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from array_api_compat import array_namespace

from gaitway.rotation import Array

STANDING_SPEED = 0.1
"""A velocity command whose norm over (vx, vy, yaw rate) is below this means: stand [m/s, rad/s]."""


@dataclass(frozen=True, kw_only=True)
class Gait:
    """The rhythm of a walk."""

    period_s: float
    """Time of one stride, which is a step of each foot [s]."""
    stance: float
    """Share of the stride that a foot is to stand, from 0.5 up."""
    swing_height: float
    """How high a foot is to be lifted [m]."""


def is_standing(command: Array) -> Array:
    """Whether velocity commands (n, 3) mean standing. Shape (n,), bool; of a tuple, one bool."""
    if isinstance(command, tuple):
        x, y, z = command
        return x * x + y * y + z * z < STANDING_SPEED**2
    xp = array_namespace(command)
    return xp.sum(command * command, axis=-1) < STANDING_SPEED**2


def gait_clock(phase: Array, command: Array) -> Array:
    """What a policy observes of the phase [rad], shape (n,): (sin, cos), or zeros to stand. Shape (n, 2).

    Of one robot, whose command is a tuple and whose phase a float, a tuple.
    """
    if isinstance(command, tuple):
        return (0.0, 0.0) if is_standing(command) else (float(np.sin(phase)), float(np.cos(phase)))
    xp = array_namespace(phase)
    clock = xp.stack([xp.sin(phase), xp.cos(phase)], axis=-1)
    return xp.where(is_standing(command)[:, None], xp.zeros_like(clock), clock)


def advance_phase(phase: Array, start: Array, command: Array, period_s: float, step_dt: float) -> Array:
    """The phase [rad] one control step later; it waits at `start` while the robot is to stand. Shape (n,).

    Of one robot, whose command is a tuple and whose phases are floats, a float.
    """
    later = (phase + 2.0 * math.pi * step_dt / period_s) % (2.0 * math.pi)
    if isinstance(command, tuple):
        return start if is_standing(command) else later
    xp = array_namespace(phase)
    return xp.where(is_standing(command), start, later)

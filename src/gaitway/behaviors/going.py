"""The velocity to walk to a point with."""

from __future__ import annotations

import numpy as np

FASTEST = np.array([0.8, 0.2, 0.5])
"""Largest vx, vy [m/s] and yaw rate [rad/s] that is asked for."""


def velocity_to(goal: np.ndarray, position: np.ndarray, yaw: float) -> np.ndarray:
    """The velocity to walk to a goal with: turn to it, walk along the heading, slow down on the last metre.

    Args:
        goal: in the odometry's frame [m]. Shape (2,).
        position: of the base [m]. Shape (2,).
        yaw: heading of the base [rad].

    Returns:
        vx, vy [m/s] and yaw rate [rad/s] in the yaw-aligned base frame. Shape (3,).
    """
    dx, dy = goal - position
    forward, left = np.cos(yaw) * dx + np.sin(yaw) * dy, np.cos(yaw) * dy - np.sin(yaw) * dx
    distance = float(np.hypot(forward, left))
    turn = float(np.arctan2(left, forward)) if distance > 0.3 else 0.0
    facing = max(0.0, np.cos(turn)) if abs(turn) < 1.0 else 0.0
    wanted = np.array([0.8 * forward * facing, 0.8 * left * facing, 1.5 * turn])
    return np.clip(wanted, -FASTEST, FASTEST)

"""Velocity commands: what a walking task asks for, and when it asks for something else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitway.policy import CommandSpec

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class VelocityCommands:
    """Uniform velocity commands in the yaw-aligned base frame, some of them to stand."""

    lin_vel_x: Range
    """Forward velocity [m/s]."""
    lin_vel_y: Range
    """Velocity to the left [m/s]."""
    ang_vel_z: Range
    """Yaw rate, counter-clockwise [rad/s]."""
    interval_s: Range | None
    """Time until another command, uniform [s]; None keeps one for the whole episode."""
    standing: float = 0.0
    """Share of commands that are to stand."""

    def spec(self) -> CommandSpec:
        """The ranges as the policy file states them."""
        return CommandSpec(lin_vel_x=self.lin_vel_x, lin_vel_y=self.lin_vel_y, ang_vel_z=self.ang_vel_z)

    def draw(self, rng: np.random.Generator, scale: np.ndarray) -> np.ndarray:
        """One command for each robot.

        Args:
            rng: source of the draws.
            scale: factor on the ranges, shape (n,): below 1 in the early part of a curriculum.

        Returns:
            Commands vx, vy [m/s] and yaw rate [rad/s]. Shape (n, 3).
        """
        lower, upper = np.array([self.lin_vel_x, self.lin_vel_y, self.ang_vel_z]).T
        command = scale[:, None] * rng.uniform(lower, upper, (len(scale), 3))
        command[rng.uniform(size=len(scale)) < self.standing] = 0.0
        return command

    def draw_interval(self, rng: np.random.Generator, count: int, step_dt: float) -> np.ndarray:
        """Control steps until another command. Shape (count,)."""
        interval = rng.uniform(*(self.interval_s or (0.0, 0.0)), count)
        if self.interval_s is None:
            return np.full(count, np.iinfo(np.int64).max // 2)
        return np.maximum(1, np.rint(interval / step_dt)).astype(np.int64)

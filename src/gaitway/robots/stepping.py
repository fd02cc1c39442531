"""A pattern of steps for two legs: trajectories of the feet, and the joint angles that put the feet there.

Each leg is taken as two links in the sagittal plane, with hip, knee and ankle pitch; the ankle keeps the sole level. A
foot is on the ground for half of the cycle, where it moves back by a step length at constant speed, and then swings
forward along a cycloid, which starts and ends at rest relative to the hip. The legs are half a cycle apart. It is an
open-loop pattern to look at on a gantry: nothing in it balances.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaitway.robots.robot import RobotError


@dataclass(frozen=True, kw_only=True)
class SteppingPattern:
    """Steps of one size; the defaults of the leg are those of h23."""

    step_length: float = 0.1
    """How far a foot moves [m]."""
    step_height: float = 0.05
    """How far it is lifted [m]."""
    thigh: float = 0.331
    """From hip pitch to knee [m]."""
    shank: float = 0.3
    """From knee to ankle pitch [m]."""
    home: tuple[float, float, float] = (-0.20, 0.42, -0.22)
    """Hip pitch, knee and ankle pitch in the middle of the stance [rad]."""

    def leg(self, phase: float) -> np.ndarray:
        """Joint angles of one leg: hip pitch, knee, ankle pitch [rad]. Shape (3,).

        Args:
            phase: of its cycle; from 0 to 0.5 the foot swings, from 0.5 to 1 it stands.

        Raises:
            RobotError: the leg does not reach that far.
        """
        x, z = self.foot(phase)
        hip, knee = self.reach(x, z)
        return np.array([hip, knee, sum(self.home) - hip - knee])

    def foot(self, phase: float) -> tuple[float, float]:
        """Where the ankle is: forward of the hip and below it [m]."""
        hip, knee, _ = self.home
        x = -self.thigh * math.sin(hip) - self.shank * math.sin(hip + knee)
        z = self.thigh * math.cos(hip) + self.shank * math.cos(hip + knee)
        phase %= 1.0
        if phase >= 0.5:
            return x + self.step_length * (1.5 - 2.0 * phase), z
        turn = 4.0 * math.pi * phase
        forward = turn / (2.0 * math.pi) - math.sin(turn) / (2.0 * math.pi)
        return x + self.step_length * (forward - 0.5), z - 0.5 * self.step_height * (1.0 - math.cos(turn))

    def reach(self, x: float, z: float) -> tuple[float, float]:
        """Hip pitch and knee that put the ankle forward of the hip and below it, by the law of cosines [rad].

        Raises:
            RobotError: no angles do.
        """
        a, b, distance = self.thigh, self.shank, math.hypot(x, z)
        if not abs(a - b) < distance < a + b:
            raise RobotError(
                f"a foot {x:.3f} m forward and {z:.3f} m below the hip is out of reach of a leg of {a} m and {b} m; "
                f"step_length {self.step_length} m and step_height {self.step_height} m are too large"
            )
        knee = math.pi - math.acos((a * a + b * b - distance * distance) / (2.0 * a * b))
        inner = math.acos((a * a + distance * distance - b * b) / (2.0 * a * distance))
        return -math.atan2(x, z) - inner, knee

    def check(self) -> None:
        """Try a whole cycle.

        Raises:
            RobotError: the leg does not reach somewhere.
        """
        for phase in np.linspace(0.0, 1.0, 100, endpoint=False):
            self.leg(float(phase))

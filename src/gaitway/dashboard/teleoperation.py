"""What a person asks a robot to do, by keys and by sliders; knows no browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gaitway.policy import CommandSpec

Key = Literal["I", "K", "U", "O", "J", "L"]

KEY_STEP = 0.1
"""What one press of a key adds: to velocities [m/s], to the yaw rate [rad/s]."""


@dataclass(frozen=True)
class Axis:
    """One of the three values of a velocity command, and the keys that change it."""

    label: str
    unit: str
    more: Key
    """Key that adds."""
    less: Key
    """Key that takes away."""


AXES = (
    Axis("forward", "m/s", "I", "K"),
    Axis("left", "m/s", "U", "O"),
    Axis("turn left", "rad/s", "J", "L"),
)
"""In the order of a velocity command: vx, vy, yaw rate."""


class Teleoperation:
    """The velocity that is asked for, always within what a policy was trained on.

    Attributes:
        lower: of each value of the command [m/s, m/s, rad/s]. Shape (3,).
        upper: of each value of the command. Shape (3,).
        velocity: what is asked for: vx, vy [m/s] and yaw rate [rad/s] in the yaw-aligned base frame. Shape (3,).
    """

    def __init__(self, spec: CommandSpec):
        """Begin by asking to stand."""
        self.lower, self.upper = np.array([spec.lin_vel_x, spec.lin_vel_y, spec.ang_vel_z]).T
        self.velocity = np.zeros(3)

    def press(self, key: str) -> None:
        """Take in a key of AXES; another changes nothing."""
        for index, axis in enumerate(AXES):
            change = KEY_STEP * ((key == axis.more) - (key == axis.less))
            self.set(index, self.velocity[index] + change)

    def set(self, index: int, value: float) -> None:
        """Ask for one value of the command."""
        self.velocity[index] = np.clip(round(value, 6), self.lower[index], self.upper[index])

    def stand(self) -> None:
        """Ask to stand."""
        self.velocity[:] = 0.0

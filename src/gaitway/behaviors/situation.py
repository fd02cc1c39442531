"""What a behaviour tree knows, and what it decides: one object that all its leaves share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from gaitway.behaviors.reactive import Scan


@dataclass(kw_only=True)
class Situation:
    """Filled in before each tick, but for `velocity` and `skill`, which the leaves set."""

    now_s: float = 0.0
    """Steady time [s]."""
    emergency: str | None = None
    """Why to stop; None where there is no emergency."""
    tilt: float = math.nan
    """Angle between the base's up axis and the world's; NaN where it is not known [rad]."""
    position: np.ndarray | None = None
    """Of the base in the odometry's frame, None where it is not known [m]. Shape (2,)."""
    yaw: float = 0.0
    """Heading of the base [rad]."""
    goal: np.ndarray | None = None
    """Where to go in the odometry's frame; None where nowhere [m]. Shape (2,)."""
    scan: Scan | None = None
    """The newest; None where there is no fresh one."""
    velocity: np.ndarray = field(default_factory=lambda: np.zeros(3))
    """What was decided: vx, vy [m/s] and yaw rate [rad/s]. Shape (3,)."""
    skill: str | None = None
    """The skill that has the robot; None where it stands."""

    def stand(self) -> None:
        """Let no skill have the robot."""
        self.velocity, self.skill = np.zeros(3), None

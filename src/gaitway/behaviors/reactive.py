"""Walking past obstacles by what is near now, without a map: straight on while the way is clear, else turn."""

from __future__ import annotations

import enum
import math
from dataclasses import dataclass

import numpy as np

from gaitway.errors import GaitwayError

_LEAST_USABLE = 0.5
"""With a smaller share of usable beams ahead, nothing is known of what is there."""
_ALIKE_M = 0.2
"""Sides whose mean distances differ by less are equally good, as far as the scan tells."""


@dataclass(frozen=True, kw_only=True)
class Scan:
    """One turn of a lidar, in a frame whose x axis points ahead and whose y axis points left."""

    ranges: np.ndarray
    """Distances as REP-117 has them: +inf is nothing in range, -inf is something too near to measure, NaN is no
    measurement [m]. Zero, which some drivers send, is no measurement either. Shape (beams,)."""
    angle_min: float
    """Angle of the first beam [rad]."""
    angle_increment: float
    """Angle from one beam to the next [rad]."""
    range_max: float
    """Greatest distance that can be measured [m]."""

    @property
    def angles(self) -> np.ndarray:
        """Angle of each beam, in (-pi, pi] [rad]. Shape (beams,)."""
        angles = self.angle_min + self.angle_increment * np.arange(len(self.ranges))
        return np.pi - np.mod(np.pi - angles, 2.0 * np.pi)


def usable_ranges(scan: Scan) -> np.ndarray:
    """Distances in [0, range_max], NaN for beams that tell nothing [m]. Shape (beams,)."""
    ranges = np.array(scan.ranges, dtype=float)
    ranges[np.isneginf(ranges)] = 1e-3  # too near to measure: as near as can be
    ranges[~(ranges > 0.0)] = np.nan
    return np.minimum(ranges, scan.range_max)


def clearer_side(image: np.ndarray) -> float:
    """Which half of a picture has fewer edges, and so less that stands there.

    Args:
        image: shape (height, width, 3) or (height, width), uint8.

    Returns:
        From -1, only the left half has edges, to 1, only the right one has: positive values speak for the left.
    """
    gray = image.astype(np.float32)
    gray = gray.mean(axis=2) if gray.ndim == 3 else gray
    edges = np.abs(np.diff(gray, axis=1)).sum(axis=0)
    half = len(edges) // 2
    left, right = float(edges[:half].sum()), float(edges[len(edges) - half :].sum())
    return (right - left) / (left + right) if left + right > 0.0 else 0.0


@dataclass(frozen=True, kw_only=True)
class ReactiveConfig:
    """How a robot walks past obstacles."""

    stop_distance: float = 1.0
    """Something nearer ahead makes it stop and turn [m]."""
    margin: float = 0.2
    """It walks on when the way is clear for this much more [m]."""
    speed: float = 0.4
    """[m/s]"""
    turn_rate: float = 0.5
    """[rad/s]"""
    half_angle: float = 0.6
    """Ahead is what lies within this angle of straight on [rad]; wide enough for the robot at `stop_distance`."""

    def __post_init__(self) -> None:
        if not (self.stop_distance > 0.0 and self.margin >= 0.0 and 0.0 < self.half_angle <= 0.5 * math.pi):
            raise GaitwayError(
                "reactive steering needs stop_distance > 0, margin >= 0 and half_angle in (0, pi/2]; "
                f"got {self.stop_distance}, {self.margin} and {self.half_angle}"
            )


class Steering(enum.Enum):
    """What reactive steering does."""

    FORWARD = "forward"
    TURN = "turn"
    BLIND = "blind"
    """It stands, since too few beams ahead tell anything."""


@dataclass(frozen=True, kw_only=True)
class Decision:
    """What to do now."""

    steering: Steering
    velocity: np.ndarray
    """vx, vy [m/s] and yaw rate [rad/s]. Shape (3,)."""
    ahead: float
    """Distance of the nearest thing ahead; NaN where nothing is known [m]."""


class Reactive:
    """Decides from scan to scan; remembers only which way it is turning, so that it does not dither."""

    def __init__(self, config: ReactiveConfig | None = None):
        """Begin walking."""
        self.config = config or ReactiveConfig()
        self._turn = 0.0  # sign of the turn under way; 0 while walking

    def decide(self, scan: Scan, clearer: float = 0.0) -> Decision:
        """What to do.

        Args:
            scan: the newest.
            clearer: what a picture says of the sides, as `clearer_side` returns it; asked where the scan finds both
                sides alike.
        """
        config = self.config
        ranges, angles = usable_ranges(scan), scan.angles
        known = ~np.isnan(ranges)
        is_ahead = np.abs(angles) <= config.half_angle
        if not is_ahead.any() or known[is_ahead].mean() < _LEAST_USABLE:
            return Decision(steering=Steering.BLIND, velocity=np.zeros(3), ahead=math.nan)
        ahead = float(ranges[is_ahead & known].min())
        needed = config.stop_distance + (config.margin if self._turn else 0.0)
        if ahead >= needed:
            self._turn = 0.0
            return Decision(
                steering=Steering.FORWARD, velocity=np.array([config.speed, 0.0, 0.0]), ahead=ahead
            )
        if not self._turn:
            self._turn = self._better_side(ranges, angles, known, clearer)
        velocity = np.array([0.0, 0.0, self._turn * config.turn_rate])
        return Decision(steering=Steering.TURN, velocity=velocity, ahead=ahead)

    def _better_side(
        self, ranges: np.ndarray, angles: np.ndarray, known: np.ndarray, clearer: float
    ) -> float:
        """1 for the left, -1 for the right."""
        reach = np.minimum(ranges, 3.0 * self.config.stop_distance)  # what lies farther does not matter
        side = (np.abs(angles) < 0.5 * np.pi) & (np.abs(angles) > 1e-6) & known
        left, right = (
            float(reach[half].mean()) if half.any() else 0.0
            for half in (side & (angles > 0), side & (angles < 0))
        )
        difference = left - right if abs(left - right) > _ALIKE_M else clearer
        return -1.0 if difference < 0.0 else 1.0

"""How cautious to be, from what is known of the surroundings and of the machine that decides."""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import Annotated, Literal

import msgspec

_TIME_CONSTANT_S = 1.0

Fraction = Annotated[float, msgspec.Meta(ge=0.0, le=1.0)]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """Where to walk, in the frame of `/odom` [m]."""

    x: float
    y: float


@dataclass(frozen=True, kw_only=True)
class Environment:
    """What a server says of the surroundings."""

    hazard: Fraction = 0.0
    """From 0, safe, to 1."""
    goal: Goal | None = None


@dataclass(frozen=True, kw_only=True)
class Health:
    """The machine: fractions from 0 to 1."""

    cpu: float = 0.0
    """In use, of all cores."""
    memory: float = 0.0
    """In use."""
    battery: float = 1.0
    """Left, NaN where it is not known."""


@dataclass(frozen=True, kw_only=True)
class BehaviorModel:
    """Caution that follows the worst of what is known within a second, and what to do by it."""

    limit: float = 0.6
    """Caution above which to wait; below half of it to go again."""
    max_cpu: float = 0.95
    max_memory: float = 0.9
    min_battery: float = 0.2
    """Beyond these the machine counts as in full hazard."""
    caution: float = 0.0
    """From 0 to 1."""
    behavior: Literal["go", "wait"] = "go"

    def updated(self, environment: Environment, health: Health, elapsed_s: float) -> BehaviorModel:
        """The model a while later.

        Args:
            environment: newest.
            health: newest.
            elapsed_s: since the last update [s].
        """
        tired = (
            health.cpu > self.max_cpu or health.memory > self.max_memory or health.battery < self.min_battery
        )
        worst = max(environment.hazard, float(tired))
        caution = worst + (self.caution - worst) * math.exp(-elapsed_s / _TIME_CONSTANT_S)
        threshold = self.limit if self.behavior == "go" else 0.5 * self.limit
        behavior = "wait" if caution > threshold else "go"
        return dataclasses.replace(self, caution=caution, behavior=behavior)

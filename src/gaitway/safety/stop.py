"""A stop: why, measured against what, and when. It latches; only a reset clears it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Stop:
    """The first reason for which a robot was stopped."""

    check: str
    """Name of the check that tripped, or "stop_request"."""
    message: str
    """The reason for a person to read."""
    value: float | None = None
    """What was measured."""
    limit: float | None = None
    """What it was allowed to be."""
    unit: str = ""
    time_s: float
    """When, on the steady clock [s]."""

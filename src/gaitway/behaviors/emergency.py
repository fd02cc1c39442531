"""Whether an agent has to stop, from everything that can say so."""

from __future__ import annotations

import math

UNCONFIRMED_S = 3.0
"""A request that no supervisor has taken up after this time, though one is there and sees no stop, is over [s]."""


class EmergencyLatch:
    """Remembers stop requests, what the safety supervisor says, and tilt.

    A request holds until the supervisor has said "stopped" and then "not stopped": a message about the time before
    the request cannot end it. Tilt ends its emergency by itself, a little below the limit.
    """

    def __init__(self, tilt_limit: float):
        """Begin without an emergency.

        Args:
            tilt_limit: greater angles between the base's up axis and the world's are an emergency [rad].
        """
        self._tilt_limit = tilt_limit
        self._requested_s: float | None = None
        self._confirmed = False
        self._supervisor: str | None = None
        self._tilted: str | None = None

    @property
    def reason(self) -> str | None:
        """Why to stop; None where there is no emergency."""
        requested = None if self._requested_s is None else "stop requested"
        return self._supervisor or requested or self._tilted

    def requested(self, now_s: float) -> None:
        """Somebody asked for a stop."""
        if self._requested_s is None:
            self._confirmed = self._supervisor is not None
        self._requested_s = now_s

    def supervisor_said(self, stopped: bool, reason: str, now_s: float) -> None:
        """The safety supervisor told whether it has stopped the robot, and why."""
        self._supervisor = (reason or "stopped by the supervisor") if stopped else None
        if self._requested_s is None:
            return
        if stopped:
            self._confirmed = True
        elif self._confirmed or now_s - self._requested_s > UNCONFIRMED_S:
            self._requested_s = None

    def tilted(self, tilt: float) -> None:
        """The base leans by this angle [rad]; one that is not finite counts as an emergency."""
        limit = self._tilt_limit if self._tilted is None else 0.8 * self._tilt_limit
        upright = tilt <= limit
        self._tilted = None if upright else f"tilted by {math.degrees(tilt):.0f} degrees"

"""Keeping a simulation at real time."""

from __future__ import annotations

from collections import deque

_WINDOW_S = 2.0


class Pacing:
    """Says when the next control step is due. After a stall time slips: nothing is made up for in a burst.

    Attributes:
        slips: how often that happened.
    """

    def __init__(self, step_dt: float, now_s: float):
        """Begin; the first step is due now.

        Args:
            step_dt: time of one control step [s].
            now_s: reading of a steady clock [s].
        """
        self.slips = 0
        self._step_dt = step_dt
        self._due_s = now_s
        self._steps_s: deque[float] = deque([now_s])

    def stepped(self, now_s: float) -> float:
        """Count a step that has just been made; returns the time until the next [s]."""
        self._steps_s.append(now_s)
        while self._steps_s[0] < now_s - _WINDOW_S:
            self._steps_s.popleft()
        self._due_s += self._step_dt
        if now_s - self._due_s > self._step_dt:
            self._due_s = now_s
            self.slips += 1
        return max(self._due_s - now_s, 0.0)

    @property
    def real_time_factor(self) -> float:
        """Simulated over real time in the newest two seconds."""
        elapsed = self._steps_s[-1] - self._steps_s[0]
        return (len(self._steps_s) - 1) * self._step_dt / elapsed if elapsed > 0.0 else 0.0

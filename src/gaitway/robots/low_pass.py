"""A low-pass filter for sensor values that do not come at regular times."""

from __future__ import annotations

import math

import numpy as np

_STAGE_PER_CUTOFF = 1.0 / math.sqrt(math.sqrt(2.0) - 1.0)
"""Two equal stages in a row lose 3 dB where each alone loses 1.5 dB, at 0.644 of its own cut-off."""


class LowPass:
    """Second-order low-pass: two first-order stages, each the exact answer to what was held since the value before.

    The time between two values may change from one to the next, because a message was dropped or came late, and the
    cut-off stays where it is. The two poles are equal and real, so that a step is followed without overshoot; its delay at
    low frequencies is 0.205 / cutoff_hz.
    """

    def __init__(self, cutoff_hz: float):
        """Start with no past.

        Args:
            cutoff_hz: where the gain is 3 dB down [Hz]; may be changed at any time.
        """
        self.cutoff_hz = cutoff_hz
        self.reset()

    def reset(self) -> None:
        """Begin anew at the next values."""
        self._stages: tuple[np.ndarray, np.ndarray] | None = None

    def step(self, values: np.ndarray, step_dt: float) -> np.ndarray:
        """The filtered values; the first ones pass as they are.

        Args:
            values: of any shape, the same every time.
            step_dt: time since the values before [s].
        """
        if self._stages is None:
            self._stages = values.copy(), values.copy()
        share = -math.expm1(-2.0 * math.pi * self.cutoff_hz * _STAGE_PER_CUTOFF * step_dt)
        first = self._stages[0] + share * (values - self._stages[0])
        second = self._stages[1] + share * (first - self._stages[1])
        self._stages = first, second
        return second.copy()

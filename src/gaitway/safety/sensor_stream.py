"""What a sensor's messages tell by when they come, by their stamps, and by whether they change.

Stamps are compared with the past of the same stream alone, so that the sender's clock need not agree with ours. The
lead of a stamp over its arrival on the steady clock is largest for the message that travelled fastest. A stamp that
leads by more than that has jumped forward, whatever stalled on the way; how far the newest one lags behind it is how
old its reading is.
"""

from __future__ import annotations

import math
from collections import deque

_CLOCK_DRIFT = 1e-3
"""The clocks of two machines part at most so fast [s/s]."""


class SensorStream:
    """The messages of one sensor. Arrivals are of the steady clock [s]."""

    def __init__(self, rate_samples: int):
        """Watch a stream.

        Args:
            rate_samples: messages over which the rate is measured.
        """
        self.heard_s = -math.inf
        """Arrival of the newest message."""
        self.jump_s = 0.0
        """How far the newest stamp jumped, forward or back [s]."""
        self.identical = 0
        """How many messages in a row have repeated the reading before them."""
        self._arrivals: deque[float] = deque(maxlen=rate_samples + 1)
        self._content = b""
        self._stamp_s: float | None = None
        self._lead_s = -math.inf

    def receive(self, content: bytes, stamp_s: float | None, now_s: float) -> None:
        """Take a message in.

        Args:
            content: the bits of its reading.
            stamp_s: its stamp [s]; None for a message without.
            now_s: when it arrived.
        """
        before_s, self._stamp_s = self._stamp_s, stamp_s
        self.jump_s = 0.0
        if stamp_s is not None:
            lead_s = stamp_s - now_s
            if before_s is not None:
                self._lead_s -= _CLOCK_DRIFT * max(0.0, now_s - self.heard_s)
                back_s = before_s - stamp_s
                self.jump_s = max(0.0, lead_s - self._lead_s, back_s)
                if back_s > 0.0 and back_s == self.jump_s:
                    self._lead_s = lead_s
            self._lead_s = max(self._lead_s, lead_s)
        if stamp_s is None or stamp_s != before_s:  # a message that is sent again is not a new reading
            self.identical = self.identical + 1 if content == self._content else 0
            self._content = content
        self.heard_s = now_s
        self._arrivals.append(now_s)

    def age_s(self, now_s: float) -> float:
        """How old the newest reading is, by its arrival or by its stamp, whichever is older [s]."""
        age_s = now_s - self.heard_s
        return age_s if self._stamp_s is None else max(age_s, now_s + self._lead_s - self._stamp_s)

    def rate_hz(self) -> float:
        """Mean rate of the newest messages [Hz]; infinite while there are too few."""
        if len(self._arrivals) < (self._arrivals.maxlen or 0):
            return math.inf
        elapsed_s = self._arrivals[-1] - self._arrivals[0]
        return (len(self._arrivals) - 1) / elapsed_s if elapsed_s > 0.0 else math.inf

    def begin(self) -> None:
        """Forget what came before: rates and repetitions are counted from here."""
        self._arrivals.clear()
        self.identical = 0
        self.jump_s = 0.0

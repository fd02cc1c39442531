"""How messages arrive on a topic: rate, age and losses, and how regularly a node gets to work; bounded in memory."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Mapping
from typing import Any

_PUBLISHERS = 16


class Arrivals:
    """What is known of one topic's messages."""

    def __init__(self, window: int = 200):
        """Begin to count.

        Args:
            window: over how many messages the rate is measured.
        """
        self.received = 0
        self.bytes = 0
        self.lost: int | None = None
        """Messages that were published and never came; None where the ROS 2 distribution does not say."""
        self._times_s: deque[float] = deque(maxlen=window)
        self._newest: OrderedDict[bytes, int] = OrderedDict()

    def note(self, now_s: float, info: Mapping[str, Any], size: int = 0) -> None:
        """A message came.

        Args:
            now_s: when.
            info: what rclpy says of it: its number among its publisher's messages, from Kilted on.
            size: serialised [bytes].
        """
        self.received += 1
        self.bytes += size
        self._times_s.append(now_s)
        number, publisher = info.get("publication_sequence_number"), info.get("publisher_gid")
        if number is None or publisher is None:
            return
        identity = publisher["data"]
        before = self._newest.pop(identity, number - 1)
        self.lost = (self.lost or 0) + max(0, number - before - 1)
        self._newest[identity] = max(number, before)
        if len(self._newest) > _PUBLISHERS:
            self._newest.popitem(last=False)

    def rate_hz(self) -> float:
        """Mean rate over the window [Hz]; zero before the second message."""
        if len(self._times_s) < 2 or self._times_s[-1] == self._times_s[0]:
            return 0.0
        return (len(self._times_s) - 1) / (self._times_s[-1] - self._times_s[0])

    def age_s(self, now_s: float) -> float:
        """Time since the newest message [s]; infinite before the first."""
        return now_s - self._times_s[-1] if self._times_s else float("inf")


class Ticks:
    """Whether a periodic callback is called as often as it should be."""

    def __init__(self, period_s: float):
        """Begin to count.

        Args:
            period_s: what it should be called by [s].
        """
        self.count = self.missed = 0
        self.latest_s = 0.0
        """The most that it was late by [s]."""
        self._period_s = period_s
        self._before_s: float | None = None

    def note(self, now_s: float) -> None:
        """It is called."""
        self.count += 1
        if self._before_s is not None:
            gap_s = now_s - self._before_s
            self.missed += max(0, round(gap_s / self._period_s) - 1)
            self.latest_s = max(self.latest_s, gap_s - self._period_s)
        self._before_s = now_s

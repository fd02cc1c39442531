"""What the flight recorder remembers, and when it writes it down. Knows no ROS; times are of the steady clock."""

from __future__ import annotations

from collections import deque

_OVERHEAD_BYTES = 160
"""What Python needs to keep one message, beside its content."""


class FlightBuffer:
    """The newest messages of every topic, bounded by age and by bytes.

    Where the bytes run out, the topic that has most of them gives up its oldest: a camera shortens its own history,
    not that of the joints.
    """

    def __init__(self, seconds: float, max_bytes: int):
        """Begin empty.

        Args:
            seconds: largest age of a message [s].
            max_bytes: bound of the memory of all messages together.
        """
        self._keep_ns = round(seconds * 1e9)
        self._max_bytes = max_bytes
        self._topics: dict[str, deque[tuple[int, bytes]]] = {}
        self._bytes: dict[str, int] = {}
        self._latched: set[str] = set()
        self.size_bytes = 0
        """What the messages take."""
        self.dropped = 0
        """Messages that were given up for want of memory."""

    def add(self, topic: str, time_ns: int, content: bytes, *, latched: bool = False) -> None:
        """Take a message in, and forget what is too old or too much.

        Args:
            topic: where it was heard.
            time_ns: when [ns].
            content: as it was received.
            latched: whether the newest message of this topic holds until the next, however old it is.
        """
        size = len(content) + _OVERHEAD_BYTES
        messages = self._topics.setdefault(topic, deque())
        if latched:
            self._latched.add(topic)
        messages.append((time_ns, content))
        self._bytes[topic] = self._bytes.get(topic, 0) + size
        self.size_bytes += size
        self._forget_old(topic, time_ns - self._keep_ns)
        while self.size_bytes > self._max_bytes:
            self._forget_one(max(self._bytes, key=self._bytes.__getitem__))
            self.dropped += 1

    def messages(self, now_ns: int) -> list[tuple[int, str, bytes]]:
        """Time [ns], topic and content of what is remembered, in the order of time.

        A latched message from before the beginning is given the time of the beginning.
        """
        begin_ns = now_ns - self._keep_ns
        for topic in self._topics:
            self._forget_old(topic, begin_ns)
        found = [
            (max(time_ns, begin_ns), topic, content)
            for topic, messages in self._topics.items()
            for time_ns, content in messages
        ]
        return sorted(found, key=lambda entry: entry[0])

    def _forget_old(self, topic: str, begin_ns: int) -> None:
        messages, kept = self._topics[topic], topic in self._latched
        while len(messages) > kept and messages[0][0] < begin_ns:
            self._forget_one(topic)

    def _forget_one(self, topic: str) -> None:
        size = len(self._topics[topic].popleft()[1]) + _OVERHEAD_BYTES
        self._bytes[topic] -= size
        self.size_bytes -= size


class StopTrigger:
    """Says when to write: once per stop, some time after it, so that what it led to is seen."""

    def __init__(self, after_s: float):
        """Wait for a stop.

        Args:
            after_s: time from the stop to the writing [s].
        """
        self.reason = ""
        """Why the newest stop was, as far as anybody has said."""
        self._after_s = after_s
        self._stopped: dict[str, bool] = {}
        self._due_s: float | None = None
        self._armed = True

    @property
    def pending(self) -> bool:
        """Whether there was a stop that is not written yet."""
        return self._due_s is not None

    def stop_requested(self, now_s: float) -> None:
        """Somebody asked for a stop."""
        if self._armed:
            self._armed, self._due_s, self.reason = False, now_s + self._after_s, ""

    def latch(self, who: str, stopped: bool, now_s: float, reason: str = "") -> None:
        """A robot or a supervisor says whether it is stopped, and why if it knows more than that it was asked to."""
        self._stopped[who] = stopped
        if stopped:
            self.stop_requested(now_s)
            if self.pending and not self.reason:
                self.reason = reason

    def due(self, now_s: float) -> bool:
        """Whether to write now; each stop is due once. The next is waited for once nobody is stopped any more."""
        if self._due_s is not None:
            if now_s < self._due_s:
                return False
            self._due_s = None
            return True
        if not any(self._stopped.values()):
            self._armed = True
        return False

"""Work behind a bounded queue, in a thread of its own; knows no ROS."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

Item = TypeVar("Item")


@dataclass(frozen=True)
class Counts:
    """What became of the items; at any moment `received == done + dropped + in_flight`."""

    received: int
    done: int
    dropped: int
    in_flight: int
    """Waiting, or being worked on."""


class BoundedStage(Generic[Item]):
    """Takes items without ever making who offers them wait, and works on one after the other.

    Where the work is slower than the items come, the oldest that waits is dropped for the newest: of sensor values the
    newest says most. Whether an item is done or dropped the work itself may say too, by returning False.
    """

    def __init__(self, work: Callable[[Item], bool], capacity: int):
        """Start the thread.

        Args:
            work: what to do with an item; returns whether it could be used.
            capacity: how many items may wait.
        """
        self._work = work
        self._waiting: deque[Item] = deque()
        self._capacity = capacity
        self._changed = threading.Condition()
        self._received = self._done = self._dropped = self._working = 0
        self._closing = False
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="bounded_stage", daemon=True)
        self._thread.start()

    def offer(self, item: Item) -> None:
        """Hand over an item; returns at once."""
        with self._changed:
            self._received += 1
            if self._closing:
                self._dropped += 1
                return
            if len(self._waiting) == self._capacity:
                self._waiting.popleft()
                self._dropped += 1
            self._waiting.append(item)
            self._changed.notify()

    def do(self, item: Item) -> None:
        """Work on an item at once, in the caller's own time; it is counted like the others."""
        with self._changed:
            self._received += 1
            self._working += 1
        self._finish(item)

    def counts(self) -> Counts:
        """All counts of one moment."""
        with self._changed:
            in_flight = len(self._waiting) + self._working
            return Counts(self._received, self._done, self._dropped, in_flight)

    def check(self) -> None:
        """Raise what the work raised, if it did; nobody sees it in the thread."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """Finish the item that is being worked on, drop those that wait, and end the thread."""
        with self._changed:
            self._closing = True
            self._dropped += len(self._waiting)
            self._waiting.clear()
            self._changed.notify()
        self._thread.join()

    def _run(self) -> None:
        try:
            while True:
                with self._changed:
                    self._changed.wait_for(lambda: self._waiting or self._closing)
                    if self._closing:
                        return
                    item = self._waiting.popleft()
                    self._working += 1
                self._finish(item)
        except Exception as error:  # handed on by `check`
            self._error = error

    def _finish(self, item: Item) -> None:
        used = False
        try:
            used = self._work(item)
        finally:
            with self._changed:
                self._working -= 1
                self._done += used
                self._dropped += not used

"""Ctrl-C as a request: what runs is finished first."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def deferred_interrupt() -> Iterator[list[int]]:
    """Collect Ctrl-C in a list instead of raising, so that an iteration can end; a second one raises."""
    received: list[int] = []

    def note(number: int, frame: Any) -> None:
        if received:
            raise KeyboardInterrupt
        received.append(number)

    try:
        previous = signal.signal(signal.SIGINT, note)
    except ValueError:  # not in the main thread: whoever runs us handles signals
        yield received
        return
    try:
        yield received
    finally:
        signal.signal(signal.SIGINT, previous)

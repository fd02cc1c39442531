"""A bare timer on each CPU, in a process of its own: what it is late by, the host is, and not a test or a node.

Reads times of `time.monotonic` from its standard input, a line each, and answers with the longest that a timer
was late since then [s]. Ends with its input. The timers are pinned because a virtual machine's CPUs stall one by
one, and a timer on another CPU would not notice.
"""

from __future__ import annotations

import os
import sys
import threading
import time

PERIOD_S = 0.01
_NOTED_S = 0.005


class BareTimer:
    """Sleeps to a fixed schedule and notes when it woke late."""

    def __init__(self, cpu: int):
        self._cpu = cpu
        self._due_s = time.monotonic() + PERIOD_S
        self._late: list[tuple[float, float]] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        os.sched_setaffinity(0, {self._cpu})  # of this thread
        while True:
            time.sleep(max(0.0, self._due_s - time.monotonic()))
            now_s = time.monotonic()
            if now_s - self._due_s > _NOTED_S:
                self._late.append((now_s, now_s - self._due_s))
            self._due_s = max(self._due_s, now_s) + PERIOD_S

    def longest_s(self, since_s: float) -> float:
        """How late it woke at most since a time, or is by now."""
        overdue_s = max(0.0, time.monotonic() - self._due_s)
        return max([overdue_s, *(late_s for woke_s, late_s in self._late if woke_s >= since_s)])


def main() -> None:
    """Run until the end of the input."""
    timers = [BareTimer(cpu) for cpu in os.sched_getaffinity(0)]
    for line in sys.stdin:
        print(max(timer.longest_s(float(line)) for timer in timers), flush=True)


if __name__ == "__main__":
    main()

"""Memory and CPU of the processes of this host; knows no ROS."""

from __future__ import annotations

from collections import OrderedDict, deque
from dataclasses import dataclass
from pathlib import Path

import psutil

_MEASUREMENTS = 300
_LARGEST_COUNT = 64


@dataclass(frozen=True)
class ProcessUse:
    """What one process uses."""

    pid: int
    command: str
    rss_mib: float
    """Memory that is in RAM [MiB]."""
    growth_mib_per_min: float
    """Mean growth of it over the last measurements; zero in the first minute [MiB/min]."""
    cpu: float
    """Cores in use since the measurement before."""


class ProcessWatch:
    """Measures again and again the processes whose command line holds one of some words, at most 64 of them."""

    def __init__(self, words: list[str]):
        """Find them when they are measured.

        Args:
            words: parts of command lines.
        """
        self._words = words
        self._known: OrderedDict[int, psutil.Process] = OrderedDict()
        self._history: dict[int, deque[tuple[float, float]]] = {}

    def measure(self, now_s: float) -> list[ProcessUse]:
        """What each of them uses now, by process id; those that have ended are forgotten."""
        for process in psutil.process_iter(["cmdline"]):
            line = " ".join(process.info["cmdline"] or ())
            if process.pid not in self._known and any(word in line for word in self._words):
                self._known[process.pid] = process
                if len(self._known) > _LARGEST_COUNT:
                    self._forget(next(iter(self._known)))
        return [use for pid in sorted(self._known) if (use := self._measured(pid, now_s))]

    def _measured(self, pid: int, now_s: float) -> ProcessUse | None:
        process = self._known[pid]
        try:
            with process.oneshot():
                rss_mib = process.memory_info().rss / 2**20
                cpu = process.cpu_percent() / 100.0
                program, *arguments = process.cmdline() or [process.name()]
        except psutil.Error:  # it has ended, or is another user's
            self._forget(pid)
            return None
        history = self._history.setdefault(pid, deque(maxlen=_MEASUREMENTS))
        history.append((now_s, rss_mib))
        minutes = (now_s - history[0][0]) / 60.0
        growth = (rss_mib - history[0][1]) / minutes if minutes > 1.0 else 0.0
        return ProcessUse(pid, " ".join([Path(program).name, *arguments]), rss_mib, growth, cpu)

    def _forget(self, pid: int) -> None:
        del self._known[pid]
        self._history.pop(pid, None)

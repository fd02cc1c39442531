"""A bare timer beside the live figures: what it was late by, the host did, not us.

Sleeps to a fixed schedule until it is terminated, then prints how late it woke, as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
import time

import numpy as np

PERIOD_S = 0.005


def main() -> None:
    """Run until SIGTERM or Ctrl-C."""
    running = True

    def end(number: int, frame: object) -> None:
        nonlocal running
        running = False

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    late_s: list[float] = []
    due = time.monotonic() + PERIOD_S
    while running:
        time.sleep(max(0.0, due - time.monotonic()))
        now = time.monotonic()
        late_s.append(now - due)
        due = max(due + PERIOD_S, now)
    late_ms = 1e3 * np.array(late_s or [0.0])
    figures = {
        "period_ms": 1e3 * PERIOD_S,
        "wakeups": len(late_s),
        "late_ms": {
            "p50": float(np.percentile(late_ms, 50)),
            "p99": float(np.percentile(late_ms, 99)),
            "max": float(late_ms.max()),
        },
    }
    json.dump(figures, sys.stdout)


if __name__ == "__main__":
    main()

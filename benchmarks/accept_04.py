"""The measurements of issue 5: how every fault is answered, and how often robots are stopped that do nothing wrong."""

from __future__ import annotations

import false_stops
import fault_trials
from acceptance import accept

PIECES = {**fault_trials.PIECES, **false_stops.PIECES}

if __name__ == "__main__":
    accept("04", PIECES)

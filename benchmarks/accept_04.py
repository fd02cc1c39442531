"""The measurements of issue 5: how often the supervisor stops robots that do nothing wrong."""

from __future__ import annotations

import false_stops
from acceptance import accept

PIECES = {**false_stops.PIECES}

if __name__ == "__main__":
    accept("04", PIECES)

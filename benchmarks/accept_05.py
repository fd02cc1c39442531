"""The measurements of issue 6: an agent that learns on the robot, and what messages, inference, executors and pictures cost."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import camera_cost
import executors
import q_learning_trial
from acceptance import accept, gaitway


def bench(name: str) -> dict[str, Any]:
    """What `gaitway bench NAME` prints."""
    return json.loads(gaitway("bench", name, "--json"))


PIECES = {
    "bench-ros": partial(bench, "ros"),
    "bench-policy": partial(bench, "policy"),
    "executors": executors.compare,
    "camera": camera_cost.compare,
    **q_learning_trial.PIECES,
}

if __name__ == "__main__":
    accept("05", PIECES)

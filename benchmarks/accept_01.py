"""The measurements of issue 1: the demo with three training seeds, and the environment's speed.

Each piece takes under ten minutes on two cores.
"""

from __future__ import annotations

import json
from functools import partial
from typing import Any

from acceptance import ROOT, accept, gaitway


def demo(seed: int) -> dict[str, Any]:
    """The whole demo with one training seed."""
    out = ROOT / "runs" / "accept-01" / f"seed-{seed}"
    gaitway("demo", "--seed", str(seed), "--out", str(out))
    return json.loads((out / "report.json").read_text())


def bench_sim() -> dict[str, Any]:
    """The environment's speed against the bare physics."""
    return json.loads(gaitway("bench", "sim", "--task", "stand", "--json"))


PIECES = {f"demo-seed-{seed}": partial(demo, seed) for seed in (1, 2, 3)} | {"bench-sim": bench_sim}

if __name__ == "__main__":
    accept("01", PIECES)

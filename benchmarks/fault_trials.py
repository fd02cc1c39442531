"""Every fault against the live processes, twenty times each: the pieces, and the table of them in docs/safety.md."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

from gaitway.files import write_atomically
from gaitway.safety.faults import FAULTS

ROOT = Path(__file__).parent.parent
RUNS = 20
BATCH = 9
"""Faults in one piece: less than twenty minutes on two cores."""
BEGIN, END = "<!-- faults: written by make accept-04 -->", "<!-- end of faults -->"


def trials(names: list[str]) -> dict[str, Any]:
    """Some faults."""
    done = subprocess.run(
        [
            *(sys.executable, "-m", "gaitway.cli.main", "bench", "safety", "--json"),
            *("--runs", str(RUNS), "--fault", *names),
        ],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout)


def pieces() -> dict[str, Any]:
    """The faults of each group, in pieces."""
    found = {}
    for group in dict.fromkeys(fault.group for fault in FAULTS.values()):
        names = [name for name, fault in FAULTS.items() if fault.group == group]
        for start in range(0, len(names), BATCH):
            found[f"faults-{group}-{1 + start // BATCH}"] = partial(trials, names[start : start + BATCH])
    return found


PIECES = pieces()


def fault_rows(runs: list[dict[str, Any]]) -> list[list[str]]:
    """The cells of each fault that was measured, in the order of the catalogue."""
    measured = {row["name"]: row for run in runs for row in run["faults"]}
    return [cells(measured[name]) for name in FAULTS if name in measured]


def cells(row: dict[str, Any]) -> list[str]:
    """One fault."""
    reaction, allowed = row["reaction_ms"], row["allowed_ms"]
    return [
        f"`{row['name']}`",
        f"{row['description']}: {row['magnitude']}",
        row["expected"],
        row["observed"] if row["passed"] else f"**{row['observed']}**",
        row["detected"],
        f"{reaction['p95']:.0f} / {reaction['max']:.0f}" if reaction else "",
        f"{allowed:.0f}" if allowed else "",
        str(row["runs"]),
    ]


HEADS = [
    "fault", "what happens", "expected", "observed", "detected by", "reaction p95 / max [ms]", "allowed [ms]", "runs",
]  # fmt: skip


def fill_page(page: Path, text: str) -> None:
    """Put a text between the marks of a page."""
    before, _, rest = page.read_text().partition(BEGIN)
    _, _, after = rest.partition(END)
    write_atomically(page, f"{before}{BEGIN}\n\n{text}\n\n{END}{after}")

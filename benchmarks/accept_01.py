"""The measurements of issue 1, in pieces that each write a record into docs/results/.

A piece whose record is there is not measured again, so a run that was stopped goes on where it was; `--again`
measures anew. Each piece takes under ten minutes on two cores.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from results import write_results

from gaitway.files import write_atomically
from gaitway.machine import describe_machine, describe_versions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"
PIECES = ("demo-seed-1", "demo-seed-2", "demo-seed-3", "bench-sim")


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Measure what is not measured yet."""

    pieces: tyro.conf.Positional[tuple[str, ...]] = PIECES
    """Which pieces."""
    again: bool = False
    """Measure pieces that have a record too."""

    def run(self) -> None:
        """Measure, and write the page of results."""
        unknown = [piece for piece in self.pieces if piece not in PIECES]
        if unknown:
            sys.exit(f"error: unknown pieces {unknown}; available: {', '.join(PIECES)}")
        measured_commit = commit()
        for piece in self.pieces:
            path = RESULTS / f"accept-01-{piece}.json"
            if path.exists() and not self.again:
                print(f"{piece}: measured already, {path.relative_to(ROOT)}")
                continue
            figures = bench_sim() if piece == "bench-sim" else demo(int(piece.rsplit("-", 1)[1]))
            record = {
                "commit": measured_commit,
                "machine": describe_machine(),
                "versions": describe_versions(),
                **figures,
            }
            write_atomically(path, json.dumps(record, indent=2) + "\n")
            print(f"{piece}: {path.relative_to(ROOT)}")
        write_results()


def demo(seed: int) -> dict[str, Any]:
    """The whole demo with one training seed."""
    out = ROOT / "runs" / "accept-01" / f"seed-{seed}"
    gaitway("demo", "--seed", str(seed), "--out", str(out))
    return json.loads((out / "report.json").read_text())


def bench_sim() -> dict[str, Any]:
    """The environment's speed against the bare physics."""
    return json.loads(gaitway("bench", "sim", "--json"))


def gaitway(*arguments: str) -> str:
    """Run a command, showing its progress; returns what it prints."""
    done = subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True,
    )  # fmt: skip
    return done.stdout


def commit() -> str:
    """The commit measured, marked where files other than results differ from it."""
    head = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--", ".", ":!docs/results", ":!docs/results.md")
    return f"{head}-dirty" if changed else head


def git(*arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()


if __name__ == "__main__":
    tyro.cli(Accept).run()

"""Running the measurements of an issue in pieces that each write a record into docs/results/.

A piece whose record is there is not measured again, so a run that was stopped goes on where it was; `--again`
measures anew.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from results import write_results

from gaitway.files import write_atomically
from gaitway.machine import describe_machine, describe_versions

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "results"

Pieces = Mapping[str, Callable[[], dict[str, Any]]]
"""What is measured, by the name of its record."""


@dataclass(frozen=True, kw_only=True)
class Accept:
    """Measure what is not measured yet."""

    pieces: tyro.conf.Positional[tuple[str, ...]] = ()
    """Which pieces; default all."""
    again: bool = False
    """Measure pieces that have a record too."""


def accept(issue: str, pieces: Pieces) -> None:
    """Measure an issue's pieces as the command line asks, and write the page of results.

    Args:
        issue: two digits that begin the records' names.
        pieces: what can be measured.
    """
    asked = tyro.cli(Accept, description=f"The measurements of issue {issue}: {', '.join(pieces)}.")
    unknown = [piece for piece in asked.pieces if piece not in pieces]
    if unknown:
        sys.exit(f"error: unknown pieces {unknown}; available: {', '.join(pieces)}")
    measured_commit = commit()
    for piece in asked.pieces or pieces:
        path = RESULTS / f"accept-{issue}-{piece}.json"
        if path.exists() and not asked.again:
            print(f"{piece}: measured already, {path.relative_to(ROOT)}")
            continue
        figures = pieces[piece]()
        record = {
            "commit": measured_commit,
            "machine": describe_machine(),
            "versions": describe_versions(),
            **figures,
        }
        write_atomically(path, json.dumps(record, indent=2) + "\n")
        print(f"{piece}: {path.relative_to(ROOT)}")
    write_results()


def gaitway(*arguments: str, check: bool = True) -> str:
    """Run a command, showing its progress; returns what it prints. With `check` a failure ends the measuring."""
    done = subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", *arguments],
        cwd=ROOT, stdout=subprocess.PIPE, text=True, check=check,
    )  # fmt: skip
    return done.stdout


def commit() -> str:
    """The commit measured, marked where files other than pages and records differ from it."""
    head = git("rev-parse", "HEAD")
    changed = git("status", "--porcelain", "--", ".", ":!docs")
    return f"{head}-dirty" if changed else head


def git(*arguments: str) -> str:
    """What git prints."""
    done = subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return done.stdout.strip()

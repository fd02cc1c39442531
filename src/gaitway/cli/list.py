"""`gaitway list`: what is in the box."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gaitway.policy import TERMS
from gaitway.robots import ROBOTS


@dataclass(frozen=True, kw_only=True)
class ListCommand:
    """Show robots, tasks, algorithms and observation terms by name."""

    what: tyro.conf.Positional[Literal["all", "robots", "tasks", "algorithms", "terms"]] = "all"
    """Which list."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Print the lists."""
        lists = {kind: entries() for kind, entries in _LISTS.items() if self.what in ("all", kind)}
        if self.json:
            print(json.dumps(lists, indent=2))
            return
        table = Table(box=None)
        for heading in ("kind", "name", "what it is"):
            table.add_column(heading)
        for kind, entries in lists.items():
            for name, summary in entries.items():
                table.add_row(kind, name, Text(summary))
        Console().print(table)


def _robots() -> dict[str, str]:
    return {
        name: f"{robot.num_joints} joints; {robot.license}; {robot.origin}"
        for name, robot in ((name, make()) for name, make in ROBOTS.items())
    }


def _tasks() -> dict[str, str]:
    from gaitway.tasks import TASKS

    return {name: task.summary for name, task in TASKS.items()}


def _algorithms() -> dict[str, str]:
    from gaitway.learning import ALGORITHMS

    return ALGORITHMS


def _terms() -> dict[str, str]:
    return {name: f"[{term.unit}] {term.frame} frame, from {term.topic}" for name, term in TERMS.items()}


_LISTS = {
    "robots": _robots,
    "tasks": _tasks,
    "algorithms": _algorithms,
    "terms": _terms,
}
COMMAND = ListCommand

"""`gaitway list`: what is in the box."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gaitway.policy import TERMS, PolicySpec, load_policy
from gaitway.policy.shipped import shipped_policies
from gaitway.robots import ROBOTS


@dataclass(frozen=True, kw_only=True)
class ListCommand:
    """Show robots, policies, tasks, algorithms and observation terms by name."""

    what: tyro.conf.Positional[Literal["all", "robots", "policies", "tasks", "algorithms", "terms"]] = "all"
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
            for name, facts in entries.items():
                summary = facts if isinstance(facts, str) else "; ".join(f"{fact}" for fact in facts.values())
                table.add_row(kind, name, Text(summary))
        Console().print(table)


def _robots() -> dict[str, dict[str, str]]:
    return {
        name: {"joints": f"{robot.num_joints} joints", "license": robot.license, "origin": robot.origin}
        for name, robot in ((name, make()) for name, make in ROBOTS.items())
    }


def _policies() -> dict[str, str]:
    return {name: _policy_summary(load_policy(path).spec) for name, path in shipped_policies().items()}


def _policy_summary(spec: PolicySpec) -> str:
    origin = spec.origin
    survival = origin.evaluation.get("survival", float("nan"))
    steps = "" if origin.env_steps is None else f", {origin.env_steps / 1e6:.0f} M steps"
    return (
        f"{origin.task} on {spec.robot.name}; {origin.algorithm}{steps}; "
        f"survival {survival:.3f}; {origin.license}; Gaitway {origin.gaitway_version}"
    )


def _tasks() -> dict[str, str]:
    from gaitway.learning import ENVIRONMENTS
    from gaitway.tasks import TASKS

    return {name: task.summary for name, task in (TASKS | ENVIRONMENTS).items()}


def _algorithms() -> dict[str, str]:
    from gaitway.learning import ALGORITHMS

    return {name: algorithm.summary for name, algorithm in ALGORITHMS.items()}


def _terms() -> dict[str, str]:
    return {
        name: f"[{term.unit}] {term.frame} frame, from {term.topic or 'no topic: only a simulation knows it'}"
        for name, term in TERMS.items()
    }


_LISTS = {
    "robots": _robots,
    "policies": _policies,
    "tasks": _tasks,
    "algorithms": _algorithms,
    "terms": _terms,
}
COMMAND = ListCommand

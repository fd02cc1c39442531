"""What a run leaves for people: its learning curve as a picture, and everything about it on one page."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gaitway.dashboard.training_report import render_learning_curve, render_training_report
from gaitway.files import write_atomically
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.record import read_record
from gaitway.tasks import TASKS

_ROWS = 200


def write_run_report(run_dir: Path) -> Path:
    """Write `report.html` and `learning_curve.png` into a run's folder; returns the path of the page.

    Raises:
        CheckpointError: the folder is no run, or has no whole checkpoint.
        GaitwayError: they could not be written.
    """
    best = load_checkpoint(run_dir).values["best"]
    report, curve = training_report(run_dir, best)
    write_atomically(run_dir / "learning_curve.png", render_learning_curve(report, curve))
    path = run_dir / "report.html"
    write_atomically(path, render_training_report(report, curve))
    return path


def training_report(
    run_dir: Path, evaluation: Mapping[str, float] | None
) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """What a training was and what came of it, and its curve thinned to some hundred rows.

    Raises:
        CheckpointError: the folder is no run, or has no whole checkpoint.
    """
    record, values = read_record(run_dir), load_checkpoint(run_dir).values
    config = record["config"]
    of_robot = config["task"] in TASKS
    report = {
        "task": config["task"],
        "robot": config["robot"] if of_robot else None,
        "algorithm": record["algo"],
        "seed": config["seed"],
        "env_steps": values["env_steps"],
        "seconds": values["seconds"],
        "machine": record["machine"],
        "versions": record["versions"],
        "evaluation": dict(evaluation or {}),
        "config": config,
        "randomization": record["randomization"],
    }
    return report, thinned(values["curve"])


def thinned(curve: Sequence[dict[str, float]], rows: int = _ROWS) -> list[dict[str, float]]:
    """A curve as means over stretches of equal length, at most about twice `rows` of them."""
    every = max(1, len(curve) // rows)
    return [_mean(curve[i : i + every]) for i in range(0, len(curve), every)]


def _mean(rows: Sequence[dict[str, float]]) -> dict[str, float]:
    """Means over some rows, of the last row's step and time."""
    keys = {key for row in rows for key in row}
    means = {key: statistics.fmean(row[key] for row in rows if key in row) for key in sorted(keys)}
    return means | {"env_steps": rows[-1]["env_steps"], "seconds": rows[-1]["seconds"]}

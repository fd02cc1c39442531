"""`gaitway export`: pack a training run as one policy file."""

from __future__ import annotations

import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console

from gaitway.dashboard import render_training_report
from gaitway.files import write_atomically
from gaitway.learning import export_run
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.trainer import read_record
from gaitway.progress import progress_bar
from gaitway.tasks import Evaluation

_ROWS = 200


@dataclass(frozen=True, kw_only=True)
class ExportCommand:
    """Evaluate the newest checkpoint of a run and write a policy file that has proved itself."""

    run_dir: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Path | None = None
    """The file to write; default policy.onnx in the run's folder."""
    episodes: int = 256
    """Episodes of the evaluation whose figures go into the file."""
    report: bool = True
    """Write the training's report beside the file too, as HTML and JSON."""

    def run(self) -> None:
        """Export, and say how it was checked."""
        path = self.out or self.run_dir / "policy.onnx"
        with progress_bar("evaluate", 1.0) as bar:
            result = export_run(
                self.run_dir, path, num_robots=self.episodes,
                on_step=lambda step, steps: bar.update(step / steps),
            )  # fmt: skip
        console = Console()
        console.print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB; {100 * result.evaluation.survival:.1f} % of "
            f"{self.episodes} robots upright; ONNX and torch differ by at most {result.max_abs_difference:.1e}"
        )
        if self.report:
            report, curve = training_report(self.run_dir, result.evaluation)
            write_atomically(path.with_suffix(".html"), render_training_report(report, curve))
            write_atomically(path.with_suffix(".json"), json.dumps({**report, "curve": curve}) + "\n")
            console.print(f"the training's report: {path.with_suffix('.html')}")
        console.print(f"next: gaitway launch {path}")


def training_report(run_dir: Path, evaluation: Evaluation) -> tuple[dict[str, Any], list[dict[str, float]]]:
    """What a training was and what came of it, and its curve thinned to some hundred rows."""
    record, values = read_record(run_dir), load_checkpoint(run_dir).values
    config = record["config"]
    curve = values["curve"]
    every = max(1, len(curve) // _ROWS)
    report = {
        "task": config["task"],
        "robot": config["robot"],
        "algorithm": config["algo"],
        "seed": config["seed"],
        "env_steps": values["env_steps"],
        "seconds": values["seconds"],
        "machine": record["machine"],
        "versions": record["versions"],
        "evaluation": evaluation.figures(),
        "config": config,
        "randomization": record["randomization"],
    }
    return report, [_mean(curve[i : i + every]) for i in range(0, len(curve), every)]


def _mean(rows: list[dict[str, float]]) -> dict[str, float]:
    """Means over some rows, of the last row's step and time."""
    keys = {key for row in rows for key in row}
    means = {key: statistics.fmean(row[key] for row in rows if key in row) for key in sorted(keys)}
    return means | {"env_steps": rows[-1]["env_steps"], "seconds": rows[-1]["seconds"]}


COMMAND = ExportCommand

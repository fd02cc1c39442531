"""`gaitway export`: pack a training run as one policy file."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from gaitway.files import write_atomically
from gaitway.learning import export_run
from gaitway.progress import progress_bar


@dataclass(frozen=True, kw_only=True)
class ExportCommand:
    """Evaluate a run's policy and write a policy file that has proved itself."""

    run_dir: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Path | None = None
    """The file to write; default policy.onnx in the run's folder."""
    episodes: int = 256
    """Episodes of the evaluation whose figures go into the file."""
    best: bool = False
    """Take the policy that did best in the evaluations of `gaitway train --eval-every`, not the newest."""
    report: bool = True
    """Write the training's report beside the file too, as HTML and JSON."""

    def run(self) -> None:
        """Export, and say how it was checked."""
        path = self.out or self.run_dir / "policy.onnx"
        with progress_bar("evaluate", 1.0) as bar:
            result = export_run(
                self.run_dir, path, num_robots=self.episodes, best=self.best,
                on_step=lambda step, steps: bar.update(step / steps),
            )  # fmt: skip
        console = Console()
        console.print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB; {100 * result.evaluation.survival:.1f} % of "
            f"{self.episodes} robots upright; ONNX and torch differ by at most {result.max_abs_difference:.1e}"
        )
        if self.report:
            from gaitway.dashboard import render_training_report  # takes long to import
            from gaitway.dashboard.run_report import training_report

            report, curve = training_report(self.run_dir, result.evaluation.figures())
            write_atomically(path.with_suffix(".html"), render_training_report(report, curve))
            write_atomically(path.with_suffix(".json"), json.dumps({**report, "curve": curve}) + "\n")
            console.print(f"the training's report: {path.with_suffix('.html')}")
        console.print(f"next: gaitway launch {path}")


COMMAND = ExportCommand

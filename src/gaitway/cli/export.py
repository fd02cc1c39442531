"""`gaitway export`: pack a training run as one policy file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from gaitway.learning import export_run
from gaitway.progress import progress_bar


@dataclass(frozen=True, kw_only=True)
class ExportCommand:
    """Evaluate the newest checkpoint of a run and write a policy file that has proved itself."""

    run_dir: tyro.conf.Positional[Path]
    """Folder of the run."""
    out: Path | None = None
    """The file to write; default policy.onnx in the run's folder."""
    robots: int = 256
    """Robots in the evaluation whose figures go into the file."""

    def run(self) -> None:
        """Export, and say how it was checked."""
        path = self.out or self.run_dir / "policy.onnx"
        with progress_bar("evaluate", 1.0) as bar:
            result = export_run(
                self.run_dir, path, num_robots=self.robots,
                on_step=lambda step, steps: bar.update(step / steps),
            )  # fmt: skip
        console = Console()
        console.print(
            f"{path}: {path.stat().st_size / 1e6:.2f} MB; {100 * result.evaluation.survival:.1f} % of "
            f"{self.robots} robots upright; ONNX and torch differ by at most {result.max_abs_difference:.1e}"
        )
        console.print(f"next: gaitway launch {path}")


COMMAND = ExportCommand

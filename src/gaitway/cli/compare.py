"""`gaitway compare`: the learning curves of several runs in one plot."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import tyro
from rich.console import Console
from rich.table import Table

from gaitway.errors import GaitwayError
from gaitway.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class CompareCommand:
    """Plot runs of one task with mean and spread over seeds.

    Runs that differ by their seed alone become one curve; its band is one standard deviation. Where such runs are of
    different length, the curve ends with the shortest.
    """

    runs: tyro.conf.Positional[tuple[Path, ...]]
    """Folders of runs."""
    figure: str | None = None
    """What to plot, by its name in TensorBoard; default the return in evaluation where all runs have it, or else that
    of training."""
    against: Literal["env_steps", "seconds"] = "env_steps"
    """What it is plotted against: environment steps, or wall time [s]."""
    smooth: bool = True
    """Plot means over the newest 15 values, of figures that are not from evaluations."""
    out: Path = Path("comparison.png")
    """The picture to write."""
    json: bool = False
    """Print the curves as JSON."""

    def run(self) -> None:
        """Compare, write the picture and print."""
        from gaitway.dashboard.comparison import (  # takes long to import
            group_runs,
            read_runs,
            render_comparison,
        )

        if not self.runs:
            raise GaitwayError("name at least one run: gaitway compare RUN RUN ...")
        runs, figure = read_runs(self.runs, self.figure, self.against)
        groups = group_runs(runs, smooth=self.smooth and not figure.startswith("eval/"))
        task = runs[0].config["task"]
        write_atomically(self.out, render_comparison(groups, task, figure, self.against))
        if self.json:
            figures = {"task": task, "figure": figure, "against": self.against}
            print(json.dumps(figures | {"groups": [group.figures() for group in groups]}, indent=2))
            return
        table = Table("", "seeds", f"{figure} at the end", "spread", box=None, title=task)
        for group in groups:
            seeds = ", ".join(map(str, group.seeds))
            table.add_row(group.label, seeds, f"{group.mean[-1]:.2f}", f"{group.spread[-1]:.2f}")
        console = Console()
        console.print(table)
        console.print(f"picture: {self.out}", soft_wrap=True)


COMMAND = CompareCommand

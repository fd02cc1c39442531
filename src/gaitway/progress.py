"""What a person sees while something takes time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)


class ProgressBar:
    """A bar with a line of figures and the time left."""

    def __init__(self, progress: Progress, task_id: TaskID):
        self._progress = progress
        self._task_id = task_id

    def update(self, completed: float, figures: str = "") -> None:
        """Move the bar to `completed` of its total, showing `figures` beside it."""
        self._progress.update(self._task_id, completed=completed, figures=figures)


@contextmanager
def progress_bar(label: str, total: float, completed: float = 0.0) -> Iterator[ProgressBar]:
    """A progress bar on standard error; where that is no terminal, only its end is printed."""
    console = Console(file=sys.stderr)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TaskProgressColumn(),
        TextColumn("{task.fields[figures]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        task_id = progress.add_task(label, total=total, completed=int(completed), figures="")
        yield ProgressBar(progress, task_id)

"""Several runs side by side: runs that differ by their seed alone become one curve with its spread."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gaitway.dashboard.page import plot_png, smoothed
from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.record import FREE, read_config

_COLORS = ("#1f6fb4", "#d9772b", "#20804a", "#8e4ec6", "#b3261e", "#8a919b", "#0f8b8d", "#a67c00")
_POINTS = 100


@dataclass(frozen=True)
class Run:
    """One run's settings and one figure of its curve."""

    path: Path
    algo: str
    config: dict[str, Any]
    x: np.ndarray
    y: np.ndarray


@dataclass(frozen=True)
class Group:
    """Runs that differ by their seed alone, over the stretch that all of them have."""

    label: str
    runs: tuple[str, ...]
    seeds: tuple[int, ...]
    x: np.ndarray
    """Environment steps or seconds. Shape (points,)."""
    mean: np.ndarray
    """Over seeds. Shape (points,)."""
    spread: np.ndarray
    """Standard deviation over seeds; zero for a single one. Shape (points,)."""

    def figures(self) -> dict[str, Any]:
        """The group as JSON values."""
        return {
            "label": self.label,
            "runs": list(self.runs),
            "seeds": list(self.seeds),
            "x": self.x.tolist(),
            "mean": self.mean.tolist(),
            "spread": self.spread.tolist(),
        }


def read_runs(run_dirs: Sequence[Path], figure: str | None, against: str) -> tuple[list[Run], str]:
    """Read one figure of several runs.

    Args:
        run_dirs: folders of runs of one task.
        figure: its name in the curves; None for the return in evaluation where all have it, else that in training.
        against: what stands on the other axis, `env_steps` or `seconds`.

    Returns:
        The runs and the name of the figure.

    Raises:
        CheckpointError: a folder is no run, or has no whole checkpoint.
        GaitwayError: the runs are of several tasks, or one of them has no such figure.
    """
    configs = [read_config(path) for path in run_dirs]
    curves = [load_checkpoint(path).values["curve"] for path in run_dirs]
    tasks = {config.task: path for config, path in zip(configs, run_dirs, strict=True)}
    if len(tasks) > 1:
        described = ", ".join(f"{task} ({path})" for task, path in tasks.items())
        raise GaitwayError(f"runs of one task can be compared; these are of several: {described}")
    names = [{name for row in curve for name in row} for curve in curves]
    if figure is None:
        figure = "eval/return" if all("eval/return" in each for each in names) else "return"
    runs = []
    for path, config, curve, available in zip(run_dirs, configs, curves, names, strict=True):
        if not curve:
            raise GaitwayError(f"{path} has not finished an iteration yet")
        if figure not in available:
            raise UnknownNameError(f"figure of {path}", figure, available)
        x, y = np.array([(row[against], row[figure]) for row in curve if figure in row]).T
        runs.append(Run(path, config.algo, asdict(config), x, y))
    return runs, figure


def group_runs(runs: Sequence[Run], smooth: bool = True) -> list[Group]:
    """Bring runs that differ by their seed alone together; a label says what else differs between groups."""
    flat = [_flat(run) for run in runs]
    differing = sorted(
        name
        for name in {name for each in flat for name in each}
        if len({each.get(name) for each in flat}) > 1
    )
    members: dict[str, list[Run]] = {}
    for run, settings in zip(runs, flat, strict=True):
        shown = [f"{name}={settings[name]}" for name in differing if name in settings and name != "algo"]
        members.setdefault(", ".join([run.algo, *shown]), []).append(run)
    return [_group(label, grouped, smooth) for label, grouped in members.items()]


def render_comparison(groups: Sequence[Group], title: str, figure: str, against: str) -> bytes:
    """Means over seeds with bands of one standard deviation, as a PNG file."""
    unit, axis = (1e6, "environment steps [millions]") if against == "env_steps" else (1.0, "wall time [s]")

    def draw(canvas: Figure) -> None:
        axes = canvas.subplots()
        for i, group in enumerate(groups):
            color, count = _COLORS[i % len(_COLORS)], len(group.runs)
            label = f"{group.label} ({count} {'run' if count == 1 else 'runs'})"
            axes.plot(group.x / unit, group.mean, color=color, linewidth=1.6, label=label)
            low, high = group.mean - group.spread, group.mean + group.spread
            axes.fill_between(group.x / unit, low, high, color=color, alpha=0.18, linewidth=0.0)
        axes.set_xlabel(axis)
        axes.set_ylabel(figure)
        axes.set_title(title, loc="left")
        axes.legend(frameon=False, fontsize=8.0)

    return plot_png(draw, (7.0, 4.2))


def _flat(run: Run) -> dict[str, str]:
    """Algorithm and settings by name, without the seed and what does not change the learning."""
    config = {name: value for name, value in run.config.items() if name not in ("seed", "settings", *FREE)}
    return {
        name: str(value) for name, value in {"algo": run.algo, **config, **run.config["settings"]}.items()
    }


def _group(label: str, runs: Sequence[Run], smooth: bool) -> Group:
    first, last = max(run.x[0] for run in runs), min(run.x[-1] for run in runs)
    if last < first:
        named = ", ".join(str(run.path) for run in runs)
        raise GaitwayError(f"these runs have no stretch in common, one ends before another begins: {named}")
    x = np.linspace(first, last, _POINTS)
    rows = np.stack([np.interp(x, run.x, smoothed(run.y) if smooth else run.y) for run in runs])
    spread = rows.std(axis=0, ddof=1) if len(runs) > 1 else np.zeros(_POINTS)
    seeds = tuple(run.config["seed"] for run in runs)
    return Group(label, tuple(str(run.path) for run in runs), seeds, x, rows.mean(axis=0), spread)

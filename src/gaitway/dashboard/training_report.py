"""The report of a training: what was asked, what came of it, and the curves between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gaitway.dashboard.page import BLUE, ORANGE, plot, plot_png, render_page, smoothed

EVALUATION = "eval/"
"""What the names of an evaluation's figures begin with, in curves."""

_MAIN = {
    "return": "return of finished episodes",
    "eval/return": "return in evaluation",
    "length": "steps of finished episodes",
    "survival": "share of episodes without a fall",
    "level": "mean level of the curriculum",
    "action_std": "standard deviation of actions",
    "value_loss": "value loss",
    "learning_rate": "learning rate",
}
_NOT_PLOTTED = ("env_steps", "seconds", "reward", "diverged")
_COLUMNS = 3


def render_training_report(report: dict[str, Any], curve: Sequence[dict[str, float]]) -> str:
    """One self-contained HTML page.

    Args:
        report: task, robot (None where the task has none), algorithm, seed, env_steps, seconds, machine, versions,
            evaluation (empty where there was none) and config.
        curve: the training's rows.
    """
    keys = sorted({key for row in curve for key in row})
    terms = {key: key.removeprefix("reward/") for key in keys if key.startswith("reward/")}
    others = [key for key in keys if key not in (*_MAIN, *_NOT_PLOTTED, *terms)]
    main = {key: title for key, title in _MAIN.items() if key in keys}
    main |= {key: key.replace("_", " ") for key in others}
    return render_page(
        "training.html",
        report=report,
        evaluation={name.removeprefix(EVALUATION): value for name, value in report["evaluation"].items()},
        main=_panels(curve, main),
        terms=_panels(curve, terms),
    )


def render_learning_curve(report: dict[str, Any], curve: Sequence[dict[str, float]]) -> bytes:
    """The return over environment steps, of training and of evaluations, as a PNG file; see the report."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for key, label, color in (("return", "training", BLUE), ("eval/return", "evaluation", ORANGE)):
            if any(key in row for row in curve):
                steps, values = _points(curve, key)
                axes.plot(steps, values, color=color, linewidth=1.4, label=label)
                axes.legend(frameon=False)
        axes.set_xlabel("environment steps [millions]")
        axes.set_ylabel("mean return of an episode")
        axes.set_title(f"{report['task']}, {report['algorithm']}, seed {report['seed']}", loc="left")

    return plot_png(draw, (6.0, 3.6))


def _points(curve: Sequence[dict[str, float]], key: str) -> tuple[np.ndarray, np.ndarray]:
    """Environment steps [millions] and values of the rows that have the key."""
    steps, values = np.array([(row["env_steps"] / 1e6, row[key]) for row in curve if key in row]).T
    return steps, values


def _panels(curve: Sequence[dict[str, float]], titles: dict[str, str]) -> str:
    """Small plots side by side over environment steps, as a data URI; empty where there are none."""
    if not titles:
        return ""
    rows = -(-len(titles) // _COLUMNS)

    def draw(figure: Figure) -> None:
        for axes, (key, title) in zip(
            figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True).flat, titles.items(), strict=False
        ):
            steps, values = _points(curve, key)
            if key.startswith(EVALUATION):
                axes.plot(steps, values, color=ORANGE, linewidth=1.4)
            else:
                axes.plot(steps, values, color=BLUE, alpha=0.25, linewidth=0.8)
                axes.plot(steps, smoothed(values), color=BLUE, linewidth=1.4)
            axes.set_title(title, fontsize=8.0, loc="left")
        figure.supxlabel("environment steps [millions]", fontsize=8.0)

    return plot(draw, (9.0, 1.5 * rows + 0.3))

"""The report of a training: what was asked, what came of it, and the curves between."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from gaitway.dashboard.page import BLUE, plot, render_page, smoothed

_MAIN = {
    "return": "return of finished episodes",
    "survival": "share of episodes without a fall",
    "level": "mean level of the curriculum",
    "action_std": "standard deviation of actions",
    "value_loss": "value loss",
    "learning_rate": "learning rate",
}
_COLUMNS = 3


def render_training_report(report: dict[str, Any], curve: Sequence[dict[str, float]]) -> str:
    """One self-contained HTML page.

    Args:
        report: task, robot, algorithm, seed, env_steps, seconds, machine, versions, evaluation and config.
        curve: the training's rows, one per iteration.
    """
    rewards = sorted({key for row in curve for key in row if key.startswith("reward/")})
    terms = {key: key.removeprefix("reward/") for key in rewards}
    main = {key: title for key, title in _MAIN.items() if any(key in row for row in curve)}
    return render_page(
        "training.html",
        report=report,
        main=_panels(curve, main),
        terms=_panels(curve, terms),
    )


def _panels(curve: Sequence[dict[str, float]], titles: dict[str, str]) -> str:
    """Small plots side by side over environment steps, as a data URI; empty where there are none."""
    if not titles:
        return ""
    rows = -(-len(titles) // _COLUMNS)

    def draw(figure: Figure) -> None:
        for axes, (key, title) in zip(
            figure.subplots(rows, _COLUMNS, squeeze=False, sharex=True).flat, titles.items(), strict=False
        ):
            steps, values = np.array([(row["env_steps"] / 1e6, row[key]) for row in curve if key in row]).T
            axes.plot(steps, values, color=BLUE, alpha=0.25, linewidth=0.8)
            axes.plot(steps, smoothed(values), color=BLUE, linewidth=1.4)
            axes.set_title(title, fontsize=8.0, loc="left")
        figure.supxlabel("environment steps [millions]", fontsize=8.0)

    return plot(draw, (9.0, 1.5 * rows + 0.3))

"""The report of a demo: one HTML file that needs nothing beside it."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Sequence
from typing import Any

import jinja2
import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gaitway.data import Recording

_BLUE, _ORANGE, _GREY = "#1f6fb4", "#d9772b", "#8a919b"
_JOINTS_SHOWN = 4
_STYLE: dict[Any, Any] = {
    "font.size": 9.0,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#e3e6ea",
    "axes.edgecolor": "#8a919b",
}


def render_report(
    report: dict[str, Any],
    curve: list[dict[str, float]],
    recording: Recording,
    pictures: Sequence[bytes],
    picture_problem: str | None,
) -> str:
    """The demo's report as one self-contained HTML page.

    Args:
        report: what stands in `report.json`.
        curve: the training's rows, one per iteration.
        recording: the live run.
        pictures: PNG files of the robot during the run.
        picture_problem: why there are none, if there are none.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("gaitway.dashboard"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    return environment.get_template("report.html").render(
        report=report,
        learning_curve=_image(lambda figure: _learning_curve(figure, curve), (8.0, 2.6)),
        tilt=_image(lambda figure: _tilt(figure, recording), (8.0, 2.2)),
        tracking=_image(lambda figure: _tracking(figure, recording), (8.0, 5.0)),
        latency=_image(lambda figure: _latency(figure, recording), (8.0, 2.2)),
        pictures=[_data_uri(picture) for picture in pictures],
        picture_times=recording.picture_time_s.tolist(),
        picture_problem=picture_problem,
    )


def _learning_curve(figure: Figure, curve: list[dict[str, float]]) -> None:
    left, right = figure.subplots(1, 2)
    for axes, key, label in (
        (left, "return", "return of finished episodes"),
        (right, "survival", "share of episodes without a fall"),
    ):
        rows = [(row["env_steps"] / 1e3, row[key]) for row in curve if key in row]
        if rows:
            steps, values = np.array(rows).T
            axes.plot(steps, values, color=_BLUE, alpha=0.25, linewidth=0.8)
            axes.plot(steps, _smoothed(values), color=_BLUE, linewidth=1.6)
        axes.set(xlabel="environment steps [thousands]", title=label)


def _smoothed(values: np.ndarray, window: int = 15) -> np.ndarray:
    """Mean over the newest `window` values."""
    sums = np.cumsum(np.concatenate([[0.0], values]))
    index = np.arange(1, len(values) + 1)
    first = np.maximum(0, index - window)
    return (sums[index] - sums[first]) / (index - first)


def _tilt(figure: Figure, recording: Recording) -> None:
    axes = figure.subplots()
    axes.plot(recording.imu_time_s, np.degrees(recording.tilt), color=_BLUE, linewidth=1.0)
    axes.set(xlabel="time [s]", ylabel="tilt [deg]", ylim=(0.0, None))
    _mark_pushes(axes, recording, labelled=True)


def _tracking(figure: Figure, recording: Recording) -> None:
    """Target and measured position of the joints that moved most."""
    moved = np.ptp(recording.joint_pos, axis=0)
    joints = np.argsort(moved)[::-1][:_JOINTS_SHOWN]
    count = min(len(recording.command_time_s), len(recording.joint_pos_target))
    all_axes = figure.subplots(len(joints), 1, sharex=True)
    for axes, joint in zip(all_axes, joints, strict=True):
        targets = recording.joint_pos_target[:count, joint]
        axes.step(
            recording.command_time_s[:count],
            targets,
            color=_ORANGE,
            linewidth=0.9,
            where="post",
            label="target",
        )
        axes.plot(
            recording.state_time_s,
            recording.joint_pos[:, joint],
            color=_BLUE,
            linewidth=1.0,
            label="measured",
        )
        axes.set(ylabel="[rad]")
        axes.set_title(str(recording.joint_names[joint]), fontsize=9.0, loc="left")
        _mark_pushes(axes, recording)
    all_axes[0].legend(loc="upper right", fontsize=8.0, ncols=2)
    all_axes[-1].set(xlabel="time [s]")


def _latency(figure: Figure, recording: Recording) -> None:
    axes = figure.subplots()
    axes.hist(1e3 * recording.latency_s, bins=np.arange(0.0, 20.5, 0.25).tolist(), color=_BLUE)
    axes.axvline(10.0, color=_GREY, linestyle="--", linewidth=1.0)
    axes.set(xlabel="sensor to command [ms]; limit 10 ms at the 99th percentile", ylabel="commands")


def _mark_pushes(axes: Axes, recording: Recording, labelled: bool = False) -> None:
    for time, impulse in zip(recording.push_time_s, recording.push_impulse_w, strict=True):
        axes.axvline(time, color=_GREY, linestyle="--", linewidth=1.0)
        if labelled:
            top = axes.get_ylim()[1]
            axes.text(time + 0.1, 0.9 * top, f"{np.linalg.norm(impulse):.1f} N s", color=_GREY)


def _image(draw: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """A figure as a PNG data URI."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", dpi=144)
    return _data_uri(buffer.getvalue())


def _data_uri(png: bytes) -> str:
    return f"data:image/png;base64,{base64.b64encode(png).decode()}"

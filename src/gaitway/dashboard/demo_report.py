"""The report of a demo."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gaitway.dashboard.page import BLUE, GREY, ORANGE, data_uri, plot, render_page, smoothed
from gaitway.data import Recording

_JOINTS_SHOWN = 4


def render_demo_report(
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
    return render_page(
        "demo.html",
        report=report,
        learning_curve=plot(lambda figure: _learning_curve(figure, curve), (8.0, 2.6)),
        tilt=plot(lambda figure: _tilt(figure, recording), (8.0, 2.2)),
        tracking=plot(lambda figure: _tracking(figure, recording), (8.0, 5.0)),
        latency=plot(lambda figure: _latency(figure, recording), (8.0, 2.2)),
        pictures=[data_uri(picture) for picture in pictures],
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
            axes.plot(steps, values, color=BLUE, alpha=0.25, linewidth=0.8)
            axes.plot(steps, smoothed(values), color=BLUE, linewidth=1.6)
        axes.set(xlabel="environment steps [thousands]", title=label)


def _tilt(figure: Figure, recording: Recording) -> None:
    axes = figure.subplots()
    axes.plot(recording.imu_time_s, np.degrees(recording.tilt), color=BLUE, linewidth=1.0)
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
            color=ORANGE,
            linewidth=0.9,
            where="post",
            label="target",
        )
        axes.plot(
            recording.state_time_s,
            recording.joint_pos[:, joint],
            color=BLUE,
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
    axes.hist(1e3 * recording.latency_s, bins=np.arange(0.0, 20.5, 0.25).tolist(), color=BLUE)
    axes.axvline(10.0, color=GREY, linestyle="--", linewidth=1.0)
    axes.set(xlabel="sensor to command [ms]; limit 10 ms at the 99th percentile", ylabel="commands")


def _mark_pushes(axes: Axes, recording: Recording, labelled: bool = False) -> None:
    for time, impulse in zip(recording.push_time_s, recording.push_impulse_w, strict=True):
        axes.axvline(time, color=GREY, linestyle="--", linewidth=1.0)
        if labelled:
            top = axes.get_ylim()[1]
            axes.text(time + 0.1, 0.9 * top, f"{np.linalg.norm(impulse):.1f} N s", color=GREY)

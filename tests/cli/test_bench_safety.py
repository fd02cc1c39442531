"""What trials of a fault amount to."""

from __future__ import annotations

from dataclasses import replace

import pytest

pytest.importorskip("rclpy")

from gaitway.cli.bench_safety import summary
from gaitway.ros.fault_trial import Trial
from gaitway.safety.faults import find_fault

STOP = Trial(
    observed="stop",
    detected="supervisor: imu_finite",
    reason="IMU of w is not finite",
    reaction_s=0.01,
    latched=True,
    commands_outside_limits=0,
)
GOES_ON = replace(STOP, observed="tolerate", detected=None, reason=None, reaction_s=None, latched=None)


def test_a_fault_passes_where_every_run_stops_in_time_and_stays_stopped() -> None:
    row = summary(find_fault("imu_nan"), [STOP, replace(STOP, reaction_s=0.03)], [])
    assert row["passed"]
    assert row["observed"] == row["expected"] == "stop"
    assert row["detected"] == "supervisor: imu_finite"
    assert row["reaction_ms"]["max"] == pytest.approx(30.0)
    assert row["allowed_ms"] == pytest.approx(40.0)


@pytest.mark.parametrize(
    "bad",
    [
        replace(STOP, reaction_s=0.05),
        replace(STOP, latched=False),
        replace(STOP, commands_outside_limits=1),
        GOES_ON,
    ],
    ids=["late", "not latched", "outside limits", "no stop"],
)
def test_one_bad_run_fails_a_fault(bad: Trial) -> None:
    assert not summary(find_fault("imu_nan"), [STOP] * 19 + [bad], [])["passed"]


def test_a_fault_that_is_to_be_tolerated_fails_with_a_stop_and_says_how_often() -> None:
    assert summary(find_fault("joints_permuted"), [GOES_ON] * 3, [])["passed"]
    row = summary(find_fault("joints_permuted"), [GOES_ON, STOP, GOES_ON], [])
    assert not row["passed"]
    assert row["observed"] == "tolerate (2), stop (1)"


def test_a_body_that_may_fall_is_stopped_where_it_does_and_left_alone_where_it_stands() -> None:
    fault = find_fault("all_jammed")
    row = summary(fault, [STOP, GOES_ON], [])
    assert row["passed"]
    assert row["observed"] == "stop (1), tolerate (1)"
    assert not summary(fault, [replace(STOP, latched=False), GOES_ON], [])["passed"]

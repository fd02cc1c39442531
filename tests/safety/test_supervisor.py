from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitway.policy import Envelope
from gaitway.robots import h23
from gaitway.safety import SafetyError, Supervisor, SupervisorLimits

ROBOT = h23()
NAMES = ROBOT.joint_names
HOME = np.array(ROBOT.home_joint_pos)
REST = np.zeros(len(NAMES))
UPRIGHT = (1.0, 0.0, 0.0, 0.0)
STILL = (0.0, 0.0, 0.0)


def supervisor() -> Supervisor:
    return Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02))


def tilted(angle_rad: float) -> tuple[float, float, float, float]:
    return (math.cos(angle_rad / 2), math.sin(angle_rad / 2), 0.0, 0.0)


def changed(values: np.ndarray, index: int, value: float) -> np.ndarray:
    copy = values.copy()
    copy[index] = value
    return copy


def test_nominal_standing_does_not_trip() -> None:
    watch = supervisor()
    rng = np.random.default_rng(0)
    for step in range(1000):
        now_s = 0.005 * step
        watch.joint_state(NAMES, HOME + rng.normal(0, 0.02, 23), rng.normal(0, 0.5, 23), now_s)
        watch.base_motion(tilted(0.1), rng.normal(0, 0.3, 3), now_s)
        if step % 4 == 0:
            watch.command(NAMES, HOME + rng.normal(0, 0.02, 23), now_s)
        watch.tick(now_s)
    assert watch.stop is None


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("column", [0, 1])
def test_one_joint_state_that_is_not_finite_stops(bad: float, column: int) -> None:
    watch = supervisor()
    columns = [HOME, REST]
    columns[column] = changed(columns[column], 5, bad)
    watch.joint_state(NAMES, columns[0], columns[1], 0.0)
    assert watch.stop is not None
    assert watch.stop.check == "joint_state_finite"
    assert "left_ankle_roll_joint" in watch.stop.message


def test_one_imu_reading_that_is_not_finite_or_no_rotation_stops() -> None:
    for quat, ang_vel, check in (
        ((math.nan, 0.0, 0.0, 0.0), STILL, "imu_finite"),
        (UPRIGHT, (0.0, math.inf, 0.0), "imu_finite"),
        ((0.0, 0.0, 0.0, 0.0), STILL, "imu_orientation"),
    ):
        watch = supervisor()
        watch.base_motion(quat, ang_vel, 0.0)
        assert watch.stop is not None
        assert watch.stop.check == check


@pytest.mark.parametrize(
    ("check", "feed"),
    [
        ("tilt", lambda w, t: w.base_motion(tilted(0.9), STILL, t)),
        ("base_angular_velocity", lambda w, t: w.base_motion(UPRIGHT, (0.0, 6.0, 0.0), t)),
        ("joint_velocity", lambda w, t: w.joint_state(NAMES, HOME, changed(REST, 1, 25.0), t)),
        ("joint_position", lambda w, t: w.joint_state(NAMES, changed(HOME, 4, 0.7), REST, t)),
    ],
)
def test_motion_out_of_limits_trips_after_enough_samples_in_a_row(check: str, feed) -> None:
    watch = supervisor()
    for sample in range(3):
        feed(watch, 0.005 * sample)
    assert watch.stop is None
    watch.base_motion(UPRIGHT, STILL, 0.02)  # one good sample begins the count anew
    watch.joint_state(NAMES, HOME, REST, 0.02)
    for sample in range(4):
        assert watch.stop is None
        feed(watch, 0.025 + 0.005 * sample)
    assert watch.stop is not None
    assert watch.stop.check == check
    assert watch.stop.value is not None
    assert watch.stop.limit is not None
    assert watch.stop.value > watch.stop.limit


@pytest.mark.parametrize(
    ("names", "position", "message"),
    [
        (NAMES[:-1], HOME[:-1], "joints missing or unknown: right_wrist_roll_joint"),
        ((*NAMES, "tail"), np.append(HOME, 0.0), "joints missing or unknown: tail"),
        ((*NAMES[:-1], NAMES[0]), HOME, "a joint name repeats"),
        (NAMES, HOME[:-1], r"23 joint names with \[22, 23\] values"),
    ],
)
def test_another_set_of_joints_stops(names, position, message: str) -> None:
    watch = supervisor()
    watch.joint_state(names, position, np.zeros(len(names)), 0.0)
    assert watch.stop is not None
    with pytest.raises(SafetyError, match=message):
        watch.check_reset(0.0)


def test_joints_in_another_order_are_judged_by_name() -> None:
    watch = supervisor()
    for sample in range(10):
        watch.joint_state(NAMES[::-1], HOME[::-1], REST, 0.005 * sample)
        watch.command(NAMES[::-1], HOME[::-1], 0.005 * sample)
    assert watch.stop is None


def test_a_command_that_jumps_or_leaves_the_range_stops_at_once() -> None:
    for target, check in (
        (changed(HOME, 0, 1.5), "command_jump"),
        (changed(HOME, 5, 0.3), "command_position"),
    ):
        watch = supervisor()
        watch.command(NAMES, HOME, 0.0)
        watch.command(NAMES, target, 0.02)
        assert watch.stop is not None
        assert watch.stop.check == check


def test_a_command_after_a_pause_is_no_jump_and_nan_means_unset() -> None:
    watch = supervisor()
    watch.command(NAMES, HOME, 0.0)
    watch.command(NAMES, changed(HOME, 0, 1.5), 10.0)
    watch.command(NAMES, np.full(23, math.nan), 10.02)
    watch.command(NAMES, (), 10.04)
    assert watch.stop is None
    watch.command(NAMES, changed(HOME, 0, math.inf), 10.06)
    assert watch.stop is not None


def test_a_sensor_that_falls_silent_stops_and_one_that_never_spoke_does_not() -> None:
    watch = supervisor()
    watch.tick(100.0)
    assert watch.stop is None
    watch.base_motion(UPRIGHT, STILL, 100.0)
    watch.tick(100.19)
    assert watch.stop is None
    watch.tick(100.21, watch_silence=False)  # on the gantry
    assert watch.stop is None
    watch.tick(100.21)
    assert watch.stop is not None
    assert watch.stop.check == "imu_timeout"


def test_a_reset_is_refused_while_the_cause_persists_and_clears_after() -> None:
    watch = supervisor()
    for sample in range(4):
        watch.base_motion(tilted(1.2), STILL, 0.005 * sample)
    with pytest.raises(SafetyError, match="the cause persists: tilt is 1.2 rad"):
        watch.check_reset(0.02)
    assert watch.stop is not None
    watch.base_motion(UPRIGHT, STILL, 0.03)
    watch.check_reset(0.03)
    watch.clear()
    assert watch.stop is None


def test_a_fault_of_a_command_is_past_once_nobody_commands() -> None:
    watch = supervisor()
    watch.command(NAMES, HOME, 0.0)
    watch.command(NAMES, changed(HOME, 0, 1.5), 0.02)
    with pytest.raises(SafetyError, match="step of the target of left_hip_pitch_joint"):
        watch.check_reset(0.04)
    watch.check_reset(0.3)
    assert watch.stop is not None  # allowed, and not yet cleared


def test_a_command_may_name_some_joints_and_none_that_are_not_ours() -> None:
    watch = supervisor()
    watch.command(NAMES[3:5], HOME[3:5], 0.0)
    assert watch.stop is None
    watch.command(("tail",), (0.0,), 0.02)
    assert watch.stop is not None
    assert watch.stop.message == "joints missing or unknown: tail"


def test_the_first_reason_is_kept_and_a_restart_adopts_the_robots_stop() -> None:
    watch = supervisor()
    watch.adopt("no joint command for 0.1 s", 1.0)
    watch.request_stop("somebody", 2.0)
    assert watch.stop is not None
    assert watch.stop.message == "the robot is stopped: no joint command for 0.1 s"


@given(st.lists(st.sampled_from(["good", "request", "nan", "tick"]), max_size=30))
def test_no_sequence_of_messages_clears_a_stop(events: list[str]) -> None:
    watch = supervisor()
    stopped = False
    for step, event in enumerate(events):
        now_s = 0.005 * step
        if event == "good":
            watch.joint_state(NAMES, HOME, REST, now_s)
            watch.base_motion(UPRIGHT, STILL, now_s)
            watch.command(NAMES, HOME, now_s)
        elif event == "request":
            watch.request_stop("a person", now_s)
        elif event == "nan":
            watch.joint_state(NAMES, HOME * math.nan, REST, now_s)
        else:
            watch.tick(now_s)
        stopped |= event in ("request", "nan")
        assert (watch.stop is not None) == stopped


def test_the_trained_envelope_tightens_the_limits_and_never_widens_them() -> None:
    def limits(scale: float) -> SupervisorLimits:
        envelope = Envelope(
            quantile=0.999, joint_vel=(scale * 2.0,) * 23, joint_pos_target_step=(0.1,) * 23,
            base_ang_vel=scale, tilt=scale * 0.15, initial_joint_pos_error=0.05,
        )  # fmt: skip
        return SupervisorLimits.from_robot(ROBOT, 0.02, envelope)

    plain = SupervisorLimits.from_robot(ROBOT, 0.02)
    calm, wild = limits(1.0), limits(100.0)
    assert calm.joint_vel == (6.0,) * 23
    assert calm.tilt == pytest.approx(0.45)
    assert calm.base_ang_vel == pytest.approx(3.0)
    assert (wild.joint_vel, wild.tilt, wild.base_ang_vel) == (plain.joint_vel, plain.tilt, plain.base_ang_vel)

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitway.policy import Envelope, adapted, load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from gaitway.safety import SafetyError, Supervisor, SupervisorLimits, limit_targets
from gaitway.safety.checks import Checks

ROBOT = h23()
NAMES = ROBOT.joint_names
HOME = np.array(ROBOT.home_joint_pos)
REST = np.zeros(len(NAMES))
UPRIGHT = (1.0, 0.0, 0.0, 0.0)
STILL = (0.0, 0.0, 0.0)


def supervisor() -> Supervisor:
    """One that requires no sensor, so that a test can speak of one alone."""
    return Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02), required=())


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
        ("base_yaw_rate", lambda w, t: w.base_motion(UPRIGHT, (0.0, 0.0, -8.0), t)),
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


ANKLE, KNEE = NAMES.index("left_ankle_pitch_joint"), NAMES.index("left_knee_joint")


@pytest.mark.parametrize(
    ("joint", "measured", "targets", "jumps"),
    [
        (ANKLE, -0.6, (0.4, -0.6), False),  # a joint that was knocked away takes its target with it
        (ANKLE, -0.87, (-0.3, 0.52), True),  # and is not to be thrown the other way
        (KNEE, 0.0, (0.8, 1.49), True),
        (KNEE, 0.3, (0.6, 0.99, 1.38, 1.77, 2.2), True),  # nor does a target that runs away gain from it
        (KNEE, 0.3, (0.6, 0.99, 1.38, 1.77, 2.16), False),
    ],
)
def test_a_step_counts_from_where_the_guard_would_have_to_put_the_target(
    joint: int, measured: float, targets: tuple[float, ...], jumps: bool
) -> None:
    watch = supervisor()
    for step, target in enumerate(targets):
        watch.joint_state(NAMES, changed(HOME, joint, measured), REST, 0.02 * step)
        watch.command(NAMES, changed(HOME, joint, target), 0.02 * step)
    assert (watch.stop.check if watch.stop else None) == ("command_jump" if jumps else None)


def test_joints_that_were_measured_long_ago_force_no_target_on() -> None:
    watch = supervisor()
    watch.joint_state(NAMES, changed(HOME, ANKLE, -0.6), REST, 0.0)
    for step in range(20):
        watch.command(NAMES, changed(HOME, ANKLE, 0.4), 0.02 * step)
    assert watch.stop is None
    watch.command(NAMES, changed(HOME, ANKLE, -0.6), 0.4)
    assert watch.stop is not None
    assert watch.stop.check == "command_jump"


def test_no_target_that_a_guard_lets_through_is_a_jump_however_the_joints_are_knocked_about() -> None:
    rng, limits = np.random.default_rng(3), SupervisorLimits.from_robot(ROBOT, 0.02)
    checks, size = Checks(limits), (1000, 23)
    previous = np.tile(HOME, (1000, 1))
    further = 0
    for _ in range(50):
        joints = (
            np.clip(HOME + rng.normal(0.0, 0.5, size), ROBOT.position_lower, ROBOT.position_upper),
            rng.normal(0.0, 10.0, size),
        )
        wanted = HOME + rng.normal(0.0, 1.0, size)
        target, _, invalid = limit_targets(limits.guard, wanted, previous, *joints, 0.02)
        target[invalid] = math.nan
        [jump] = [each for each in checks.command(target, previous, joints) if each.check == "command_jump"]
        assert (jump.value <= jump.limit).all()
        further += int((np.abs(target - previous) > np.array(limits.joint_pos_target_step)).sum())
        previous = target
        previous[invalid] = joints[0][invalid]
    assert further > 1000


def test_a_jump_stops_as_long_as_a_command_counts_as_fresh() -> None:
    watch = supervisor()
    watch.command(NAMES, HOME, 0.0)
    watch.tick(0.24, expect_commands=True)
    assert watch.stop is None
    watch.command(NAMES, changed(HOME, 0, 1.5), 0.24)
    assert watch.stop is not None
    assert watch.stop.check == "command_jump"


def test_a_command_after_a_pause_is_no_jump_and_nan_means_unset() -> None:
    watch = supervisor()
    watch.command(NAMES, HOME, 0.0)
    watch.command(NAMES, changed(HOME, 0, 1.5), 10.0)
    watch.command(NAMES, np.full(23, math.nan), 10.02)
    watch.command(NAMES, (), 10.04)
    assert watch.stop is None
    watch.command(NAMES, changed(HOME, 0, math.inf), 10.06)
    assert watch.stop is not None


def test_a_sensor_that_falls_silent_stops_and_one_that_never_spoke_and_is_not_required_does_not() -> None:
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


@pytest.mark.parametrize("silent", ["joint_states", "imu"])
def test_a_required_sensor_that_never_spoke_stops_a_robot_once_it_is_off_its_gantry(silent: str) -> None:
    watch = Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02))

    def hear(now_s: float, sensor: str) -> None:
        if sensor == "imu":
            watch.base_motion(UPRIGHT, STILL, now_s)
        else:
            watch.joint_state(NAMES, HOME, REST, now_s)

    (other,) = {"joint_states", "imu"} - {silent}
    for step in range(100):
        hear(0.01 * step, other)
        watch.tick(0.01 * step, watch_silence=False)
    for step in range(22):
        assert watch.stop is None
        hear(1.0 + 0.01 * step, other)
        watch.tick(1.0 + 0.01 * step)
    assert watch.stop is not None
    assert watch.stop.check == f"{silent}_timeout"
    with pytest.raises(SafetyError, match=f"wait for the first message of {silent} is"):
        watch.check_reset(1.3)
    hear(1.4, silent)
    hear(1.4, other)
    watch.check_reset(1.4)


def test_a_sensor_that_there_is_not_cannot_be_required() -> None:
    with pytest.raises(SafetyError, match="unknown sensors: lidar; available: joint_states, imu"):
        Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02), required=("imu", "lidar"))


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


def test_a_body_that_sinks_below_its_least_height_trips_and_an_unknown_height_does_not() -> None:
    height = {"m": 0.7}
    watch = Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02), lambda joint_pos, base_quat_w: height["m"])
    blind = supervisor()
    for sample in range(8):
        height["m"] = 0.7 if sample < 4 else 0.4
        for each in (watch, blind):
            each.base_motion(UPRIGHT, STILL, 0.005 * sample)
            each.joint_state(NAMES, HOME, REST, 0.005 * sample)
        assert (watch.stop is not None) == (sample == 7)
    assert watch.stop is not None
    assert (watch.stop.check, watch.stop.value, watch.stop.unit) == ("height", 0.4, "m")
    assert "below" in watch.stop.message
    assert blind.stop is None


def test_the_height_is_asked_for_with_joints_in_the_robots_order() -> None:
    heard = []

    def height(joint_pos: np.ndarray, base_quat_w: np.ndarray) -> float:
        heard.append((joint_pos, base_quat_w))
        return 0.7

    watch = Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02), height)
    watch.base_motion(tilted(0.2), STILL, 0.0)
    watch.joint_state(NAMES[::-1], HOME[::-1], REST, 0.0)
    np.testing.assert_array_equal(heard[0][0], HOME)
    np.testing.assert_allclose(heard[0][1], tilted(0.2))


def test_a_measured_torque_beyond_its_limit_trips_and_one_that_is_not_measured_does_not() -> None:
    effort = changed(np.full(23, math.nan), 3, 1.3 * ROBOT.effort_limit[3])
    watch = supervisor()
    for sample in range(10):
        assert watch.stop is None
        watch.joint_state(NAMES, HOME, REST, 0.005 * sample, effort=effort)
    assert watch.stop is not None
    assert watch.stop.check == "joint_effort"
    assert "left_knee_joint" in watch.stop.message

    watch = supervisor()
    watch.joint_state(NAMES, HOME, REST, 0.0, effort=changed(REST, 3, math.inf))
    assert watch.stop is not None
    assert watch.stop.check == "joint_state_finite"


@pytest.mark.parametrize("celsius", [81.0, math.nan, math.inf])
def test_a_hot_motor_trips_whatever_the_others_say(celsius: float) -> None:
    watch = supervisor()
    for sample in range(3):
        assert watch.stop is None
        watch.temperature("left_knee_joint", celsius, float(sample))
        watch.temperature("right_knee_joint", 40.0, float(sample))
    assert watch.stop is not None
    assert "left_knee_joint" in watch.stop.message


@pytest.mark.parametrize("effort", [1.01 * ROBOT.effort_limit[3], -1e9, math.inf])
def test_a_torque_command_beyond_its_limit_stops_at_once(effort: float) -> None:
    for send in (
        lambda watch: watch.command(NAMES, (), 0.0, effort=changed(np.full(23, math.nan), 3, effort)),
        lambda watch: watch.torques(changed(REST, 3, max(abs(effort), 200.0)), 0.0),
    ):
        watch = supervisor()
        send(watch)
        assert watch.stop is not None
        assert watch.stop.check == "command_effort"


def test_torques_of_another_count_stop() -> None:
    watch = supervisor()
    watch.torques([0.0] * 23, 0.0)
    assert watch.stop is None
    watch.torques([0.0] * 22, 0.02)
    assert watch.stop is not None
    assert watch.stop.message == "22 torques for 23 joints"


def test_a_second_publisher_of_commands_stops_and_one_that_takes_over_after_a_silence_does_not() -> None:
    watch = supervisor()
    for step in range(10):
        watch.publisher("/joint_commands", b"process one.pub1", 0.02 * step)
        watch.publisher("/joint_torques", b"process one.pub2", 0.02 * step)
    watch.publisher("/joint_commands", b"another one.pub1", 1.0)
    assert watch.stop is None
    watch.publisher("/joint_commands", b"process one.pub1", 1.01)
    assert watch.stop is not None
    assert watch.stop.message == "a second publisher on /joint_commands"


def test_two_processes_that_command_on_two_topics_stop() -> None:
    watch = supervisor()
    watch.publisher("/joint_commands", b"process one.pub1", 0.0)
    watch.publisher("/joint_torques", b"another one.pub1", 0.21)
    assert watch.stop is None
    watch.publisher("/joint_commands", b"process one.pub1", 0.22)
    assert watch.stop is not None
    assert watch.stop.check == "command_publishers_/joint_commands"
    assert watch.stop.message == "another process commands on /joint_torques beside /joint_commands"


@pytest.mark.parametrize("joints", [NAMES, NAMES[1:]], ids=["NaN", "no longer named"])
def test_a_joint_that_loses_its_target_while_the_others_keep_theirs_stops(joints: list[str]) -> None:
    watch = supervisor()
    watch.command(NAMES, HOME, 0.0)
    target = changed(HOME, 0, math.nan)[len(NAMES) - len(joints) :]
    watch.tick(0.01, watch_silence=False)
    watch.command(joints, target, 0.02)  # on the gantry, where a joint may go limp
    assert watch.stop is None
    watch.command(NAMES, HOME, 0.04)
    watch.tick(0.05)
    watch.command(joints, target, 0.06)
    assert watch.stop is not None
    assert watch.stop.check == "command_unset"
    assert watch.stop.message == f"{NAMES[0]} has lost its target"


def test_an_active_robot_that_nobody_commands_stops() -> None:
    watch = supervisor()
    watch.tick(0.0, expect_commands=True)
    assert watch.stop is None  # a supervisor that has just begun has heard nobody yet
    watch.command(NAMES, HOME, 0.0)
    watch.tick(0.3)
    assert watch.stop is None
    watch.tick(0.3, expect_commands=True)
    assert watch.stop is not None
    assert watch.stop.check == "command_timeout"


class Sensor:
    """Joint states at 200 Hz whose stamps and arrivals a test may bend."""

    def __init__(self, watch: Supervisor, watched: bool = True):
        self.watch, self.watched = watch, watched
        self.sent_s, self.count = 0.0, 0
        watch.joint_state(NAMES, HOME, REST, 0.0, stamp_s=1000.0)
        watch.tick(0.0, watch_silence=watched)

    def send(
        self, count: int, *, stamp_s: float = 1000.0, late_s: float = 0.0, period_s: float = 0.005
    ) -> None:
        for _ in range(count):
            self.sent_s += period_s
            self.count += 1
            velocity = changed(REST, 0, 1e-6 * self.count)
            arrival_s = self.sent_s + late_s
            self.watch.joint_state(NAMES, HOME, velocity, arrival_s, stamp_s=stamp_s + self.sent_s)
            self.watch.tick(arrival_s, watch_silence=self.watched)

    @property
    def check(self) -> str | None:
        return self.watch.stop.check if self.watch.stop else None


@pytest.mark.parametrize("jump_s", [0.15, 3600.0, -0.15, -3600.0])
def test_a_clock_that_jumps_stops_at_its_first_message_and_is_past_with_the_next(jump_s: float) -> None:
    sensor = Sensor(supervisor())
    sensor.send(200)
    assert sensor.check is None
    sensor.send(1, stamp_s=1000.0 + jump_s)
    assert sensor.check == "joint_states_clock"
    sensor.send(10, stamp_s=1000.0 + jump_s)
    sensor.watch.check_reset(sensor.sent_s)


def test_a_clock_that_drifts_or_is_set_right_by_a_little_does_not_stop() -> None:
    sensor = Sensor(supervisor())
    for step in range(50):
        sensor.send(20, stamp_s=1000.0 + 1e-3 * step)
    for step in range(50):
        sensor.send(20, stamp_s=1000.05 - 2e-5 * step)
    sensor.send(20, stamp_s=999.99)
    assert sensor.check is None


def test_readings_that_come_late_stop_by_their_stamps_though_they_keep_coming() -> None:
    sensor = Sensor(supervisor())
    sensor.send(200)
    sensor.send(20, late_s=0.15)
    assert sensor.check is None
    sensor.send(1, late_s=0.25)
    assert sensor.check == "joint_states_timeout"


def test_a_burst_after_a_stall_of_our_own_is_no_jump_of_the_clock() -> None:
    watch = supervisor()
    sensor = Sensor(watch)
    sensor.send(200)
    stalled_until_s = sensor.sent_s + 0.5
    for message in range(100):
        velocity = changed(REST, 1, 1e-6 * message)
        stamp_s = 1000.0 + sensor.sent_s + 0.005 * (message + 1)
        watch.joint_state(NAMES, HOME, velocity, stalled_until_s + 1e-4 * message, stamp_s=stamp_s)
    watch.tick(stalled_until_s + 0.01)
    assert watch.stop is None


def test_frozen_readings_stop_only_a_robot_that_is_watched() -> None:
    for watched in (False, True):
        watch = supervisor()
        for sample in range(102):
            now_s = 0.005 * sample
            watch.tick(now_s, watch_silence=watched)
            assert watch.stop is None
            watch.base_motion(UPRIGHT, (0.0, 0.0, 1e-3), now_s, stamp_s=now_s + 5.0)
        assert (watch.stop is not None) == watched
    assert watch.stop is not None
    assert watch.stop.check == "imu_frozen"


def test_a_message_that_is_sent_again_is_not_a_frozen_sensor() -> None:
    watch = supervisor()
    watch.tick(0.0)
    for sample in range(500):
        watch.joint_state(NAMES, HOME, REST, 1e-4 * sample, stamp_s=3.0)
    assert watch.stop is None


def test_a_sensor_that_slows_down_stops_only_a_robot_that_is_watched() -> None:
    for watched in (False, True):
        sensor = Sensor(supervisor(), watched)
        sensor.send(100)
        assert sensor.check is None
        sensor.send(60, period_s=0.03)
        assert sensor.check == ("joint_states_rate" if watched else None)


@settings(deadline=None)
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


def test_the_limits_of_a_policy_whose_joints_stand_in_another_order_are_by_name() -> None:
    spec = load_policy(find_policy("walk")).spec
    turned = {
        name: getattr(spec.robot, name)[::-1]
        for name in (
            "joint_names", "home_joint_pos", "stiffness", "damping", "effort_limit", "velocity_limit", "position_limit",
        )
    }  # fmt: skip
    plain, other = (
        SupervisorLimits.from_robot(adapted(ROBOT, robot), 0.02)
        for robot in (spec.robot, replace(spec.robot, **turned))
    )
    assert other.joint_names == plain.joint_names[::-1]
    assert other.joint_vel == plain.joint_vel[::-1]
    for column in ("lower", "upper", "effort", "stiffness", "damping"):
        np.testing.assert_array_equal(getattr(other.guard, column), getattr(plain.guard, column)[::-1])


def test_the_trained_envelope_tightens_the_robots_limits_and_sets_that_of_its_base() -> None:
    def limits(scale: float) -> SupervisorLimits:
        envelope = Envelope(
            quantile=0.999, joint_vel=(scale * 0.5,) * 23, joint_pos_target_step=(0.1,) * 23,
            base_ang_vel=scale, tilt=scale * 0.15, initial_joint_pos_error=0.05,
        )  # fmt: skip
        return SupervisorLimits.from_robot(ROBOT, 0.02, envelope)

    plain = SupervisorLimits.from_robot(ROBOT, 0.02)
    calm, wild = limits(1.0), limits(100.0)
    assert plain.min_height == pytest.approx(0.5, abs=0.01)
    assert calm.joint_vel == (5.0,) * 23
    assert calm.tilt == pytest.approx(0.525)
    assert (calm.base_ang_vel, calm.base_yaw_rate) == pytest.approx((3.0, 4.5))
    assert wild.joint_vel == plain.joint_vel
    assert (plain.tilt, wild.tilt) == pytest.approx((math.radians(45.0), math.radians(50.0)))
    assert (plain.base_ang_vel, wild.base_ang_vel) == (5.0, 10.0)
    assert (plain.base_yaw_rate, wild.base_yaw_rate) == (7.5, 15.0)

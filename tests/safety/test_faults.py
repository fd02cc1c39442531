"""What each fault does to messages, and that the supervisor's logic responds as the catalogue says."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gaitway.errors import GaitwayError
from gaitway.robots import h23
from gaitway.safety import Supervisor, SupervisorLimits
from gaitway.safety.faults import (
    COMMANDS,
    FAULTS,
    IMU,
    JOINT_STATES,
    Fault,
    Messages,
    Publisher,
    Response,
    Sample,
    parse_schedule,
    samples,
)

ROBOT = h23()
HOME = np.array(ROBOT.home_joint_pos)
PERIOD_S = 0.005
TAMPERED = [fault for fault in FAULTS.values() if isinstance(fault.cause, Messages)]


def joint_sample(step: int) -> Sample:
    """Standing with some noise, as no real sensor repeats itself to the bit."""
    rng = np.random.default_rng(step)
    return Sample(
        stamp_ns=round(1e9 * (1000.0 + step * PERIOD_S)),
        columns={
            "position": HOME + rng.normal(0.0, 1e-4, 23),
            "velocity": rng.normal(0.0, 0.01, 23),
            "effort": rng.normal(0.0, 1.0, 23),
        },
        names=ROBOT.joint_names,
    )


def imu_sample(step: int) -> Sample:
    rng = np.random.default_rng(step)
    return Sample(
        stamp_ns=round(1e9 * (1000.0 + step * PERIOD_S)),
        columns={
            "orientation": np.array([1.0, 0.0, 0.0, 0.0]),
            "angular_velocity": rng.normal(0.0, 0.01, 3),
        },
    )


def command_sample(step: int) -> Sample:
    return Sample(
        stamp_ns=0,
        columns={"position": HOME.copy(), "velocity": np.empty(0), "effort": np.empty(0)},
        names=ROBOT.joint_names,
    )


MAKE = {JOINT_STATES: joint_sample, IMU: imu_sample, COMMANDS: command_sample}


def sent(tamper: samples.Tamper, steps: int, make=joint_sample) -> list[list[Sample]]:
    return [tamper(make(step), step * PERIOD_S) for step in range(steps)]


def stop_time_s(fault: Fault) -> float | None:
    """When a supervisor that hears the tampered streams stops, from the first tampered message [s]."""
    assert isinstance(fault.cause, Messages)
    watch = Supervisor(SupervisorLimits.from_robot(ROBOT, 0.02))
    tampers = {stream: fault.cause.make() for stream in fault.cause.streams}
    begin = 100
    for step in range(begin + 160):
        now_s = step * PERIOD_S
        for stream, make in MAKE.items():
            if stream == COMMANDS and step % 4:
                continue
            sample = make(step)
            tamper = tampers.get(stream) if step >= begin else None
            for each in [sample] if tamper is None else tamper(sample, (step - begin) * PERIOD_S):
                hear(watch, stream, each, now_s)
        if step % 2 == 0:
            watch.tick(now_s)
        if watch.stop is not None:
            return (step - begin) * PERIOD_S
    return None


def hear(watch: Supervisor, stream: str, sample: Sample, now_s: float) -> None:
    columns, stamp_s = sample.columns, 1e-9 * sample.stamp_ns
    if stream == IMU:
        watch.base_motion(columns["orientation"], columns["angular_velocity"], now_s, stamp_s=stamp_s)
    elif stream == JOINT_STATES:
        watch.joint_state(
            sample.names, columns["position"], columns["velocity"], now_s,
            effort=columns["effort"], stamp_s=stamp_s,
        )  # fmt: skip
    else:
        watch.command(sample.names, columns["position"], now_s, effort=columns["effort"])


def test_there_are_faults_of_every_kind_and_each_stop_has_its_time() -> None:
    assert len(FAULTS) >= 25
    assert {fault.group for fault in FAULTS.values()} == {
        "sensors",
        "body",
        "commands",
        "processes",
        "publishers",
    }
    for fault in FAULTS.values():
        assert (fault.allowed_s is not None) == (fault.expected is Response.STOP)
        assert fault.magnitude
        assert fault.description


@pytest.mark.parametrize("fault", TAMPERED, ids=lambda fault: fault.name)
def test_the_supervisor_responds_to_tampered_messages_as_the_catalogue_says(fault: Fault) -> None:
    time_s = stop_time_s(fault)
    if fault.expected is Response.STOP:
        assert fault.allowed_s is not None
        silent = fault.name in ("joint_states_dropout", "imu_dropout", "latency_large")
        allowed_s = 0.22 if silent else fault.allowed_s  # the robot misses commands before
        assert time_s is not None
        assert time_s <= allowed_s
    else:
        assert time_s is None


@pytest.mark.parametrize("fault", TAMPERED, ids=lambda fault: fault.name)
def test_a_fault_leaves_what_it_was_given_as_it_was_and_begins_anew_with_each_injection(fault: Fault) -> None:
    cause = fault.cause
    assert isinstance(cause, Messages)
    make = MAKE[cause.streams[0]]

    def once() -> list:
        tamper = cause.make()
        out = []
        for step in range(60):
            given, same = make(step), make(step)
            out += tamper(given, step * PERIOD_S)
            for column, values in same.columns.items():
                np.testing.assert_array_equal(given.columns[column], values)
        return [
            (each.stamp_ns, each.names, {k: v.tobytes() for k, v in each.columns.items()}) for each in out
        ]

    assert once() == once()


def test_a_wrong_value_strikes_one_entry() -> None:
    (bad,) = samples.value("position", math.nan, "left_knee")(joint_sample(0), 0.0)
    assert np.flatnonzero(~np.isfinite(bad.columns["position"])).tolist() == [3]
    (bad,) = samples.value("effort", 500.0, "left_knee")(command_sample(0), 0.0)
    assert bad.columns["effort"].tolist() == [500.0 if i == 3 else 0.0 for i in range(23)]


def test_permuted_joints_keep_their_own_values() -> None:
    good = joint_sample(0)
    (bad,) = samples.permuted()(good, 0.0)
    assert bad.names != good.names
    for column in good.columns:
        before = dict(zip(good.names, good.columns[column], strict=True))
        assert dict(zip(bad.names, bad.columns[column], strict=True)) == before


def test_the_joint_set_changes_with_all_its_columns() -> None:
    good = joint_sample(0)
    for tamper, size in (
        (samples.repeated("left_knee"), 24),
        (samples.missing("left_knee"), 22),
        (samples.extra("tail_joint"), 24),
        (samples.renamed("left_knee", "tail_joint"), 23),
    ):
        (bad,) = tamper(good, 0.0)
        assert {len(bad.names), *(len(values) for values in bad.columns.values())} == {size}
        assert sorted(bad.names) != sorted(good.names)
    (bad,) = samples.short("velocity")(good, 0.0)
    assert (len(bad.names), len(bad.columns["position"]), len(bad.columns["velocity"])) == (23, 23, 22)


def test_a_frozen_sensor_repeats_its_first_reading_with_new_stamps() -> None:
    out = [each for (each,) in sent(samples.frozen(), 10)]
    assert len({each.columns["position"].tobytes() for each in out}) == 1
    assert len({each.stamp_ns for each in out}) == 10


def test_what_comes_late_comes_in_order_and_as_late_as_was_said() -> None:
    out = sent(samples.latency(0.018), 20)
    assert [len(each) for each in out] == [0] * 4 + [1] * 16
    assert [each[0].stamp_ns for each in out[4:]] == [joint_sample(step).stamp_ns for step in range(16)]
    growing = [each for each in sent(samples.latency(10.0, 0.5), 300) if each]
    assert len(growing) == pytest.approx(200, abs=2)
    late_s = 1e-9 * (joint_sample(299).stamp_ns - growing[-1][-1].stamp_ns)
    assert late_s == pytest.approx(0.5, abs=0.01)


def test_reordered_messages_are_all_there() -> None:
    out = [each.stamp_ns for batch in sent(samples.reordered(), 10) for each in batch]
    stamps = [joint_sample(step).stamp_ns for step in range(10)]
    assert out != stamps
    assert sorted(out) == stamps


def test_a_fault_that_passes_is_over_after_its_time() -> None:
    out = sent(samples.during(0.02, samples.dropout()), 10)
    assert [len(each) for each in out] == [0] * 4 + [1] * 6
    spikes = [each for (each,) in sent(samples.during(0.0, samples.bias("velocity", 10.0, "left_knee")), 10)]
    assert [each.columns["velocity"][3] > 5.0 for each in spikes] == [True] + [False] * 9


@pytest.mark.parametrize("fault", FAULTS.values(), ids=lambda fault: fault.name)
def test_other_publishers_have_something_to_say(fault: Fault) -> None:
    if isinstance(fault.cause, Publisher):
        sample = fault.cause.make(ROBOT)
        expected = {"cmd_vel": {"velocity"}, "joint_torques": {"effort"}, "joint_commands": {"position"}}
        assert set(sample.columns) == expected[fault.cause.topic]


def test_a_schedule_is_read_and_sorted() -> None:
    schedule = parse_schedule(["push_small@3.5", "imu_nan@0.5"])
    assert [(time_s, fault.name) for time_s, fault in schedule] == [(0.5, "imu_nan"), (3.5, "push_small")]


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("imu_nam@1", "unknown fault 'imu_nam'; did you mean 'imu_nan'"),
        ("imu_nan", "a fault is given as NAME@SECONDS, such as imu_nan@3; got 'imu_nan'"),
        ("imu_nan@soon", "got 'imu_nan@soon'"),
        ("imu_nan@-1", "got 'imu_nan@-1'"),
        ("imu_nan@inf", "got 'imu_nan@inf'"),
    ],
)
def test_a_schedule_that_makes_no_sense_is_refused(given: str, message: str) -> None:
    with pytest.raises(GaitwayError, match=message):
        parse_schedule([given])

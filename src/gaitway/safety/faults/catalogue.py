"""The faults that Gaitway is proved by: what each does, how large it is, and how the robot is to respond.

Magnitudes are those of h23, and of the walking policy in the box. Where a stop has a time, it is counted from the
first bad message, or from the moment at which a process was lost, to the robot's damping.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from typing import Literal

import numpy as np

from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.robots import Robot
from gaitway.safety.faults import samples
from gaitway.safety.faults.fault import (
    COMMANDS,
    IMU,
    JOINT_STATES,
    Cause,
    Fault,
    Messages,
    Motors,
    ProcessLoss,
    Publisher,
    Push,
    Response,
)
from gaitway.safety.faults.samples import Sample, Tamper

SENSORS = (JOINT_STATES, IMU)

_AT_ONCE_S = 0.04  # two control periods
_COMMAND_TIMEOUT_S, _SENSOR_TIMEOUT_S, _HEARTBEAT_TIMEOUT_S = 0.12, 0.22, 0.52  # and a control period each
_FROZEN_S = 0.6  # 100 readings at 200 Hz, which may slip a little
_LATE_S = 0.65  # until a delay that grows by 0.5 s/s has made readings 0.2 s old
_FALL_S = 3.0
_KNEE = "left_knee"


def _sensor(
    name: str,
    streams: str | tuple[str, ...],
    description: str,
    magnitude: str,
    make: Callable[[], Tamper],
    stop_s: float | None = None,
) -> Fault:
    return Fault(
        name=name,
        description=description,
        magnitude=magnitude,
        expected=Response.TOLERATE if stop_s is None else Response.STOP,
        allowed_s=stop_s,
        cause=Messages(streams=(streams,) if isinstance(streams, str) else streams, make=make),
    )


def _body(name: str, description: str, magnitude: str, cause: Cause, stop_s: float | None = None) -> Fault:
    expected = Response.TOLERATE if stop_s is None else Response.STOP
    return Fault(
        name=name, description=description, magnitude=magnitude, cause=cause, expected=expected,
        allowed_s=stop_s, watch_s=2.5,
    )  # fmt: skip


def _loss(name: str, description: str, cause: ProcessLoss, stop_s: float) -> Fault:
    return Fault(
        name=name, description=description, magnitude="until freed" if cause.hangs else "for good", cause=cause,
        expected=Response.STOP, allowed_s=stop_s,
    )  # fmt: skip


def _command(
    name: str,
    description: str,
    magnitude: str,
    make: Callable[[], Tamper],
    stop_s: float | None = _AT_ONCE_S,
) -> Fault:
    return _sensor(name, COMMANDS, description, magnitude, make, stop_s)


def _rogue(
    name: str,
    description: str,
    magnitude: str,
    topic: Literal["joint_commands", "joint_torques"],
    make: Callable[[Robot], Sample],
) -> Fault:
    return Fault(
        name=name, description=description, magnitude=magnitude, expected=Response.STOP, allowed_s=_AT_ONCE_S,
        cause=Publisher(topic=topic, make=make),
    )  # fmt: skip


def _home(robot: Robot) -> Sample:
    position = np.array(robot.home_joint_pos)
    return Sample(stamp_ns=0, columns={"position": position}, names=robot.joint_names)


def _bad_home(tamper: Tamper, robot: Robot) -> Sample:
    (bad,) = tamper(_home(robot), 0.0)
    return bad


def _velocity(velocity: tuple[float, float, float], robot: Robot) -> Sample:
    return Sample(stamp_ns=0, columns={"velocity": np.array(velocity)})


def _torques(robot: Robot) -> Sample:
    return Sample(stamp_ns=0, columns={"effort": np.zeros(robot.num_joints)}, names=robot.joint_names)


_ALL = (
    # Sensors
    _sensor("joint_states_dropout", JOINT_STATES, "joint states end", "for good", samples.dropout, _COMMAND_TIMEOUT_S),
    _sensor("imu_dropout", IMU, "IMU data end", "for good", samples.dropout, _COMMAND_TIMEOUT_S),
    _sensor(
        "sensors_dropout_brief", SENSORS, "no sensor is heard for a moment", "0.04 s",
        lambda: samples.during(0.04, samples.dropout()),
    ),
    _sensor(
        "joint_states_frozen", JOINT_STATES, "the same joint state again and again", "for good", samples.frozen,
        _FROZEN_S,
    ),
    _sensor("imu_frozen", IMU, "the same IMU reading again and again", "for good", samples.frozen, _FROZEN_S),
    _sensor(
        "joint_states_nan", JOINT_STATES, "a joint position is NaN", "one joint",
        lambda: samples.value("position", math.nan, _KNEE), _AT_ONCE_S,
    ),
    _sensor(
        "joint_states_inf", JOINT_STATES, "a joint speed is infinite", "one joint",
        lambda: samples.value("velocity", math.inf, _KNEE), _AT_ONCE_S,
    ),
    _sensor(
        "imu_nan", IMU, "an orientation is NaN", "one number",
        lambda: samples.value("orientation", math.nan), _AT_ONCE_S,
    ),
    _sensor(
        "imu_inf", IMU, "an angular velocity is infinite", "one number",
        lambda: samples.value("angular_velocity", math.inf), _AT_ONCE_S,
    ),
    _sensor(
        "joint_states_short", JOINT_STATES, "a joint state lacks a speed", "one value",
        lambda: samples.short("velocity"), _AT_ONCE_S,
    ),
    _sensor(
        "encoder_bias_small", JOINT_STATES, "encoders are off", "0.02 rad, all joints",
        lambda: samples.bias("position", 0.02),
    ),
    _sensor(
        "encoder_bias_large", JOINT_STATES, "an encoder is off", "3 rad, one knee",
        lambda: samples.bias("position", 3.0, _KNEE), _AT_ONCE_S,
    ),
    _sensor(
        "gyro_bias_small", IMU, "the gyroscope is off", "0.05 rad/s, each axis",
        lambda: samples.bias("angular_velocity", 0.05),
    ),
    _sensor(
        "gyro_bias_large", IMU, "the gyroscope is off", "10 rad/s, each axis",
        lambda: samples.bias("angular_velocity", 10.0), _AT_ONCE_S,
    ),
    _sensor("imu_tilt_small", IMU, "the IMU is mounted askew", "0.03 rad", lambda: samples.tilted(0.03)),
    _sensor("imu_tilt_large", IMU, "the IMU is mounted askew", "1 rad", lambda: samples.tilted(1.0), _AT_ONCE_S),
    _sensor(
        "joint_noise_small", JOINT_STATES, "noise on joints for 0.5 s", "0.01 rad and 0.5 rad/s",
        lambda: samples.during(0.5, samples.noise({"position": 0.01, "velocity": 0.5})),
    ),
    _sensor(
        "joint_noise_burst", JOINT_STATES, "noise on joint speeds for 0.2 s", "60 rad/s",
        lambda: samples.during(0.2, samples.noise({"velocity": 60.0})), _AT_ONCE_S,
    ),
    _sensor(
        "speed_spike", JOINT_STATES, "one wrong joint speed", "10 rad/s in one message",
        lambda: samples.during(0.0, samples.bias("velocity", 10.0, _KNEE)),
    ),
    _sensor("latency_small", SENSORS, "sensors come late", "0.01 s", lambda: samples.latency(0.01)),
    _sensor(
        "latency_large", SENSORS, "sensors come late", "0.3 s", lambda: samples.latency(0.3), _COMMAND_TIMEOUT_S
    ),
    _sensor(
        "latency_growing", SENSORS, "sensors come later and later", "0.5 s each second",
        lambda: samples.latency(10.0, 0.5), _LATE_S,
    ),
    _sensor("reordered_near", SENSORS, "two neighbours change places", "every pair of messages", samples.reordered),
    _sensor(
        "reordered_far", SENSORS, "a message comes after 40 younger ones", "0.2 s late",
        lambda: samples.reordered(40), 0.2 + _AT_ONCE_S,
    ),
    _sensor("joints_permuted", JOINT_STATES, "the joints come in another order", "the opposite", samples.permuted),
    _sensor(
        "joint_repeated", JOINT_STATES, "a joint is named twice", "one joint", lambda: samples.repeated(_KNEE),
        _AT_ONCE_S,
    ),
    _sensor(
        "joint_missing", JOINT_STATES, "a joint is missing", "one joint", lambda: samples.missing(_KNEE), _AT_ONCE_S
    ),
    _sensor(
        "joint_renamed", JOINT_STATES, "a joint has another name", "one joint",
        lambda: samples.renamed(_KNEE, "tail_joint"), _AT_ONCE_S,
    ),
    _sensor(
        "joint_added", JOINT_STATES, "there is a joint too many", "one joint", lambda: samples.extra("tail_joint"),
        _AT_ONCE_S,
    ),
    _sensor("clock_step_small", SENSORS, "the robot's clock is set forward", "0.05 s", lambda: samples.clock_jump(0.05)),
    _sensor(
        "clock_forward", SENSORS, "the robot's clock is set forward", "1 s", lambda: samples.clock_jump(1.0),
        _AT_ONCE_S,
    ),
    _sensor(
        "clock_back", SENSORS, "the robot's clock is set back", "1 s", lambda: samples.clock_jump(-1.0), _AT_ONCE_S
    ),
    # Body
    _body("motors_weak", "all motors are weak", "60 % of their torque left", Motors(joint="", strength=0.6)),
    _body(
        "knee_weak", "a motor has all but failed", "10 % of a knee's torque left",
        Motors(joint=_KNEE, strength=0.1), _FALL_S,
    ),
    _body("elbow_jammed", "a joint is jammed", "an elbow, 300 N m s/rad", Motors(joint="left_elbow", drag=300.0)),
    _body("waist_jammed", "a joint is jammed", "the waist, 300 N m s/rad", Motors(joint="waist", drag=300.0)),
    Fault(
        name="all_jammed", description="all joints are jammed", magnitude="300 N m s/rad",
        cause=Motors(joint="", drag=300.0), expected=Response.STOP_IF_FALLING, watch_s=4.0,
    ),
    _body("push_small", "a push from the side", "10 N s", Push(impulse=(0.0, 10.0, 0.0))),
    _body("push_large", "a push from the side", "150 N s", Push(impulse=(0.0, 150.0, 0.0)), _FALL_S),
    # What a broken controller sends
    _command("command_nan", "a target is NaN", "one joint", lambda: samples.value("position", math.nan, _KNEE)),
    _command("command_inf", "a target is infinite", "one joint", lambda: samples.value("position", math.inf, _KNEE)),
    _command("command_short", "a target is missing", "one value", lambda: samples.short("position")),
    _command("command_renamed", "a target for no joint", "one joint", lambda: samples.renamed(_KNEE, "tail_joint")),
    _command("command_repeated", "two targets for a joint", "one joint", lambda: samples.repeated(_KNEE)),
    _command(
        "command_out_of_range", "a target out of range", "4 rad off, one knee",
        lambda: samples.bias("position", 4.0, _KNEE),
    ),
    _command(
        "command_jump", "a target jumps within its range", "1 rad, one knee",
        lambda: samples.bias("position", 1.0, _KNEE),
    ),
    _command("command_torque", "a torque is too large", "500 N m, one knee", lambda: samples.value("effort", 500.0, _KNEE)),
    _command("command_permuted", "the joints come in another order", "the opposite", samples.permuted, stop_s=None),
    # Processes
    _loss("controller_killed", "the controller is gone", ProcessLoss(process="controller"), _COMMAND_TIMEOUT_S),
    _loss(
        "controller_hung", "the controller hangs: commands are stale", ProcessLoss(process="controller", hangs=True),
        _COMMAND_TIMEOUT_S,
    ),
    _loss("supervisor_killed", "the supervisor is gone", ProcessLoss(process="supervisor"), _HEARTBEAT_TIMEOUT_S),
    _loss(
        "supervisor_hung", "the supervisor hangs: its heartbeat is lost",
        ProcessLoss(process="supervisor", hangs=True), _HEARTBEAT_TIMEOUT_S,
    ),
    _loss("robot_killed", "the robot's driver is gone", ProcessLoss(process="robot"), _SENSOR_TIMEOUT_S),
    # Other publishers
    _rogue("rogue_commands", "somebody else commands", "the home pose, 50 Hz", "joint_commands", _home),
    _rogue("rogue_torques", "somebody else commands torques", "no torque, 50 Hz", "joint_torques", _torques),
    _rogue(
        "rogue_nan", "somebody else sends a target that is NaN", "one joint, 50 Hz", "joint_commands",
        partial(_bad_home, samples.value("position", math.nan, _KNEE)),
    ),
    _rogue(
        "rogue_short", "somebody else sends a target too few", "one value, 50 Hz", "joint_commands",
        partial(_bad_home, samples.short("position")),
    ),
    _rogue(
        "rogue_out_of_range", "somebody else sends a target out of range", "4 rad off, one knee, 50 Hz",
        "joint_commands", partial(_bad_home, samples.bias("position", 4.0, _KNEE)),
    ),
    Fault(
        name="rogue_velocity", description="somebody else steers, too fast", magnitude="10 m/s, 50 Hz",
        expected=Response.LIMIT, max_speed=1.5, watch_s=2.5,
        cause=Publisher(topic="cmd_vel", make=partial(_velocity, (10.0, 0.0, 0.0))),
    ),
    Fault(
        name="velocity_nan", description="somebody else steers by NaN", magnitude="50 Hz", expected=Response.TOLERATE,
        cause=Publisher(topic="cmd_vel", make=partial(_velocity, (math.nan, 0.0, 0.0))),
    ),
    Fault(
        name="velocity_lost", description="who steers falls silent", magnitude="for good, at 0.4 m/s",
        expected=Response.DEGRADE, max_speed=0.15, watch_s=2.0,
        cause=Publisher(topic="cmd_vel", make=partial(_velocity, (0.4, 0.0, 0.0)), falls_silent_s=1.0),
    ),
)  # fmt: skip

FAULTS = {fault.name: fault for fault in _ALL}
"""Every fault by its name."""


def find_fault(name: str) -> Fault:
    """The fault of that name.

    Raises:
        UnknownNameError: there is none; the message lists all.
    """
    if name not in FAULTS:
        raise UnknownNameError("fault", name, FAULTS)
    return FAULTS[name]


def parse_schedule(given: Iterable[str]) -> list[tuple[float, Fault]]:
    """Faults and their times [s], the earliest first, from texts NAME@TIME.

    Raises:
        UnknownNameError: there is no such fault; the message lists all.
        GaitwayError: a time is absent, or no number of seconds from 0 on.
    """
    schedule = []
    for text in given:
        name, _, time = text.partition("@")
        fault = find_fault(name)
        try:
            time_s = float(time)
        except ValueError:
            time_s = math.nan
        if not 0.0 <= time_s < math.inf:
            raise GaitwayError(f"a fault is given as NAME@SECONDS, such as {name}@3; got {text!r}")
        schedule.append((time_s, fault))
    return sorted(schedule, key=lambda entry: entry[0])

"""Each check of a preflight passes on a sound robot and fails on one with the fault that it is for."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from gaitway.safety import SafetyError
from gaitway.safety.preflight import (
    Check,
    Readings,
    Stream,
    Verdict,
    check_requirement,
    judge,
    not_repeated,
    read_verdicts,
    with_verdict,
)
from gaitway.safety.preflight.wiggle import (
    DURATION_S,
    HOLD_S,
    RAMP_S,
    JointMotion,
    check_motion,
    direction,
    displacement,
    velocity_share,
)

RUNTIME = load_policy(find_policy("walk"))
SPEC = RUNTIME.spec
NAMES = SPEC.robot.joint_names
KNEE, HIP = NAMES.index("left_knee_joint"), NAMES.index("left_hip_pitch_joint")
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])


@dataclass
class Robot:
    """A robot at rest for 3 s, which a test makes faulty."""

    rate_hz: float = 200.0
    age_s: float = 0.002
    joint_pos: np.ndarray = field(default_factory=lambda: np.array(SPEC.robot.home_joint_pos))
    joint_vel: np.ndarray = field(default_factory=lambda: np.zeros(len(NAMES)))
    quat: np.ndarray = field(default_factory=UPRIGHT.copy)
    ang_vel: np.ndarray = field(default_factory=lambda: np.zeros(3))
    lin_acc: np.ndarray | None = None
    changes: dict = field(default_factory=dict)

    def stream(self, rng: np.random.Generator) -> Stream:
        arrival_s = np.arange(0.0, 3.0, 1.0 / self.rate_hz) + rng.uniform(0.0, 5e-4)
        clock_s = 1.7e9 + arrival_s
        return Stream(arrival_s=arrival_s, clock_s=clock_s, stamp_s=clock_s - self.age_s)

    def readings(self) -> Readings:
        rng = np.random.default_rng(0)
        joints, imu = self.stream(rng), self.stream(rng)
        count = len(joints.arrival_s)
        pos = self.joint_pos + rng.normal(0.0, 1e-3, (count, len(NAMES)))
        vel = self.joint_vel + rng.normal(0.0, 1e-2, (count, len(NAMES)))
        quat = np.broadcast_to(self.quat, (count, 4)).copy()
        ang_vel = np.broadcast_to(self.ang_vel, (count, 3)) + rng.normal(0.0, 1e-3, (count, 3))
        RUNTIME.reset()
        rows = range(0, count, max(1, round(self.rate_hz * SPEC.step_dt)))
        steps = [RUNTIME.step(pos[i], vel[i], quat[i], ang_vel[i]) for i in rows]
        good = Readings(
            joints=joints,
            joint_names=NAMES,
            malformed=0,
            joint_pos=pos,
            joint_vel=vel,
            imu=imu,
            imu_quat_w=quat,
            imu_ang_vel=ang_vel,
            imu_lin_acc=None if self.lin_acc is None else np.tile(self.lin_acc, (count, 1)),
            obs=np.array([step.obs for step in steps]),
            joint_pos_error=np.array(
                [step.joint_pos_target - pos[i] for step, i in zip(steps, rows, strict=True)]
            ),
            positional_joints=NAMES,
            mode="held",
            stop_reason=None,
        )
        return replace(good, **self.changes)

    def checks(self) -> dict[str, Check]:
        return {check.name: check for check in judge(self.readings(), SPEC, h23())}


def quat(axis: str, degrees: float) -> np.ndarray:
    return Rotation.from_euler(axis, degrees, degrees=True).as_quat(scalar_first=True)


def test_a_sound_robot_passes_every_check() -> None:
    checks = Robot(lin_acc=np.array([0.0, 0.0, 9.81])).checks()
    assert {name: check for name, check in checks.items() if check.level not in ("pass", "skip")} == {}
    assert [name for name, check in checks.items() if check.level == "skip"] == ["gyroscope axes"]
    assert [term for term in checks if term.startswith("observation")] == [
        f"observation {term.name}" for term in SPEC.observation
    ]


def _swap(robot: Robot) -> None:
    robot.joint_pos[[KNEE, HIP]] = robot.joint_pos[[HIP, KNEE]]


def _flip_knee(robot: Robot) -> None:
    robot.joint_pos[KNEE] *= -1.0


def _nan(robot: Robot) -> None:
    robot.joint_pos[KNEE] = math.nan


def _beyond(robot: Robot) -> None:
    robot.joint_pos[KNEE] = SPEC.robot.position_limit[KNEE][1] + 0.2


def _degrees_per_second(robot: Robot) -> None:
    robot.joint_vel[KNEE] = 2.0


def _rename(robot: Robot) -> None:
    robot.changes = {
        "joint_names": ("left_thigh", *NAMES[1:]),
        "joint_pos": np.empty((0, len(NAMES))),
        "joint_vel": np.empty((0, len(NAMES))),
        "obs": np.empty(0),
    }


def _quat(axis: str, degrees: float) -> Callable[[Robot], None]:
    def change(robot: Robot) -> None:
        robot.quat = quat(axis, degrees)

    return change


def _stamps(change: Callable[[Stream], np.ndarray]) -> Callable[[Robot], None]:
    def apply(robot: Robot) -> None:
        stream = Robot().readings().imu
        robot.changes = {"imu": replace(stream, stamp_s=change(stream))}

    return apply


def _stall(robot: Robot) -> None:
    stream = Robot().readings().joints
    late = stream.arrival_s + np.where(stream.arrival_s > 1.0, 0.3, 0.0)
    robot.changes = {"joints": replace(stream, arrival_s=late)}


@pytest.mark.parametrize(
    ("break_it", "name", "said"),
    [
        (_swap, "home pose", "left_hip_pitch_joint and left_knee_joint seem exchanged"),
        (_flip_knee, "home pose", "left_knee_joint seems to have the wrong sign"),
        (_beyond, "observation joint_pos_rel", "left_knee_joint"),
        (_nan, "joint values", "left_knee_joint"),
        (_beyond, "joint limits", "left_knee_joint is 0.200 rad beyond"),
        (_degrees_per_second, "joints at rest", "left_knee_joint"),
        (_rename, "joint names", "joint left_hip_pitch_joint is missing, joint left_thigh is unknown"),
        (_quat("x", 180.0), "gravity", "gravity points up"),
        (_quat("y", 90.0), "gravity", "turned by 90 degrees about y"),
        (_quat("x", -90.0), "gravity", "turned by 90 degrees about x"),
        (_quat("x", 180.0), "observation projected_gravity", "seen"),
        (_quat("y", 20.0), "gravity", "hang the robot upright"),
        (lambda robot: setattr(robot, "quat", np.zeros(4)), "imu orientation", "no rotation"),
        (lambda robot: setattr(robot, "quat", np.full(4, math.nan)), "imu orientation", "no rotation"),
        (lambda robot: setattr(robot, "ang_vel", np.array([1.0, 0.0, 0.0])), "gyroscope at rest", "bias"),
        (lambda robot: setattr(robot, "lin_acc", np.array([9.81, 0.0, 0.0])), "accelerometer", "contradict"),
        (lambda robot: setattr(robot, "rate_hz", 30.0), "/imu/data rate", "30.0 Hz; the policy runs at 50 Hz"),
        (lambda robot: setattr(robot, "age_s", 0.15), "/joint_states latency", "p50 150.0 ms"),
        (_stall, "/joint_states jitter", "longest 305.0 ms"),
        (_stamps(lambda stream: np.full_like(stream.stamp_s, 5.0)), "/imu/data latency", "never changes"),
        (_stamps(lambda stream: stream.stamp_s[::-1].copy()), "/imu/data latency", "stamps go back"),
        (lambda robot: robot.changes.update(malformed=3), "joint states", "3 joint states with other names"),
        (lambda robot: robot.changes.update(mode="active"), "robot state", "active, not held"),
        (lambda robot: robot.changes.update(stop_reason="tilt"), "robot state", "stopped: tilt"),
        (
            lambda robot: robot.changes.update(positional_joints=NAMES[1:]),
            "positional order",
            "left_hip_pitch_joint is missing",
        ),
        (
            lambda robot: robot.changes.update(joint_pos_error=np.full((9, 23), 2.0)),
            "first commands",
            "2.00 rad",
        ),
    ],
)  # fmt: skip
def test_each_fault_fails_the_check_that_is_for_it_and_is_named(
    break_it: Callable[[Robot], None], name: str, said: str
) -> None:
    robot = Robot()
    break_it(robot)
    check = robot.checks()[name]
    assert check.level == "fail"
    assert said in f"{check.found} {check.advice}"
    assert check.advice


@pytest.mark.parametrize(
    ("break_it", "name", "said"),
    [
        (_stamps(lambda stream: np.full_like(stream.stamp_s, math.nan)), "/imu/data latency", "without stamp"),
        (_stamps(lambda stream: stream.stamp_s + 3600.0), "/imu/data latency", "clock differs by +3599.998 s"),
        (lambda robot: setattr(robot, "lin_acc", np.array([0.0, 0.0, -9.81])), "accelerometer", "sign"),
        (lambda robot: setattr(robot, "lin_acc", np.array([0.0, 0.0, 1.0])), "accelerometer", "units of g"),
        (lambda robot: setattr(robot, "quat", quat("y", 8.0)), "gravity", "8.0 deg"),
        (lambda robot: setattr(robot, "age_s", 0.05), "/imu/data latency", "train with this latency"),
        (lambda robot: robot.changes.update(mode=None), "robot state", "nothing on /robot/state"),
    ],
)  # fmt: skip
def test_what_is_doubtful_warns(break_it: Callable[[Robot], None], name: str, said: str) -> None:
    robot = Robot()
    break_it(robot)
    check = robot.checks()[name]
    assert check.level == "warn"
    assert said in f"{check.found} {check.advice}"


def test_joints_in_another_order_are_matched_by_name() -> None:
    robot = Robot(changes={"joint_names": NAMES[::-1], "positional_joints": NAMES[::-1]})
    for name in ("joint names", "positional order"):
        assert robot.checks()[name] == Check(name, "pass", "all 23, in another order, matched by name")


def test_a_silent_sensor_fails_and_nothing_else_is_made_of_it() -> None:
    nothing = Stream(arrival_s=np.empty(0), clock_s=np.empty(0), stamp_s=np.empty(0))
    checks = Robot(
        changes={"imu": nothing, "imu_quat_w": np.empty((0, 4)), "imu_ang_vel": np.empty((0, 3)), "obs": np.empty(0)}
    ).checks()  # fmt: skip
    assert checks["/imu/data rate"].level == "fail"
    assert not {"gravity", "observation projected_gravity", "/imu/data latency"} & checks.keys()


def test_a_policy_for_another_robot_fails_with_the_difference() -> None:
    other = replace(h23(), name="h24")
    check = judge(Robot().readings(), SPEC, other)[0]
    assert (check.name, check.level) == ("policy fits", "fail")
    assert "the robot is 'h24'; the policy is for 'h23'" in check.found


@pytest.mark.parametrize(
    ("seen", "level", "said"),
    [
        (lambda rate: rate, "pass", ""),
        (lambda rate: rate[:, [1, 0, 2]], "fail", "the gyroscope's (y, x, z)"),
        (lambda rate: rate * [1.0, 1.0, -1.0], "fail", "the gyroscope's (x, y, -z)"),
        (lambda rate: np.degrees(rate), "fail", "units"),
    ],
)
def test_a_robot_that_is_swung_shows_whether_the_gyroscopes_axes_are_the_orientations(
    seen: Callable[[np.ndarray], np.ndarray], level: str, said: str
) -> None:
    """Against scipy: the base swings about three axes at different frequencies."""
    time_s = np.arange(0.0, 3.0, 0.005)
    angles = 0.1 * np.stack([np.sin(2.0 * time_s), np.sin(3.0 * time_s), np.sin(4.0 * time_s)], axis=1)
    orientation = Rotation.from_euler("ZYX", angles)
    rate = (orientation[:-1].inv() * orientation[1:]).as_rotvec() / 0.005
    rate = np.concatenate([rate, rate[-1:]])
    robot = Robot(changes={"imu_quat_w": orientation.as_quat(scalar_first=True), "imu_ang_vel": seen(rate)})
    checks = robot.checks()
    assert checks["gyroscope axes"].level == level
    assert said in checks["gyroscope axes"].advice
    assert checks["gyroscope at rest"].level == "skip"


# Moving joints


def test_a_joint_is_moved_smoothly_out_and_back_away_from_the_nearer_limit() -> None:
    assert displacement(0.0) == 0.0
    assert displacement(0.5 * RAMP_S) == pytest.approx(0.5)
    assert displacement(RAMP_S + 0.5 * HOLD_S) == 1.0
    assert displacement(DURATION_S) == pytest.approx(0.0, abs=1e-12)
    steps = np.diff([displacement(t) for t in np.arange(0.0, DURATION_S, 0.001)])
    assert np.abs(steps).max() < 0.006
    lower, upper = SPEC.robot.position_limit[KNEE]
    assert direction(SPEC.robot, KNEE, lower + 0.1) == 1.0
    assert direction(SPEC.robot, KNEE, upper - 0.1) == -1.0


def motion(own: float, *, other: float = 0.0, velocity: float = 1.0) -> JointMotion:
    moved = np.zeros(len(NAMES))
    moved[KNEE], moved[HIP] = own, other
    return JointMotion(KNEE, 0.05, moved, velocity)


@pytest.mark.parametrize(
    ("given", "level", "said"),
    [
        (motion(0.049), "pass", ""),
        (motion(0.049, velocity=math.nan), "pass", ""),
        (motion(0.025), "warn", "friction and load"),
        (motion(0.002), "fail", "hardly moves"),
        (motion(-0.049), "fail", "the other way"),
        (motion(0.001, other=0.048), "fail", "left_knee_joint and left_hip_pitch_joint are exchanged"),
        (motion(0.049, velocity=-1.0), "fail", "its velocity has the wrong sign"),
        (motion(0.049, velocity=57.3), "fail", "unit"),
        (motion(math.nan), "fail", "hardly moves"),
    ],
)
def test_the_right_joint_must_move_the_right_way(given: JointMotion, level: str, said: str) -> None:
    check = check_motion(NAMES, given)
    assert check.level == level
    assert said in check.advice


def test_velocities_are_compared_with_positions_where_no_sample_was_lost() -> None:
    time_s = np.arange(0.0, 0.6, 0.005)
    position = 0.05 * np.array([displacement(t) for t in time_s])
    velocity = np.gradient(position, time_s)
    kept = (time_s < 0.1) | (time_s > 0.2)
    assert velocity_share(time_s, position, velocity) == pytest.approx(1.0, abs=0.05)
    assert velocity_share(time_s[kept], position[kept], velocity[kept]) == pytest.approx(1.0, abs=0.1)
    assert velocity_share(time_s, position, -velocity) == pytest.approx(-1.0, abs=0.05)
    assert math.isnan(velocity_share(time_s[:1], position[:1], velocity[:1]))


# Verdicts


def verdict(policy: str, *failed: str, time: str = "2026-01-01T00:00:00+00:00") -> Verdict:
    return Verdict(policy_sha256=policy, time=time, failed=failed)


def test_the_newest_verdict_of_each_policy_is_kept() -> None:
    text = with_verdict((), verdict("a", "gravity"))
    text = with_verdict(read_verdicts(text), verdict("b"))
    text = with_verdict(read_verdicts(text), verdict("a"))
    assert read_verdicts(text) == (verdict("a"), verdict("b"))
    for count in range(100):
        text = with_verdict(read_verdicts(text), verdict(str(count)))
    assert len(read_verdicts(text)) == 16
    assert read_verdicts("") == ()
    with pytest.raises(SafetyError, match="the robot's parameter preflight cannot be read"):
        read_verdicts("passed")


def test_a_joint_that_moved_wrongly_fails_until_it_is_moved_again() -> None:
    before = verdict("a", "gravity", "wiggle left_knee_joint", "wiggle left_elbow_joint")
    listened = [Check("gravity", "pass", "")]
    assert [(check.name, check.level) for check in not_repeated(before, listened)] == [
        ("wiggle left_knee_joint", "fail"),
        ("wiggle left_elbow_joint", "fail"),
    ]
    moved = [*listened, check_motion(NAMES, motion(0.049))]
    assert [check.name for check in not_repeated(before, moved)] == ["wiggle left_elbow_joint"]
    assert not_repeated(None, listened) == []


@pytest.mark.parametrize(
    ("requirement", "kept", "refusal"),
    [
        ("not-failed", (), None),
        ("not-failed", (verdict("other", "gravity"),), None),
        ("not-failed", (verdict("mine"),), None),
        ("not-failed", (verdict("mine", "gravity", "home pose"),), "at 2026-01-01.* failed: gravity, home pose"),
        ("passed", (), "no preflight of this policy is known"),
        ("passed", (verdict("other"),), "no preflight of this policy is known"),
        ("passed", (verdict("mine"),), None),
        ("passed", (verdict("mine", "gravity"),), "failed: gravity"),
        ("off", (verdict("mine", "gravity"),), None),
        ("maybe", (), "must be one of off, not-failed, passed; it is 'maybe'"),
    ],
)  # fmt: skip
def test_a_controller_may_start_as_its_requirement_says(
    requirement: str, kept: tuple[Verdict, ...], refusal: str | None
) -> None:
    if refusal is None:
        check_requirement(requirement, kept, "mine")
    else:
        with pytest.raises(SafetyError, match=refusal):
            check_requirement(requirement, kept, "mine")

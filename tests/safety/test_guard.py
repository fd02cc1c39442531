from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from gaitway.robots import h23
from gaitway.safety import LIMITS, Guard, GuardLimits, SafetyError, limit_targets

ROBOT = h23()
LIMITS_OF_ROBOT = GuardLimits.from_robot(ROBOT)
STEP_DT = 0.02
N = ROBOT.num_joints
HOME = np.array(ROBOT.home_joint_pos)
REST = np.zeros(N)

anything = arrays(np.float64, N, elements=st.floats(allow_nan=True, allow_infinity=True))
targets = arrays(np.float64, N, elements=st.floats(-10.0, 10.0))
shares = arrays(np.float64, N, elements=st.floats(0.0, 1.0))
velocities = arrays(np.float64, N, elements=st.floats(-50.0, 50.0))


def within(share: np.ndarray) -> np.ndarray:
    """A measured pose somewhere in the hard range."""
    return LIMITS_OF_ROBOT.lower + share * (LIMITS_OF_ROBOT.upper - LIMITS_OF_ROBOT.lower)


def torque(target: np.ndarray, joint_pos: np.ndarray, joint_vel: np.ndarray) -> np.ndarray:
    return LIMITS_OF_ROBOT.stiffness * (target - joint_pos) - LIMITS_OF_ROBOT.damping * joint_vel


@given(anything, anything, anything)
def test_whatever_comes_in_a_finite_command_in_range_comes_out_or_damping_with_a_reason(
    target: np.ndarray, joint_pos: np.ndarray, joint_vel: np.ndarray
) -> None:
    result = Guard(LIMITS_OF_ROBOT, STEP_DT).filter(target, joint_pos, joint_vel)
    if result.joint_pos_target is None:
        assert result.reason
    else:
        assert np.isfinite(result.joint_pos_target).all()
        assert (result.joint_pos_target >= LIMITS_OF_ROBOT.lower).all()
        assert (result.joint_pos_target <= LIMITS_OF_ROBOT.upper).all()


@given(targets, shares, velocities)
def test_a_command_never_asks_for_more_than_the_effort_limit_or_what_damping_brakes_with(
    target: np.ndarray, share: np.ndarray, joint_vel: np.ndarray
) -> None:
    joint_pos = within(share)
    result = Guard(LIMITS_OF_ROBOT, STEP_DT).filter(target, joint_pos, joint_vel)
    assert result.joint_pos_target is not None  # however a joint is flung within its range
    asked = torque(result.joint_pos_target, joint_pos, joint_vel)
    braking = LIMITS_OF_ROBOT.damping * np.abs(joint_vel)
    assert (np.abs(asked) <= np.maximum(LIMITS_OF_ROBOT.effort, braking) + 1e-6).all()
    assert (asked * joint_vel <= 0.0)[np.abs(asked) > LIMITS_OF_ROBOT.effort + 1e-6].all()


@given(targets, shares)
def test_a_target_moves_no_faster_than_the_rate_limit_where_effort_allows(
    target: np.ndarray, share: np.ndarray
) -> None:
    joint_pos = within(share)
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT)
    result = guard.filter(target, joint_pos, REST)
    assert result.joint_pos_target is not None
    step = np.abs(result.joint_pos_target - joint_pos)
    assert (step <= LIMITS_OF_ROBOT.rate * STEP_DT + 1e-9).all()


@given(targets, shares, velocities)
def test_a_joint_that_is_too_fast_is_not_driven_further(
    target: np.ndarray, share: np.ndarray, joint_vel: np.ndarray
) -> None:
    joint_pos = within(share)
    result = Guard(LIMITS_OF_ROBOT, STEP_DT).filter(target, joint_pos, joint_vel)
    if result.joint_pos_target is not None:
        too_fast = np.abs(joint_vel) > LIMITS_OF_ROBOT.velocity
        inside = (result.joint_pos_target > LIMITS_OF_ROBOT.lower) & (
            result.joint_pos_target < LIMITS_OF_ROBOT.upper
        )
        driving = torque(result.joint_pos_target, joint_pos, joint_vel) * np.sign(joint_vel)
        assert (driving[too_fast & inside] <= 1e-6).all()


@given(targets, shares, velocities)
def test_filtering_again_changes_nothing(
    target: np.ndarray, share: np.ndarray, joint_vel: np.ndarray
) -> None:
    arguments = (HOME[None], within(share)[None], joint_vel[None], STEP_DT)
    once, _, invalid = limit_targets(LIMITS_OF_ROBOT, target[None], *arguments)
    twice, _, _ = limit_targets(LIMITS_OF_ROBOT, once, *arguments)
    np.testing.assert_array_equal(twice[~invalid], once[~invalid])


@given(arrays(np.float64, N, elements=st.floats(-0.05, 0.05)))
def test_a_harmless_command_passes_unchanged(offset: np.ndarray) -> None:
    result = Guard(LIMITS_OF_ROBOT, STEP_DT).filter(HOME + offset, HOME, REST)
    assert result.joint_pos_target is not None
    np.testing.assert_array_equal(result.joint_pos_target, HOME + offset)
    assert result.acted == ()


def test_says_and_counts_which_limits_acted() -> None:
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT)
    target = HOME.copy()
    target[0] = 10.0
    result = guard.filter(target, HOME, REST)
    assert result.acted == ("hard_position", "effort", "rate", "soft_position")
    assert guard.counts == {"hard_position": 1, "effort": 1, "velocity": 0, "rate": 1, "soft_position": 1}


def test_the_soft_range_gives_way_to_the_rate_limit() -> None:
    """A joint found outside its soft range is led back no faster than the rate limit."""
    joint_pos = HOME.copy()
    joint_pos[4] = LIMITS_OF_ROBOT.upper[4]
    limits = GuardLimits.from_robot(ROBOT, soft_margin=0.4)
    result = Guard(limits, 1e-4).filter(joint_pos, joint_pos, REST)
    assert result.joint_pos_target is not None
    assert result.joint_pos_target[4] == pytest.approx(joint_pos[4] - limits.rate[4] * 1e-4)


def test_a_joint_far_outside_its_range_damps_and_says_which() -> None:
    joint_pos = HOME.copy()
    joint_pos[3] = LIMITS_OF_ROBOT.upper[3] + 1.0
    result = Guard(LIMITS_OF_ROBOT, STEP_DT).filter(HOME, joint_pos, REST)
    assert result.joint_pos_target is None
    assert result.reason is not None
    assert "left_knee_joint at 3.880 rad" in result.reason


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("argument", [0, 1, 2])
def test_a_number_that_is_not_finite_damps_and_says_where(bad: float, argument: int) -> None:
    arguments = [HOME.copy(), HOME.copy(), REST.copy()]
    arguments[argument][7] = bad
    result = Guard(LIMITS_OF_ROBOT, STEP_DT).filter(*arguments)
    assert result.joint_pos_target is None
    assert "right_hip_roll_joint" in str(result.reason)


@pytest.mark.parametrize("size", [0, 22, 24])
@pytest.mark.parametrize("argument", [0, 1, 2])
def test_an_array_of_another_size_damps_and_says_so(size: int, argument: int) -> None:
    arguments = [HOME.copy(), HOME.copy(), REST.copy()]
    arguments[argument] = np.zeros(size)
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT)
    result = guard.filter(*arguments)
    assert result.joint_pos_target is None
    assert f"has shape ({size},) for 23 joints" in str(result.reason)
    assert guard.damped == 1


def test_commands_begin_at_the_measured_pose_and_reach_the_wanted_one_after_the_blend() -> None:
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT, blend_s=1.0)
    wanted = HOME + 0.1
    sent = np.array([guard.filter(wanted, HOME, REST).joint_pos_target for _ in range(60)])
    np.testing.assert_array_equal(sent[0], HOME)
    np.testing.assert_allclose(sent[25], HOME + 0.05)
    np.testing.assert_array_equal(sent[50:], np.broadcast_to(wanted, (10, N)))
    guard.reset()
    moved = HOME - 0.02
    result = guard.filter(wanted, moved, REST)
    np.testing.assert_array_equal(np.asarray(result.joint_pos_target), moved)


def test_after_damping_commands_begin_at_the_measured_pose_again() -> None:
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT, blend_s=0.1)
    for _ in range(20):
        guard.filter(HOME + 0.1, HOME, REST)
    guard.filter(np.full(N, np.nan), HOME, REST)
    np.testing.assert_array_equal(np.asarray(guard.filter(HOME + 0.1, HOME, REST).joint_pos_target), HOME)


def test_a_blend_that_begins_anew_goes_to_the_measured_pose_no_faster_than_the_rate_limit() -> None:
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT, blend_s=1.0)
    elbow = ROBOT.joint_names.index("left_elbow_joint")
    wanted, pose = HOME.copy(), HOME.copy()
    wanted[elbow] += 0.1
    for _ in range(60):
        guard.filter(wanted, HOME, REST)
    step = LIMITS_OF_ROBOT.rate[elbow] * STEP_DT
    pose[elbow] = wanted[elbow] - 1.5 * step
    ways = []
    for _ in range(2):
        guard.blend_anew()
        sent = guard.filter(wanted, pose, REST).joint_pos_target
        assert sent is not None
        ways.append(sent[elbow] - pose[elbow])
    assert ways == pytest.approx([0.5 * step, 0.0])
    for count in range(1, 20):
        sent = guard.filter(wanted, pose, REST).joint_pos_target
        assert sent is not None
        assert sent[elbow] - pose[elbow] == pytest.approx(count / 50.0 * (wanted - pose)[elbow])


def test_the_low_pass_filter_damps_a_vibration_by_what_a_first_order_filter_does() -> None:
    frequency_hz, cutoff_hz, dt = 20.0, 5.0, 0.001
    guard = Guard(LIMITS_OF_ROBOT, dt, cutoff_hz=cutoff_hz)
    time_s = dt * np.arange(2000)
    wanted = HOME + 0.01 * np.sin(2 * np.pi * frequency_hz * time_s)[:, None]
    sent = np.array([guard.filter(each, HOME, REST).joint_pos_target for each in wanted])
    amplitude = np.abs(sent[1000:] - HOME).max(axis=0)
    expected = 0.01 / np.hypot(1.0, frequency_hz / cutoff_hz)
    np.testing.assert_allclose(amplitude, expected, rtol=0.05)


def test_the_low_pass_filter_lets_a_constant_target_through_and_goes_on_from_what_was_sent() -> None:
    guard = Guard(LIMITS_OF_ROBOT, STEP_DT, cutoff_hz=5.0)
    far = np.full(N, 100.0)  # behind every limit
    assert [guard.filter(far, HOME, REST).acted for _ in range(100)][-1]
    results = [guard.filter(HOME, HOME, REST) for _ in range(60)]
    np.testing.assert_allclose(np.asarray(results[-1].joint_pos_target), HOME, atol=1e-6)


@pytest.mark.parametrize(
    ("step_dt", "settings"),
    [
        (0.0, {}),
        (np.nan, {}),
        (0.02, {"blend_s": -1.0}),
        (0.02, {"cutoff_hz": 0.0}),
        (0.02, {"cutoff_hz": np.inf}),
    ],
)
def test_settings_that_make_no_sense_are_refused(step_dt: float, settings: dict[str, float]) -> None:
    with pytest.raises(SafetyError, match="must be above 0"):
        Guard(LIMITS_OF_ROBOT, step_dt, **settings)


def test_one_robot_alone_and_among_many_is_limited_alike() -> None:
    rng = np.random.default_rng(0)
    target, pos, vel = (rng.normal(HOME, scale, (64, N)) for scale in (1.0, 0.2, 5.0))
    together, violated, _ = limit_targets(LIMITS_OF_ROBOT, target, pos, pos, vel, STEP_DT)
    assert violated.shape == (len(LIMITS), 64, N)
    for i in range(64):
        alone, _, _ = limit_targets(
            LIMITS_OF_ROBOT, target[i : i + 1], pos[i : i + 1], pos[i : i + 1], vel[i : i + 1], STEP_DT
        )
        np.testing.assert_array_equal(alone[0], together[i])

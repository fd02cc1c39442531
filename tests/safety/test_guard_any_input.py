"""A hundred thousand commands and states that no robot should see: what leaves the Guard is safe all the same."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.safety import Guard, GuardLimits, limit_targets

ROBOT = h23()
L = GuardLimits.from_robot(ROBOT)
N = ROBOT.num_joints
HOME = np.array(ROBOT.home_joint_pos)
STEP_DT = 0.02
PARTLY_STIFF = dataclasses.replace(L, stiffness=np.where(np.arange(N) % 5 == 0, 0.0, L.stiffness))
"""With joints that no target asks for a torque."""
both = pytest.mark.parametrize("limits", [L, PARTLY_STIFF], ids=["stiff", "partly stiff"])

BATCHES, BATCH, SINGLE = 10, 9_600, 4_000


def any_values(rng: np.random.Generator, count: int, nominal: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Values around nominal ones, and of every bad kind, a kind for each row. Shape (count, N)."""
    values = nominal + rng.normal(size=(count, N)) * spread
    kind = rng.choice(
        ["nominal", "wide", "huge", "denormal", "permuted", "edge", "nan", "inf"],
        size=count,
        p=[0.5, 0.15, 0.05, 0.05, 0.1, 0.09, 0.03, 0.03],
    )
    few = rng.random((count, N)) < 2.0 / N  # the bad numbers hit about two joints of a row
    sign = rng.choice([-1.0, 1.0], size=(count, N))
    huge = sign * 10.0 ** rng.uniform(0.0, 308.0, (count, N))
    denormal = sign * 5e-324 * rng.integers(1, 1000, (count, N))
    edge = rng.choice([L.lower, L.upper, L.soft_lower, L.soft_upper], size=count)
    for name, other in (
        ("wide", values * 20.0), ("huge", np.where(few, huge, values)),
        ("denormal", np.where(few, denormal, values)), ("permuted", rng.permuted(values, axis=1)),
        ("edge", edge), ("nan", np.where(few, np.nan, values)), ("inf", np.where(few, sign * np.inf, values)),
    ):  # fmt: skip
        values = np.where((kind == name)[:, None], other, values)
    return values


def any_commands(seed: int, count: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Wanted targets, measured positions and velocities. Shapes (count, N)."""
    rng = np.random.default_rng(seed)
    return (
        any_values(rng, count, HOME, 0.3 * np.ones(N)),
        any_values(rng, count, HOME, 0.1 * np.ones(N)),
        any_values(rng, count, np.zeros(N), 0.2 * L.velocity),
    )


def torque_range(
    limits: GuardLimits, joint_pos: np.ndarray, joint_vel: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The least target that effort allows, the one that asks for no torque, and the greatest. Shapes (..., N).

    They ask for the effort limit, or hold a joint where it is, or at the end of its range where the servo has the torque.
    """
    stiff = limits.stiffness > 0.0
    with np.errstate(all="ignore"):
        low, coasting, high = (
            joint_pos + (limits.damping * joint_vel + torque) / limits.stiffness
            for torque in (-limits.effort, 0.0, limits.effort)
        )
        own = np.clip(joint_pos, L.lower, L.upper)
        held = limits.stiffness * np.abs(own - joint_pos) <= limits.effort
    low, high = np.where(held, np.minimum(low, own), low), np.where(held, np.maximum(high, own), high)
    return np.where(stiff, low, -np.inf), coasting, np.where(stiff, high, np.inf)


def assert_inside_every_limit(
    limits: GuardLimits, sent: np.ndarray, previous: np.ndarray, joint_pos: np.ndarray, joint_vel: np.ndarray
) -> None:
    """Each limit holds, or those above it leave it no choice, and then the nearest choice is taken."""
    assert np.isfinite(sent).all()
    assert (sent >= L.lower).all()
    assert (sent <= L.upper).all()
    stiff = limits.stiffness > 0.0
    with np.errstate(all="ignore"):
        torque = limits.stiffness * (sent - joint_pos) - limits.damping * joint_vel
        outside = np.abs(joint_pos - np.clip(joint_pos, L.lower, L.upper))
        braking = limits.damping * np.abs(joint_vel) + limits.stiffness * outside
    within = np.abs(torque) <= L.effort * (1 + 1e-9)
    brakes = (np.abs(torque) <= braking * (1 + 1e-9)) & (
        (np.sign(torque) != np.sign(joint_vel)) | (outside > 0.0)
    )
    assert (within | brakes)[..., stiff].all()
    # what position and effort allow; the rest asks for a part of it
    least, coasting, most = torque_range(limits, joint_pos, joint_vel)
    low, high = np.maximum(L.lower, least), np.minimum(L.upper, most)
    too_fast_down, too_fast_up = (joint_vel < -L.velocity) & stiff, (joint_vel > L.velocity) & stiff
    step = L.rate * STEP_DT
    for wanted_low, wanted_high in (
        (np.where(too_fast_down, coasting, -np.inf), np.where(too_fast_up, coasting, np.inf)),
        (previous - step, previous + step),
        (L.soft_lower, L.soft_upper),
    ):  # fmt: skip
        above, below = wanted_low > high, wanted_high < low
        holds = (sent >= wanted_low - 1e-9) & (sent <= wanted_high + 1e-9)
        nearest = np.where(above, high, low)
        assert (holds | ((above | below) & (np.abs(sent - nearest) <= 1e-9))).all()
        low, high = (
            np.where(above, high, np.maximum(low, np.where(below, low, wanted_low))),
            np.where(below, low, np.minimum(high, np.where(above, high, wanted_high))),
        )


@both
@pytest.mark.parametrize("seed", range(BATCHES))
def test_among_many_robots_every_target_is_inside_every_limit_or_known_to_be_invalid(
    seed: int, limits: GuardLimits
) -> None:
    target, joint_pos, joint_vel = any_commands(seed, BATCH)
    previous = any_values(np.random.default_rng(100 + seed), BATCH, HOME, 0.1 * np.ones(N))
    allowed, violated, invalid = limit_targets(limits, target, previous, joint_pos, joint_vel, STEP_DT)
    valid = ~invalid.any(axis=1)
    assert 0.2 < valid.mean() < 0.9  # the generator makes plenty of both
    assert_inside_every_limit(limits, allowed[valid], previous[valid], joint_pos[valid], joint_vel[valid])

    arrays = (target, previous, joint_pos, joint_vel)
    finite = np.all([np.isfinite(each) for each in arrays], axis=0)
    low, _, high = torque_range(limits, joint_pos, joint_vel)
    with np.errstate(all="ignore"):
        reachable = (low <= L.upper) & (high >= L.lower)
    np.testing.assert_array_equal(invalid, ~(finite & reachable))  # damps for no other reason
    unchanged = ~violated.any(axis=0) & ~invalid
    np.testing.assert_array_equal(allowed[unchanged], target[unchanged])


@both
@pytest.mark.parametrize(("blend_s", "cutoff_hz"), [(0.0, None), (0.3, 8.0)])
def test_one_robot_damps_with_a_reason_or_sends_what_is_inside_every_limit(
    blend_s: float, cutoff_hz: float | None, limits: GuardLimits
) -> None:
    guard = Guard(limits, STEP_DT, blend_s=blend_s, cutoff_hz=cutoff_hz)
    previous, sent, damped = None, 0, 0
    rng = np.random.default_rng(7)
    for row in zip(*any_commands(7, SINGLE // 2), strict=True):
        if rng.random() < 0.05:  # an array of another size
            column, size = rng.integers(3), int(rng.choice([0, 1, N - 1, N + 1]))
            row = [np.resize(each, size) if i == column else each for i, each in enumerate(row)]
        result = guard.filter(*row)
        if result.joint_pos_target is None:
            assert result.reason
            damped, previous = damped + 1, None
            continue
        _, joint_pos, joint_vel = row
        before = joint_pos if previous is None else previous
        assert_inside_every_limit(limits, result.joint_pos_target, before, joint_pos, joint_vel)
        sent, previous = sent + 1, result.joint_pos_target
    assert guard.damped == damped
    assert min(sent, damped) > 200

"""The gait's clock and velocity commands, the same in training and on a robot."""

from __future__ import annotations

import math

import numpy as np
import pytest

from gaitway.policy import CommandSpec, VelocityCommand
from gaitway.policy.gait import advance_phase, gait_clock

RANGES = CommandSpec(lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.3), ang_vel_z=(-0.5, 0.5))


def test_the_clock_turns_once_in_a_period_and_waits_while_standing() -> None:
    phase, start = np.array([0.0, 0.0]), np.array([0.0, math.pi])
    command = np.array([[0.5, 0.0, 0.0], [0.0, 0.0, 0.0]])
    for _ in range(36):
        phase = advance_phase(phase, start, command, period_s=0.72, step_dt=0.02)
    assert math.cos(phase[0]) == pytest.approx(1.0)
    assert phase[1] == math.pi
    clock = gait_clock(phase, command)
    np.testing.assert_allclose(clock, [[0.0, 1.0], [0.0, 0.0]], atol=1e-9)


def test_a_request_is_reached_no_faster_than_allowed_and_runs_out() -> None:
    velocity = VelocityCommand(RANGES, step_dt=0.02)
    velocity.request(np.array([2.0, -1.0, 0.1]), now_s=10.0)
    first = velocity.step(10.0)
    np.testing.assert_allclose(first, [0.02, -0.02, 0.04])
    for step in range(1, 25):
        velocity.step(10.0 + 0.02 * step)
    held = velocity.step(10.5)
    np.testing.assert_allclose(held[1:], [-0.3, 0.1])
    for step in range(60):
        velocity.step(10.52 + 0.02 * step)
    np.testing.assert_array_equal(velocity.step(11.72), np.zeros(3))


def test_a_request_that_is_not_finite_is_ignored() -> None:
    velocity = VelocityCommand(RANGES, step_dt=1.0)
    velocity.request(np.array([0.5, 0.0, 0.0]), now_s=0.0)
    velocity.request(np.array([math.nan, 0.0, 0.0]), now_s=0.1)
    np.testing.assert_array_equal(velocity.step(0.2), [0.5, 0.0, 0.0])

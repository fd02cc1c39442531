from __future__ import annotations

import pytest

from gaitway.dashboard.pacing import Pacing


def test_steps_that_are_on_time_are_one_step_apart() -> None:
    pacing = Pacing(0.02, 100.0)
    assert pacing.stepped(100.005) == pytest.approx(0.015)
    assert pacing.stepped(100.025) == pytest.approx(0.015)
    assert pacing.slips == 0


def test_a_little_lateness_is_made_up_for() -> None:
    pacing = Pacing(0.02, 0.0)
    assert pacing.stepped(0.03) == 0.0
    assert pacing.stepped(0.035) == pytest.approx(0.005)
    assert pacing.slips == 0


def test_after_a_stall_time_slips_and_there_is_no_burst() -> None:
    pacing = Pacing(0.02, 0.0)
    assert pacing.stepped(1.0) == 0.0
    assert pacing.slips == 1
    assert pacing.stepped(1.001) == pytest.approx(0.019)


def test_the_real_time_factor_is_of_the_newest_seconds() -> None:
    pacing = Pacing(0.02, 0.0)
    for step in range(1, 201):  # half as fast as it should be
        pacing.stepped(0.04 * step)
    assert pacing.real_time_factor == pytest.approx(0.5)
    for step in range(1, 201):
        pacing.stepped(8.0 + 0.02 * step)
    assert pacing.real_time_factor == pytest.approx(1.0)

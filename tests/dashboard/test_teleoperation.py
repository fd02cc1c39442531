from __future__ import annotations

import numpy as np
import pytest

from gaitway.dashboard.teleoperation import AXES, KEY_STEP, Teleoperation
from gaitway.policy import CommandSpec

SPEC = CommandSpec(lin_vel_x=(-0.5, 1.1), lin_vel_y=(-0.35, 0.35), ang_vel_z=(-0.7, 0.7))


def pressed(keys: str) -> list[float]:
    teleoperation = Teleoperation(SPEC)
    for key in keys:
        teleoperation.press(key)
    return teleoperation.velocity.tolist()


@pytest.mark.parametrize(
    ("keys", "velocity"),
    [
        ("", [0.0, 0.0, 0.0]),
        ("III", [0.3, 0.0, 0.0]),
        ("K", [-0.1, 0.0, 0.0]),
        ("UUO", [0.0, 0.1, 0.0]),
        ("JL" * 7, [0.0, 0.0, 0.0]),
        ("IJ", [0.1, 0.0, 0.1]),
        ("XYZ", [0.0, 0.0, 0.0]),
    ],
)
def test_each_press_adds_a_step(keys: str, velocity: list[float]) -> None:
    assert pressed(keys) == velocity


@pytest.mark.parametrize("index", range(3))
def test_keys_and_sliders_end_at_what_the_policy_was_trained_on(index: int) -> None:
    lower, upper = (SPEC.lin_vel_x, SPEC.lin_vel_y, SPEC.ang_vel_z)[index]
    assert pressed(AXES[index].more * 40)[index] == upper
    assert pressed(AXES[index].less * 40)[index] == lower
    teleoperation = Teleoperation(SPEC)
    teleoperation.set(index, 50.0)
    assert teleoperation.velocity[index] == upper


def test_a_key_goes_on_from_where_a_slider_is_and_standing_forgets_both() -> None:
    teleoperation = Teleoperation(SPEC)
    teleoperation.set(0, 0.25)
    teleoperation.press("I")
    np.testing.assert_allclose(teleoperation.velocity, [0.25 + KEY_STEP, 0.0, 0.0])
    teleoperation.stand()
    assert not teleoperation.velocity.any()


def test_a_policy_that_only_walks_forward_is_never_asked_to_stand_on_its_own_terms() -> None:
    teleoperation = Teleoperation(
        CommandSpec(lin_vel_x=(0.2, 1.0), lin_vel_y=(0.0, 0.0), ang_vel_z=(0.0, 0.0))
    )
    teleoperation.press("K")
    assert teleoperation.velocity.tolist() == [0.2, 0.0, 0.0]

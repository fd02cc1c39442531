from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.policy import TERMS, ObservationBuilder, Sensors, TermSpec
from gaitway.policy.terms import get_terms

MOUNTING = Rotation.from_euler("xyz", [0.3, -0.2, 0.9])


def sensors(n: int = 4, seed: int = 0) -> Sensors:
    rng = np.random.default_rng(seed)
    quat = rng.normal(size=(n, 4))
    return Sensors(
        joint_pos=rng.normal(size=(n, 3)),
        joint_vel=rng.normal(size=(n, 3)),
        imu_quat_w=quat / np.linalg.norm(quat, axis=1, keepdims=True),
        imu_ang_vel=rng.normal(size=(n, 3)),
        last_action=rng.normal(size=(n, 3)),
        home_joint_pos=rng.normal(size=3),
        imu_mounting_quat=MOUNTING.as_quat(scalar_first=True),
        command=rng.normal(size=(n, 3)),
        gait_clock=rng.normal(size=(n, 2)),
        base_lin_vel_b=rng.normal(size=(n, 3)),
    )


def converted(given: Sensors, convert) -> Sensors:
    return Sensors(**{name: convert(value) for name, value in vars(given).items()})


def spec(name: str, size: int = 3, **changes) -> TermSpec:
    term = TERMS[name]
    return TermSpec(name=name, size=size, unit=term.unit, frame=term.frame, topic=term.topic, **changes)


@pytest.mark.parametrize("name", sorted(TERMS))
def test_a_term_is_the_same_on_numpy_and_torch(name: str) -> None:
    exact = TERMS[name].function(sensors())
    single = TERMS[name].function(converted(sensors(), np.float32))
    tensor = TERMS[name].function(converted(sensors(), torch.from_numpy))
    assert single.dtype == np.float32
    assert isinstance(tensor, torch.Tensor)
    np.testing.assert_allclose(single, exact, atol=1e-6)
    np.testing.assert_allclose(tensor.numpy(), exact, atol=1e-12)


def test_gravity_and_turning_are_seen_from_the_base_however_the_imu_is_mounted() -> None:
    """Against scipy: the base leans by 0.4 rad about x and turns about its own z."""
    base = Rotation.from_euler("ZYX", [1.1, 0.0, 0.4])
    given = replace(
        sensors(1),
        imu_quat_w=(base * MOUNTING).as_quat(scalar_first=True)[None],
        imu_ang_vel=MOUNTING.inv().apply([[0.0, 0.0, 2.0]]),
    )
    np.testing.assert_allclose(
        TERMS["projected_gravity"].function(given)[0], [0.0, -np.sin(0.4), -np.cos(0.4)], atol=1e-12
    )
    np.testing.assert_allclose(TERMS["base_ang_vel"].function(given)[0], [0.0, 0.0, 2.0], atol=1e-12)


def test_no_term_sees_the_heading() -> None:
    given = sensors()
    turned = Rotation.from_euler("z", 1.0) * Rotation.from_quat(given.imu_quat_w, scalar_first=True)
    other = replace(given, imu_quat_w=turned.as_quat(scalar_first=True))
    for term in TERMS.values():
        np.testing.assert_allclose(term.function(other), term.function(given), atol=1e-12)


def test_a_term_without_its_sensor_value_says_which() -> None:
    with pytest.raises(GaitwayError, match="needs the sensor value 'command', which was not given"):
        TERMS["command"].function(replace(sensors(), command=None))


def test_unknown_term_names_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="unknown observation term 'joint_velo'; did you mean 'joint_vel'"
    ):
        get_terms(["joint_velo"])


def test_terms_are_scaled_clipped_and_put_in_order() -> None:
    given = replace(sensors(1), joint_vel=np.array([[1.0, -3.0, 50.0]]), imu_ang_vel=np.zeros((1, 3)))
    builder = ObservationBuilder(
        [spec("joint_vel", scale=0.5, clip=(-1.0, 2.0)), spec("base_ang_vel"), spec("last_action", scale=2.0)]
    )
    obs = builder.build(given)
    np.testing.assert_allclose(
        obs[0], [0.5, -1.0, 2.0, 0.0, 0.0, 0.0, *2.0 * given.last_action[0]], rtol=1e-6
    )
    assert obs.dtype == np.float32
    assert obs.flags.c_contiguous
    assert builder.size == obs.shape[1]


def test_history_is_oldest_first_and_begins_filled() -> None:
    builder = ObservationBuilder([spec("last_action", history=3)])
    history = [sensors(2, seed) for seed in range(4)]
    actions = [given.last_action.astype(np.float32) for given in history]
    first = builder.build(history[0])
    np.testing.assert_array_equal(first, np.concatenate([actions[0]] * 3, axis=1))
    builder.build(history[1])
    third = builder.build(history[2])
    np.testing.assert_array_equal(third, np.concatenate(actions[:3], axis=1))


def test_robots_that_begin_anew_fill_their_history_and_leave_the_others_alone() -> None:
    builder = ObservationBuilder([spec("last_action", history=3), spec("joint_vel")])
    history = [sensors(2, seed) for seed in range(4)]
    actions = [given.last_action.astype(np.float32) for given in history]
    for given in history[:3]:
        builder.build(given)
    begun = builder.begin(history[2].of(np.array([1])), np.array([1]))
    np.testing.assert_array_equal(begun[0, :-3], np.concatenate([actions[2][1]] * 3))
    np.testing.assert_allclose(begun[0, -3:], history[2].joint_vel[1], rtol=1e-6)
    after = builder.build(history[3])
    np.testing.assert_array_equal(after[0, :-3], np.concatenate([a[0] for a in actions[1:]]))
    np.testing.assert_array_equal(after[1, :-3], np.concatenate([actions[2][1]] * 2 + [actions[3][1]]))

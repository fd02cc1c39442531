"""How simulated robots differ from each other, and that they do not where nothing is drawn."""

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.sim import Randomization, SimError, Simulation
from gaitway.sim.randomization import draw_robots
from gaitway.tasks.walk import RANDOMIZATION

ROBOT = h23()
HOME = np.array(ROBOT.home_joint_pos)
N = ROBOT.num_joints
FIELDS = [field.name for field in dataclasses.fields(Randomization)]
SENSED = ("encoder_bias", "gyro_bias", "imu_tilt")


def _run(randomization: Randomization | None, seed: int = 5) -> Simulation:
    sim = Simulation(ROBOT, 3, randomization=randomization, seed=seed)
    rng = np.random.default_rng(0)
    for step in range(50):  # the same commands for all three, with a push so that masses matter
        if step == 10:
            sim.push(np.tile([3.0, 1.0, 0.0], (3, 1)))
        sim.set_command(np.tile(HOME + rng.normal(0, 0.05, N), (3, 1)))
        sim.step()
    return sim


def _only(field: str) -> Randomization:
    return dataclasses.replace(Randomization(), **{field: getattr(RANDOMIZATION, field)})


@pytest.mark.parametrize("field", [field for field in FIELDS if field not in SENSED])
def test_each_field_makes_robots_move_differently(field: str) -> None:
    joint_pos = _run(_only(field)).joint_pos
    assert np.abs(joint_pos[0] - joint_pos[1]).max() > 1e-7
    assert np.abs(joint_pos[0] - joint_pos[2]).max() > 1e-7
    np.testing.assert_array_equal(joint_pos, _run(_only(field)).joint_pos)
    assert (joint_pos != _run(_only(field), seed=6).joint_pos).any()


def test_sensor_errors_are_constant_and_as_drawn() -> None:
    sim = _run(Randomization(gyro_bias=(0.1, 0.2), imu_tilt=(0.01, 0.02), encoder_bias=(0.01, 0.02)))
    plain = _run(Randomization(encoder_bias=(0.01, 0.02)))
    np.testing.assert_allclose(sim.measured_joint_pos - sim.joint_pos, sim.draw.encoder_bias, atol=1e-12)
    np.testing.assert_allclose(sim.imu_ang_vel - plain.imu_ang_vel, sim.draw.gyro_bias, atol=1e-12)
    dot = np.abs((sim.imu_quat_w * plain.imu_quat_w).sum(axis=1))
    np.testing.assert_allclose(2 * np.arccos(dot), np.linalg.norm(sim.draw.imu_tilt, axis=1), rtol=1e-3)


def test_a_servo_holds_what_its_encoder_reads() -> None:
    """With an encoder that reads b too much, a stiff joint comes to rest b below its target."""
    robot = dataclasses.replace(
        ROBOT, mjcf=ROBOT.mjcf.replace('timestep="0.005"', 'timestep="0.005" gravity="0 0 0"')
    )
    sim = Simulation(robot, 4, randomization=Randomization(encoder_bias=(-0.05, 0.05)), seed=1)
    sim.set_gantry(True)
    for _ in range(150):
        sim.set_command(np.tile(HOME, (4, 1)))
        sim.step()
    arms = slice(13, N)  # the legs lean on the ground
    np.testing.assert_allclose(sim.measured_joint_pos[:, arms], np.tile(HOME[arms], (4, 1)), atol=2e-3)


def test_randomisation_off_is_the_nominal_model_to_the_bit() -> None:
    nominal, off = _run(None), _run(Randomization())
    for name in ("joint_pos", "joint_vel", "base_pos_w", "imu_quat_w", "measured_joint_pos"):
        np.testing.assert_array_equal(getattr(nominal, name), getattr(off, name))


@pytest.mark.parametrize("field", FIELDS)
def test_draws_fill_the_stated_range(field: str) -> None:
    sim = Simulation(ROBOT, 1)
    draw = draw_robots(RANDOMIZATION, ROBOT, sim.model, 2000, np.random.default_rng(3))
    values, (low, high) = getattr(draw, field), getattr(RANDOMIZATION, field)
    assert low <= values.min() < low + 0.01 * (high - low)
    assert high - 0.01 * (high - low) < values.max() <= high
    assert values.mean() == pytest.approx((low + high) / 2.0, abs=0.05 * (high - low))


def test_a_field_that_is_off_does_not_change_what_others_draw() -> None:
    sim = Simulation(ROBOT, 1)
    everything = draw_robots(RANDOMIZATION, ROBOT, sim.model, 5, np.random.default_rng(3))
    without = dataclasses.replace(RANDOMIZATION, friction=None)
    np.testing.assert_array_equal(
        draw_robots(without, ROBOT, sim.model, 5, np.random.default_rng(3)).armature, everything.armature
    )


def test_a_payload_weighs_what_it_says() -> None:
    """Standing robots press on the ground with their own mass."""
    sim = Simulation(ROBOT, 4, randomization=Randomization(payload=(1.0, 3.0)), seed=2)
    force = []
    for _ in range(150):
        sim.set_command(np.tile(HOME, (4, 1)))
        sim.step()
        force.append(-sim.foot_force_w[:, :, 2].sum(axis=1))
    nominal = sum(sim.model.body_mass)
    np.testing.assert_allclose(np.median(force, axis=0) / 9.81, nominal + sim.draw.payload, rtol=0.02)


@pytest.mark.parametrize("delay_s", [0.0, 0.005, 0.015, 0.02, 0.035])
def test_a_command_takes_effect_after_its_delay(delay_s: float) -> None:
    """A late command moves the robot as the same command, given later to one without delay."""
    late = Simulation(ROBOT, 1, decimation=4, max_delay_s=0.04)
    late.set_delay(np.array([delay_s]))
    prompt = Simulation(ROBOT, 1, decimation=4)
    target = (HOME + 0.1)[None]
    wait = round(delay_s / 0.005)
    for step in range(16):  # physics steps
        if step % 4 == 0:
            late.set_command(target)
            late.step()
        prompt.set_command(target if step >= wait else HOME[None])
        prompt.step(1)
    np.testing.assert_allclose(late.joint_pos, prompt.joint_pos, atol=1e-12)


def test_a_delay_beyond_what_the_simulation_was_made_for_is_refused() -> None:
    with pytest.raises(SimError, match="from 0 to 0.02 s"):
        Simulation(ROBOT, 1, max_delay_s=0.02).set_delay(np.array([0.03]))


def test_feet_are_seen_where_mujoco_has_them() -> None:
    sim = _run(None)
    data = sim.data(1)
    for i, body in enumerate(("left_ankle_roll", "right_ankle_roll")):
        np.testing.assert_allclose(
            sim.foot_pos_w[1, i], data.body(body).xpos, atol=5e-3
        )  # one physics step old
        velocity = np.zeros(6)
        mujoco.mj_objectVelocity(sim.model, data, mujoco.mjtObj.mjOBJ_XBODY, data.body(body).id, velocity, 0)
        np.testing.assert_allclose(sim.foot_lin_vel_w[1, i], velocity[3:], atol=0.15)
    assert sim.foot_contact.any()

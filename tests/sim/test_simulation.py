from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.sim import PUSH_DURATION_S, SimError, Simulation, build_model

ROBOT = h23()
HOME = np.array(ROBOT.home_joint_pos)
N = ROBOT.num_joints


def test_stepping_equals_plain_mujoco_with_the_servo_law_written_out() -> None:
    """Against mj_step on torques computed here: kp (target - q) - kd dq + feed-forward, clipped."""
    robot = dataclasses.replace(ROBOT, mjcf=ROBOT.mjcf.replace("implicitfast", "Euler"))
    sim = Simulation(robot, 3, num_threads=1)
    model = build_model(robot, sim.physics_dt)
    model.actuator_biasprm[:, 1:3] = 0.0  # a plain torque motor
    rng = np.random.default_rng(1)
    target, effort = HOME + rng.normal(0, 0.1, N), rng.normal(0, 2.0, N)
    sim.set_command(np.tile(target, (3, 1)), effort)
    data = mujoco.MjData(model)
    data.qpos[7:] = HOME
    for _ in range(4):
        torque = (
            np.array(ROBOT.stiffness) * (target - data.qpos[7:]) - np.array(ROBOT.damping) * data.qvel[6:]
        )
        limit = np.array(ROBOT.effort_limit)
        data.ctrl[:] = np.clip(torque + effort, -limit, limit)
        sim.step(physics_steps=1)
        mujoco.mj_step(model, data)
        np.testing.assert_allclose(sim.joint_pos, np.tile(data.qpos[7:], (3, 1)), atol=1e-9)
        np.testing.assert_allclose(sim.joint_effort[0], data.qfrc_actuator[6:], atol=1e-6)


def _rollout(num_threads: int) -> np.ndarray:
    sim = Simulation(ROBOT, 16, num_threads=num_threads)
    rng = np.random.default_rng(2)
    for step in range(60):
        sim.set_command(HOME + rng.normal(0, 0.2, (16, N)))
        if step == 10:
            sim.push(rng.normal(0, 5, (16, 3)))
        sim.step()
        sim.reset(np.array([step % 16]))
    return np.concatenate([sim.joint_pos, sim.joint_vel, sim.base_pos_w, sim.base_quat_w], axis=1)


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    np.testing.assert_array_equal(_rollout(1), _rollout(2))


def test_a_robot_does_not_depend_on_its_neighbours() -> None:
    alone, among = Simulation(ROBOT, 1), Simulation(ROBOT, 5)
    rng = np.random.default_rng(0)
    for step in range(40):
        targets = HOME + rng.normal(0, 0.3, (5, N))
        among.set_command(targets)
        alone.set_command(targets[2:3])
        if step == 20:
            among.reset(np.array([0, 4]))
        among.step()
        alone.step()
        np.testing.assert_array_equal(among.joint_pos[2], alone.joint_pos[0])
        np.testing.assert_array_equal(among.base_pos_w[2], alone.base_pos_w[0])


def test_a_push_gives_its_impulse_to_the_robot_and_then_ends() -> None:
    """Without gravity or ground the whole robot's horizontal momentum is what was pushed into it."""
    weightless = ROBOT.mjcf.replace("<option timestep", '<option gravity="0 0 0" timestep')
    sim = Simulation(dataclasses.replace(ROBOT, mjcf=weightless), 2)
    sim.base_pos_w[:, 2] += 5.0
    sim.push(np.array([[6.0, -3.0, 0.0]]), np.array([1]))
    steps = round(PUSH_DURATION_S / sim.step_dt)
    for step in range(3 * steps):
        sim.step()
        if step >= steps - 1:
            for env_id, expected in ((0, (0.0, 0.0)), (1, (6.0, -3.0))):
                data = sim.data(env_id)
                mujoco.mj_subtreeVel(sim.model, data)
                given = data.subtree_linvel[0] * sim.model.body_subtreemass[0]
                np.testing.assert_allclose(given[:2], expected, atol=0.05)


def test_resetting_one_robot_leaves_the_others() -> None:
    sim = Simulation(ROBOT, 3)
    sim.set_command(HOME + np.random.default_rng(0).normal(0, 0.2, (3, N)))
    sim.push(np.full((3, 3), 4.0))
    for _ in range(3):
        sim.step()
    before = sim.state_dict()
    pose = HOME + 0.01
    sim.reset(np.array([1]), pose)
    after = sim.state_dict()
    np.testing.assert_array_equal(after["state"][[0, 2]], before["state"][[0, 2]])
    np.testing.assert_array_equal(sim.joint_pos[1], pose)
    assert not sim.joint_vel[1].any()
    assert sim.base_pos_w[1, 2] == ROBOT.home_base_height
    np.testing.assert_array_equal(after["push_steps"] > 0, [True, False, True])


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    rng = np.random.default_rng(4)
    targets = HOME + rng.normal(0, 0.2, (20, 4, N))
    sim, other = Simulation(ROBOT, 4), Simulation(ROBOT, 4)
    sim.set_gains(np.array(ROBOT.stiffness) * 0.9, np.array(ROBOT.damping))
    for target in targets[:10]:
        sim.set_command(target)
        sim.step()
    sim.push(np.full((4, 3), 2.0))
    sim.step()
    other.load_state_dict(sim.state_dict())
    for target in targets[10:]:
        for each in (sim, other):
            each.set_command(target)
            each.step()
    np.testing.assert_array_equal(sim.joint_pos, other.joint_pos)


def test_the_gantry_holds_the_base_and_lets_it_go() -> None:
    sim = Simulation(ROBOT, 1)
    sim.set_gains(np.zeros(N), np.zeros(N))
    sim.set_gantry(True)
    for _ in range(100):
        sim.step()
    assert abs(sim.base_pos_w[0, 2] - ROBOT.home_base_height) < 0.02
    sim.set_gantry(False)
    for _ in range(100):
        sim.step()
    assert sim.base_pos_w[0, 2] < 0.5 * ROBOT.home_base_height


def test_a_lifted_gantry_lets_the_legs_hang_free() -> None:
    sim = Simulation(ROBOT, 1)
    sim.set_gantry(True, lift=0.1)
    target = np.array(ROBOT.home_joint_pos)
    ankle = ROBOT.joint_names.index("left_ankle_pitch_joint")
    target[ankle] += 0.05
    sim.set_command(target[None])
    for _ in range(50):
        sim.step()
    assert abs(sim.base_pos_w[0, 2] - ROBOT.home_base_height - 0.1) < 0.02
    assert abs(sim.joint_pos[0, ankle] - target[ankle]) < 0.01


def test_imu_values_are_those_of_mujocos_own_sensors() -> None:
    """The model gets a gyroscope and an orientation sensor at the IMU site of a robot mounted askew."""
    quat = (0.8, 0.2, -0.4, np.sqrt(1 - 0.64 - 0.04 - 0.16))
    text = " ".join(map(str, quat))
    mjcf = ROBOT.mjcf.replace('quat="1 0 0 0"', f'quat="{text}"').replace(
        "</mujoco>", '<sensor><gyro site="imu"/><framequat objtype="site" objname="imu"/></sensor></mujoco>'
    )
    robot = dataclasses.replace(ROBOT, mjcf=mjcf, imu=dataclasses.replace(ROBOT.imu, quat=quat))
    sim = Simulation(robot, 1)
    sim.push(np.array([[20.0, 10.0, 0.0]]))
    for _ in range(20):
        sim.step()
    sensors = sim.data().sensordata
    np.testing.assert_allclose(sim.imu_ang_vel[0], sensors[:3], atol=1e-9)
    sign = np.sign(np.dot(sim.imu_quat_w[0], sensors[3:7]))
    np.testing.assert_allclose(sign * sim.imu_quat_w[0], sensors[3:7], atol=1e-9)
    assert np.abs(sensors[:3]).max() > 0.05


def test_a_diverged_robot_is_named_and_the_others_go_on() -> None:
    sim = Simulation(ROBOT, 3)
    sim._qvel[1, 0] = np.inf
    with np.errstate(invalid="ignore"):
        failed = sim.step()
    np.testing.assert_array_equal(failed, [False, True, False])
    sim.reset(np.array([1]))
    np.testing.assert_array_equal(sim.step(), [False, False, False])
    assert np.isfinite(sim.joint_pos).all()


@pytest.mark.parametrize(
    "arguments", [{"num_envs": 0}, {"num_envs": 1, "decimation": 0}, {"num_envs": 1, "physics_dt": 0.0}]
)
def test_a_simulation_of_nothing_is_refused(arguments: dict) -> None:
    with pytest.raises(SimError, match="needs num_envs >= 1"):
        Simulation(ROBOT, **arguments)


def test_a_joint_with_drag_hardly_moves_until_the_drag_is_gone() -> None:
    sim = Simulation(ROBOT, 1, num_threads=1)
    sim.set_gantry(True)
    target = HOME.copy()
    target[3] += 0.3

    def moved() -> float:
        sim.set_command(target[None])
        for _ in range(10):
            sim.step()
        return float(abs(sim.joint_pos[0, 3] - HOME[3]))

    drag = np.zeros(N)
    drag[3] = 1000.0
    sim.set_drag(drag)
    assert moved() < 0.02
    sim.set_drag(0.0)
    assert moved() > 0.1

from __future__ import annotations

import dataclasses

import mujoco
import numpy as np
import pytest

from gaitway.errors import UnknownNameError
from gaitway.robots import Robot, RobotError, get_robot, h23
from gaitway.sim import Simulation, build_model

ROBOT = h23()


@pytest.fixture(scope="module")
def model() -> mujoco.MjModel:
    return build_model(ROBOT, physics_dt=0.005)


def _home_data(model: mujoco.MjModel) -> mujoco.MjData:
    data = mujoco.MjData(model)
    data.qpos[7:] = ROBOT.home_joint_pos
    mujoco.mj_forward(model, data)
    return data


def test_is_a_small_humanoid(model: mujoco.MjModel) -> None:
    data = _home_data(model)
    assert ROBOT.num_joints == 23
    assert 33.0 <= model.body_mass.sum() <= 37.0
    head = data.geom("head").xpos[2] + model.geom("head").size[:2].sum()
    assert 1.2 <= head <= 1.4


def test_the_compiled_model_has_the_robots_joints_limits_and_efforts(model: mujoco.MjModel) -> None:
    names = [model.joint(model.actuator(i).trnid[0]).name for i in range(model.nu)]
    assert tuple(names) == ROBOT.joint_names
    for name, limits, effort in zip(ROBOT.joint_names, ROBOT.position_limit, ROBOT.effort_limit, strict=True):
        np.testing.assert_array_equal(model.joint(name).range, limits)
        np.testing.assert_array_equal(model.actuator(name).forcerange, [-effort, effort])


def test_soles_touch_the_ground_at_home_and_lie_flat(model: mujoco.MjModel) -> None:
    data = _home_data(model)
    soles = [data.geom(g).xpos[2] - model.geom(g).size[0] for g in ROBOT.foot_geoms]
    assert len(soles) == 8
    np.testing.assert_allclose(soles, 0.0, atol=2e-4)


def test_centre_of_mass_is_over_the_feet(model: mujoco.MjModel) -> None:
    data = _home_data(model)
    feet = np.array([data.geom(g).xpos for g in ROBOT.foot_geoms])
    com = data.subtree_com[0]
    assert feet[:, 0].min() + 0.02 < com[0] < feet[:, 0].max() - 0.02
    assert abs(com[1]) < 1e-6


def test_left_and_right_mirror_each_other(model: mujoco.MjModel) -> None:
    """A mirrored pose puts every right body where the left one is, seen in a mirror, and balances alike."""
    rng = np.random.default_rng(3)
    data, mirrored = mujoco.MjData(model), mujoco.MjData(model)
    low, high = ROBOT.position_lower, ROBOT.position_upper
    data.qpos[7:] = rng.uniform(0.5 * low, 0.5 * high)
    for i, name in enumerate(ROBOT.joint_names):
        other = name.replace("left", "?").replace("right", "left").replace("?", "right")
        flips = "roll" in name or "yaw" in name
        j = ROBOT.joint_names.index(other)
        mirrored.qpos[7 + j] = -data.qpos[7 + i] if flips else data.qpos[7 + i]
        expected = -np.array(ROBOT.position_limit[i])[::-1] if flips else ROBOT.position_limit[i]
        np.testing.assert_allclose(ROBOT.position_limit[j], expected)
        for field in ("stiffness", "damping", "effort_limit", "velocity_limit"):
            assert getattr(ROBOT, field)[i] == getattr(ROBOT, field)[j]
    mujoco.mj_forward(model, data)
    mujoco.mj_forward(model, mirrored)
    for body in range(1, model.nbody):
        name = model.body(body).name
        other = name.replace("left", "?").replace("right", "left").replace("?", "right")
        np.testing.assert_allclose(mirrored.body(other).xipos, data.body(name).xipos * [1, -1, 1], atol=1e-9)
        assert model.body(other).mass == model.body(name).mass


def _smallest_stiffness(model: mujoco.MjModel, scale: float) -> float:
    """Smallest eigenvalue of the potential's Hessian about home with a foot fixed to the ground.

    Potential: servo springs at `scale` times their stiffness, plus gravity; second differences over the
    joints, with the base placed so that the left sole stays where it is and both legs moving alike.
    """
    legs = [
        i for i, n in enumerate(ROBOT.joint_names) if n.startswith(("left_hip_p", "left_k", "left_ankle_p"))
    ]
    twins = [ROBOT.joint_names.index(ROBOT.joint_names[i].replace("left", "right")) for i in legs]
    data = mujoco.MjData(model)

    def height_energy(offset: np.ndarray) -> float:
        q = np.array(ROBOT.home_joint_pos)
        q[legs] += offset
        q[twins] += offset
        data.qpos[:] = 0.0
        data.qpos[3] = 1.0
        data.qpos[7:] = q
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        foot = model.body("left_ankle_roll").id
        rotation = data.xmat[foot].reshape(3, 3)
        com_in_foot = rotation.T @ (data.subtree_com[0] - data.xpos[foot])
        return model.body_mass.sum() * 9.81 * com_in_foot[2]

    count, h = len(legs), 1e-3
    hessian = np.zeros((count, count))
    for a in range(count):
        for b in range(count):
            ea, eb = np.eye(count)[a] * h, np.eye(count)[b] * h
            hessian[a, b] = (
                height_energy(ea + eb)
                - height_energy(ea - eb)
                - height_energy(eb - ea)
                + height_energy(-ea - eb)
            ) / (4 * h * h)
    springs = 2.0 * scale * np.diag(np.array(ROBOT.stiffness)[legs])
    return float(np.linalg.eigvalsh(springs + hessian)[0])


def _stands(scale: float) -> bool:
    robot = dataclasses.replace(ROBOT, stiffness=tuple(scale * kp for kp in ROBOT.stiffness))
    sim = Simulation(robot, 1)
    home = np.array(ROBOT.home_joint_pos)[None]
    for _ in range(500):
        sim.set_command(home)
        sim.step()
    return bool(sim.base_pos_w[0, 2] > 0.9 * ROBOT.home_base_height)


def test_stands_under_gravity_where_the_gains_predict_it_and_falls_where_they_do_not(
    model: mujoco.MjModel,
) -> None:
    scales = np.linspace(0.05, 1.0, 96)
    critical = scales[np.argmax([_smallest_stiffness(model, s) > 0.0 for s in scales])]
    assert 0.2 < critical < 0.7
    assert _stands(1.0)
    assert not _stands(0.75 * critical)


def test_unknown_robot_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match=r"unknown robot 'h32'; did you mean 'h23'\? available: h23"):
        get_robot("h32")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stiffness": (1.0,)}, "stiffness has 1 values for 23 joints"),
        ({"home_joint_pos": (9.0,) * 23}, "home pose of left_hip_pitch_joint is 9.0 rad, outside"),
        ({"joint_names": ("a",) * 23}, "joint names repeat"),
    ],
)
def test_a_robot_that_contradicts_itself_is_refused(change: dict, message: str) -> None:
    with pytest.raises(RobotError, match=message):
        dataclasses.replace(ROBOT, **change)


def test_the_hash_follows_the_model() -> None:
    other: Robot = dataclasses.replace(ROBOT, mjcf=ROBOT.mjcf.replace('mass="8.0"', 'mass="8.1"'))
    assert other.model_sha256 != ROBOT.model_sha256

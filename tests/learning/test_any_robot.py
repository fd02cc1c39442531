"""Robots that nobody made for Gaitway stand, walk and learn like the one in the box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gaitway.learning import PPOConfig, TrainConfig, train
from gaitway.policy.binding import robot_spec
from gaitway.robots import Robot, RobotError, get_robot
from gaitway.sim import Simulation
from gaitway.tasks import TaskError, VectorEnv, get_task
from tests.robots.biped import GAINS, write_biped

ROOT = Path(__file__).parents[2]
NAMES = {
    "gymnasium": str(ROOT / "examples" / "robots" / "gymnasium_humanoid.toml"),
    "dm_control": str(ROOT / "tests" / "robots" / "dm_control_humanoid.toml"),
    "menagerie": "menagerie:unitree_g1",
}


@pytest.fixture(scope="module", params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    if request.param == "dm_control":
        pytest.importorskip("dm_control")
    if request.param == "menagerie":
        pytest.importorskip("mujoco_menagerie")
        try:
            get_robot(NAMES[request.param])
        except RobotError as error:
            if "cannot get" not in str(error):
                raise
            pytest.skip(str(error))  # its package downloads the model on first use
    return NAMES[request.param]


@pytest.fixture(scope="module")
def robot(name: str) -> Robot:
    return get_robot(name)


def test_it_keeps_together_for_a_second_at_its_home_pose(robot: Robot) -> None:
    sim = Simulation(robot, 4)
    diverged = np.zeros(4, dtype=bool)
    for _ in range(50):
        sim.set_command(np.tile(robot.home_joint_pos, (4, 1)))
        diverged |= sim.step()
    assert not diverged.any()
    assert np.isfinite(sim.joint_pos).all()


def test_its_servos_obey_the_law_whatever_the_models_own_actuators_were(robot: Robot) -> None:
    sim = Simulation(robot, 1)
    rng = np.random.default_rng(0)
    offset, feed_forward = rng.uniform(-0.3, 0.3, robot.num_joints), rng.uniform(-1.0, 1.0, robot.num_joints)
    sim.set_command(np.array([robot.home_joint_pos + offset]), feed_forward)
    sim.step(physics_steps=1)
    limit = np.array(robot.effort_limit)
    expected = np.clip(np.array(robot.stiffness) * offset + feed_forward, -limit, limit)
    np.testing.assert_allclose(sim.joint_effort[0], expected, atol=1e-9)


def test_the_gantry_holds_it_near_enough_to_home_to_be_activated(robot: Robot) -> None:
    sim = Simulation(robot, 1)
    sim.set_gantry(True)
    for _ in range(100):
        sim.set_command(np.array([robot.home_joint_pos]))
        sim.step()
    assert np.abs(sim.joint_pos - robot.home_joint_pos).max() < 0.15


def test_its_weight_is_on_both_feet_at_first(robot: Robot) -> None:
    sim = Simulation(robot, 1)
    for _ in range(10):
        sim.set_command(np.array([robot.home_joint_pos]))
        sim.step()
    assert sim.foot_contact.tolist() == [[True, True]]
    weight = 9.81 * sim.model.body_mass.sum()
    assert -sim.foot_force_w[0, :, 2].sum() == pytest.approx(weight, rel=0.3)
    assert sim.foot_pos_w[0, 0, 1] > sim.foot_pos_w[0, 1, 1], "the left foot is first"


@pytest.mark.parametrize("task", ["stand", "walk"])
def test_it_can_be_given_the_tasks_in_the_box(robot: Robot, task: str) -> None:
    env = VectorEnv(get_task(task), robot, 4, seed=0)
    obs, _ = env.reset()
    rng = np.random.default_rng(0)
    for _ in range(20):
        obs, reward, _, _, infos = env.step(rng.normal(0.0, 0.3, env.action_space.shape))
        assert np.isfinite(obs).all()
        assert np.isfinite(reward).all()
        assert not infos["diverged"].any()


def test_it_can_be_trained(name: str, tmp_path: Path) -> None:
    config = TrainConfig(
        task="walk", robot=name, env_steps=2 * 8 * 8, num_envs=8, torch_threads=1,
        settings=PPOConfig(hidden=(16,), rollout_steps=8),
    )  # fmt: skip
    assert len(train(config, tmp_path / "run").curve) == 2


def test_a_policy_made_for_it_fits_it_when_it_is_read_again(name: str, robot: Robot) -> None:
    env = VectorEnv(get_task("stand"), robot, 1)
    again = get_robot(name)
    assert again == robot
    assert again.model_sha256 == robot.model_sha256
    assert robot_spec(again) == robot_spec(env.robot)


def test_a_gait_for_two_feet_is_not_given_to_a_robot_with_one(tmp_path: Path) -> None:
    one_legged = get_robot(str(write_biped(tmp_path, 'feet = ["left_leg"]\n' + GAINS)))
    with pytest.raises(TaskError, match="task 'walk' has a gait for 2 feet; robot 'biped' has 1"):
        VectorEnv(get_task("walk"), one_legged, 1)

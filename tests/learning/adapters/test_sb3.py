from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from stable_baselines3 import PPO
from stable_baselines3.common.vec_env import VecMonitor

from gaitway.learning.adapters.sb3 import Sb3VecEnv
from gaitway.robots import h23
from gaitway.tasks import Pushes, Task, VectorEnv, get_task

STAND = get_task("stand")


def make(task: Task = STAND, num_envs: int = 4) -> Sb3VecEnv:
    return Sb3VecEnv(VectorEnv(task, h23(), num_envs, seed=1))


def test_ppo_trains_on_it() -> None:
    env = VecMonitor(make(replace(STAND, episode_s=0.2), 16))
    model = PPO("MlpPolicy", env, n_steps=16, batch_size=64, n_epochs=2, device="cpu", seed=0)
    before = model.policy.state_dict()["action_net.weight"].clone()
    model.learn(2 * 16 * 16)
    assert model.num_timesteps == 512
    assert not before.equal(model.policy.state_dict()["action_net.weight"])
    assert model.ep_info_buffer
    assert {episode["l"] for episode in model.ep_info_buffer} == {10}


def test_steps_as_the_environment_does() -> None:
    env, ours = make(), VectorEnv(STAND, h23(), 4, seed=1)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(env.reset(), ours.reset()[0])
    for _ in range(5):
        action = rng.normal(size=(4, h23().num_joints)).astype(np.float32)
        obs, reward, ended, infos = env.step(action)
        expected = ours.step(action)
        np.testing.assert_array_equal(obs, expected[0])
        np.testing.assert_array_equal(reward, expected[1])
        assert not ended.any()
        assert infos == [{"TimeLimit.truncated": False}] * 4
    assert env.observation_space == ours.single_observation_space


def test_an_episode_that_runs_out_of_time_tells_where_to_bootstrap_from() -> None:
    env = make(replace(STAND, episode_s=0.06, pushes=None))
    env.reset()
    action = np.zeros((4, h23().num_joints), dtype=np.float32)
    for _ in range(2):
        assert not env.step(action)[2].any()
    obs, _, ended, infos = env.step(action)
    assert ended.all()
    for i, info in enumerate(infos):
        assert info["TimeLimit.truncated"] is True
        assert np.abs(info["terminal_observation"] - np.asarray(obs)[i]).max() > 0.0


def test_a_fall_is_no_time_limit() -> None:
    env = make(replace(STAND, pushes=Pushes(interval_s=(0.1, 0.1), impulse=(80.0, 80.0))))
    env.reset()
    fallen = []
    for _ in range(100):
        _, _, ended, infos = env.step(np.zeros((4, h23().num_joints), dtype=np.float32))
        fallen += [infos[i] for i in np.nonzero(ended)[0]]
    assert fallen
    assert not any(info["TimeLimit.truncated"] for info in fallen)
    assert all("terminal_observation" in info for info in fallen)


def test_a_seed_makes_a_reset_repeatable() -> None:
    env = make()
    env.seed(7)
    first = env.reset()
    assert np.abs(env.reset() - first).max() > 0.0
    env.seed(7)
    np.testing.assert_array_equal(env.reset(), first)


def test_attributes_are_those_of_all_robots() -> None:
    env = make()
    assert env.get_attr("robot", indices=[0, 2]) == [h23(), h23()]
    assert env.env_is_wrapped(VecMonitor) == [False] * 4  # type: ignore[arg-type]
    with pytest.raises(AttributeError):
        env.get_attr("unicycle")

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from rsl_rl.runners import OnPolicyRunner

from gaitway.learning.adapters.rsl_rl import RslRlVecEnv
from gaitway.robots import h23
from gaitway.tasks import Pushes, Task, VectorEnv, get_task

STAND = get_task("stand")


def make(task: Task = STAND, num_envs: int = 4) -> RslRlVecEnv:
    return RslRlVecEnv(VectorEnv(task, h23(), num_envs, seed=1))


def test_ppo_trains_on_it(rsl_rl_training: Callable[..., OnPolicyRunner], tmp_path: Path) -> None:
    runner = rsl_rl_training(replace(STAND, episode_s=0.2), 16, 3, tmp_path)
    assert runner.current_learning_iteration == 2
    assert runner.logger.lenbuffer
    assert max(runner.logger.lenbuffer) <= 10
    assert (tmp_path / "model_2.pt").is_file()


def test_steps_as_the_environment_does() -> None:
    env, ours = make(), VectorEnv(STAND, h23(), 4, seed=1)
    rng = np.random.default_rng(0)
    np.testing.assert_array_equal(env.get_observations()["policy"].numpy(), ours.reset()[0])
    for _ in range(5):
        action = rng.normal(size=(4, h23().num_joints)).astype(np.float32)
        obs, reward, ended, extras = env.step(torch.from_numpy(action))
        expected = ours.step(action)
        np.testing.assert_array_equal(obs["policy"].numpy(), expected[0])
        np.testing.assert_array_equal(reward.numpy(), expected[1])
        assert (ended.dtype, ended.sum(), extras["time_outs"].sum()) == (torch.long, 0, 0)
        assert env.get_observations() is obs


def test_the_critic_sees_the_privileged_values_too() -> None:
    env = make(get_task("walk"))
    obs, _, _, _ = env.step(torch.zeros(4, env.num_actions))
    size = obs["policy"].shape[1]
    assert obs["critic"].shape == (4, size + env.env.privileged_size)
    assert torch.equal(obs["critic"][:, :size], obs["policy"])
    plain = make().get_observations()
    assert torch.equal(plain["critic"], plain["policy"])


def test_time_outs_are_told_from_falls() -> None:
    env = make(replace(STAND, episode_s=0.06, pushes=None))
    for _ in range(2):
        assert not env.step(torch.zeros(4, env.num_actions))[2].any()
    _, _, ended, extras = env.step(torch.zeros(4, env.num_actions))
    assert ended.all()
    assert extras["time_outs"].all()
    toppling = make(replace(STAND, pushes=Pushes(interval_s=(0.1, 0.1), impulse=(80.0, 80.0))))
    falls = 0
    for _ in range(100):
        _, _, ended, extras = toppling.step(torch.zeros(4, env.num_actions))
        falls += int(ended.sum())
        assert not extras["time_outs"].any()
    assert falls > 0


def test_setting_the_age_of_an_episode_moves_its_end_and_its_pushes() -> None:
    env = make(replace(STAND, episode_s=2.0))
    assert env.max_episode_length == 100
    env.episode_length_buf = torch.tensor([0, 98, 0, 99])
    assert env.episode_length_buf.tolist() == [0, 98, 0, 99]
    assert env.step(torch.zeros(4, env.num_actions))[2].tolist() == [0, 0, 0, 1]
    assert env.step(torch.zeros(4, env.num_actions))[2].tolist() == [0, 1, 0, 0]
    ours = make()
    ours.episode_length_buf = torch.full((4,), 500)
    assert not ours.env.step(np.zeros((4, ours.num_actions)))[4]["push"].any()

from __future__ import annotations

import gymnasium
import numpy as np
import pytest

from gaitway.tasks import HumanoidV5, SingleEnv, TaskError


def test_is_the_only_environment_of_its_batch() -> None:
    env, vector_env = SingleEnv(HumanoidV5(1)), HumanoidV5(1)
    first, _ = env.reset(seed=3)
    np.testing.assert_array_equal(first, vector_env.reset(seed=3)[0][0])
    rng = np.random.default_rng(0)
    for _ in range(60):
        action = rng.uniform(-0.4, 0.4, 17)
        obs, reward, terminated, truncated, info = env.step(action)
        rows, rewards, falls, _, infos = vector_env.step(action[None])
        assert reward == rewards[0]
        assert (terminated, truncated) == (falls[0], False)
        np.testing.assert_array_equal(obs, infos.get("final_obs", rows)[0])
        assert info["x_position"] == infos["x_position"][0]
        if terminated:
            np.testing.assert_array_equal(env.reset()[0].shape, first.shape)
            return
    pytest.fail("it should have fallen")


def test_several_environments_or_another_autoreset_are_refused() -> None:
    with pytest.raises(TaskError, match="got 2, AutoresetMode.SAME_STEP"):
        SingleEnv(HumanoidV5(2))
    with pytest.raises(TaskError, match="got 1, AutoresetMode.NEXT_STEP"):
        SingleEnv(gymnasium.make_vec("CartPole-v1", num_envs=1))

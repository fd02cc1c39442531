"""Gymnasium's own environments are the reference: the same seeds and actions must give the same rollouts."""

from __future__ import annotations

import functools
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from gaitway.tasks import TaskError
from gaitway.tasks.humanoid_v5 import HumanoidV5

NUM_ENVS = 6
assert_close = functools.partial(np.testing.assert_allclose, rtol=0.0, atol=1e-9)


def reference(max_episode_steps: int = 1000) -> SyncVectorEnv:
    def make() -> gymnasium.Env:
        return gymnasium.make("Humanoid-v5", max_episode_steps=max_episode_steps)

    return SyncVectorEnv([make] * NUM_ENVS, autoreset_mode=AutoresetMode.SAME_STEP)


def actions(env: HumanoidV5, steps: int, seed: int = 0) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.uniform(-0.4, 0.4, (steps, env.num_envs, 17)).astype(np.float32)


def test_spaces_are_gymnasiums() -> None:
    env, theirs = HumanoidV5(NUM_ENVS), reference()
    assert env.single_observation_space == theirs.single_observation_space
    assert env.single_action_space == theirs.single_action_space
    assert env.observation_space == theirs.observation_space
    assert env.action_space == theirs.action_space
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@pytest.mark.parametrize("max_episode_steps", [1000, 20])
def test_rollouts_equal_gymnasiums_through_falls_time_limits_and_resets(max_episode_steps: int) -> None:
    env = HumanoidV5(NUM_ENVS, max_episode_steps=max_episode_steps)
    theirs = reference(max_episode_steps)
    seen = {"terminated": 0, "truncated": 0, "contact": 0.0}
    obs, infos = env.reset(seed=7)
    their_obs, their_infos = theirs.reset(seed=7)
    assert_close(obs, their_obs)
    assert_infos_equal(infos, their_infos)
    for action in actions(env, 70):
        obs, reward, terminated, truncated, infos = env.step(action)
        their_obs, their_reward, their_terminated, their_truncated, their_infos = theirs.step(action)
        assert_close(obs, their_obs)
        assert_close(reward, their_reward)
        np.testing.assert_array_equal(terminated, their_terminated)
        np.testing.assert_array_equal(truncated, their_truncated)
        ended = terminated | truncated
        assert_infos_equal(infos, their_infos, ~ended)
        if ended.any():
            np.testing.assert_array_equal(infos["_final_obs"], ended)
            last = np.stack(their_infos["final_obs"][ended])
            assert_close(infos["final_obs"][ended], last)
            assert_infos_equal(infos, their_infos["final_info"], ended)
        else:
            assert "final_obs" not in infos
        seen["terminated"] += terminated.sum()
        seen["truncated"] += truncated.sum()
        seen["contact"] = max(seen["contact"], np.abs(obs[:, -78:]).max())
    assert seen["terminated"] >= NUM_ENVS
    assert (seen["truncated"] > 0) == (max_episode_steps == 20)
    assert seen["contact"] > 100.0


def assert_infos_equal(ours: dict, theirs: dict, where: np.ndarray | slice = slice(None)) -> None:
    names = {name for name in theirs if not name.startswith(("_", "final"))}
    assert names == {name for name in ours if not name.startswith(("_", "final"))}
    for name in names:
        assert_close(ours[name][where], theirs[name][where], err_msg=name)


def test_rollouts_equal_gymnasiums_from_equal_states_far_from_its_own_starts() -> None:
    """Tumbling, limbs in each other and in the ground: contacts and joint limits of every kind."""
    env, theirs = HumanoidV5(NUM_ENVS), reference()
    rng = np.random.default_rng(3)
    env.reset(seed=0)
    theirs.reset(seed=0)
    qpos = env._qpos + rng.uniform(-0.5, 0.5, env._qpos.shape)
    qvel = rng.normal(size=env._qvel.shape)
    qpos[:, 2] = rng.uniform(1.01, 1.4, NUM_ENVS)
    qpos[:, 3:7] /= np.linalg.norm(qpos[:, 3:7], axis=1, keepdims=True)
    env._qpos[:], env._qvel[:] = qpos, qvel
    env._batch.forward()
    env._mass_center[:] = env._find_mass_center(env._xipos)
    their_envs: list[Any] = [single.unwrapped for single in theirs.envs]
    for single, position, velocity in zip(their_envs, qpos, qvel, strict=True):
        single.set_state(position, velocity)
    env._batch.bind("qacc_warmstart")[:] = [single.data.qacc_warmstart for single in their_envs]
    for action in actions(env, 5):
        for ours, reference_value in zip(env.step(action)[:4], theirs.step(action)[:4], strict=True):
            assert_close(ours, reference_value)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    def run(seed: int, threads: int) -> np.ndarray:
        env = HumanoidV5(NUM_ENVS, num_threads=threads)
        rows = [env.reset(seed=seed)[0]]
        rows += [env.step(action)[0] for action in actions(env, 40)]
        return np.stack(rows)

    np.testing.assert_array_equal(run(5, 1), run(5, 2))
    assert (run(5, 1) != run(6, 1)).any()


def test_what_a_step_returned_does_not_change_afterwards() -> None:
    env = HumanoidV5(2)
    env.reset(seed=0)
    first = env.step(actions(env, 1)[0])
    kept = [value.copy() for value in (*first[:4], *first[4].values())]
    for action in actions(env, 30, seed=1):
        env.step(action)
    for value, before in zip((*first[:4], *first[4].values()), kept, strict=True):
        np.testing.assert_array_equal(value, before)


def test_input_that_means_nothing_is_refused() -> None:
    with pytest.raises(TaskError, match="num_envs >= 1"):
        HumanoidV5(0)
    env = HumanoidV5(2)
    with pytest.raises(TaskError, match="before reset"):
        env.step(np.zeros((2, 17)))
    env.reset(seed=0)
    with pytest.raises(TaskError, match=r"shape \(2, 17\); got shape \(17,\)"):
        env.step(np.zeros(17))
    with pytest.raises(TaskError, match="34 values that are not finite"):
        env.step(np.full((2, 17), np.nan))


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    env, other = HumanoidV5(NUM_ENVS, max_episode_steps=30), HumanoidV5(NUM_ENVS, max_episode_steps=30)
    env.reset(seed=1)
    for action in actions(env, 25):
        env.step(action)
    other.load_state_dict(env.state_dict())
    for action in actions(env, 40, seed=1):
        for ours, theirs in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)

"""Gymnasium's own environments are the reference: the same seeds and actions must give the same rollouts.

Everything is compared bit for bit: the physics are the same and what is computed from it is a few sums.
"""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from gaitway.tasks import BatchedMujoco, HalfCheetahV5, HopperV5, TaskError, Walker2dV5

NUM_ENVS = 5
ENVS = pytest.mark.parametrize("make", [HopperV5, HalfCheetahV5, Walker2dV5], ids=lambda make: make.env_id)
Make = type[BatchedMujoco]


def reference(make: Make, max_episode_steps: int = 1000) -> SyncVectorEnv:
    def make_one() -> gymnasium.Env:
        return gymnasium.make(make.env_id, max_episode_steps=max_episode_steps)

    return SyncVectorEnv([make_one] * NUM_ENVS, autoreset_mode=AutoresetMode.SAME_STEP)


def actions(env: BatchedMujoco, steps: int, seed: int = 0) -> np.ndarray:
    """Some of them beyond the bounds. Shape (steps, num_envs, num_motors)."""
    shape = (steps, *(env.action_space.shape or ()))
    return np.random.default_rng(seed).uniform(-1.2, 1.2, shape).astype(np.float32)


def assert_step_equal(ours: tuple, theirs: tuple) -> np.ndarray:
    """Compares what two calls of `step` returned; returns which episodes ended."""
    for our_value, their_value in zip(ours[:4], theirs[:4], strict=True):
        np.testing.assert_array_equal(our_value, their_value)
    ended = ours[2] | ours[3]
    if not ended.all():  # else Gymnasium's are those of the resets
        assert_infos_equal(ours[4], theirs[4], ~ended)
    assert ("final_obs" in ours[4]) == ended.any()
    if ended.any():
        np.testing.assert_array_equal(ours[4]["_final_obs"], ended)
        np.testing.assert_array_equal(ours[4]["final_obs"][ended], np.stack(theirs[4]["final_obs"][ended]))
        assert_infos_equal(ours[4], theirs[4]["final_info"], ended)
    return ended


def assert_infos_equal(ours: dict, theirs: dict, where: np.ndarray | slice = slice(None)) -> None:
    names = {name for name in theirs if not name.startswith(("_", "final"))}
    assert names == {name for name in ours if not name.startswith(("_", "final"))}
    for name in names:
        np.testing.assert_array_equal(ours[name][where], theirs[name][where], err_msg=name)


@ENVS
def test_spaces_are_gymnasiums(make: Make) -> None:
    env, theirs = make(NUM_ENVS), reference(make)
    assert env.single_observation_space == theirs.single_observation_space
    assert env.single_action_space == theirs.single_action_space
    assert env.observation_space == theirs.observation_space
    assert env.action_space == theirs.action_space
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP


@pytest.mark.parametrize("max_episode_steps", [1000, 20])
@ENVS
def test_rollouts_equal_gymnasiums_through_falls_time_limits_and_resets(
    make: Make, max_episode_steps: int
) -> None:
    env, theirs = make(NUM_ENVS, max_episode_steps=max_episode_steps), reference(make, max_episode_steps)
    obs, infos = env.reset(seed=7)
    their_obs, their_infos = theirs.reset(seed=7)
    np.testing.assert_array_equal(obs, their_obs)
    assert_infos_equal(infos, their_infos)
    fell = np.zeros(NUM_ENVS, dtype=int)
    timed_out = np.zeros(NUM_ENVS, dtype=int)
    for action in actions(env, 150):
        ours, reference_step = env.step(action), theirs.step(action)
        assert_step_equal(ours, reference_step)
        fell += ours[2]
        timed_out += ours[3]
    assert (timed_out > 0).any() == (max_episode_steps == 20)
    assert (fell > 0).any() == (make is not HalfCheetahV5)


@ENVS
def test_steps_equal_gymnasiums_from_equal_states_everywhere(make: Make) -> None:
    """Speeds that are cut off or end an episode, bodies in the ground and in the air, joints beyond their ends."""
    env, theirs = make(NUM_ENVS), reference(make)
    their_envs: list[Any] = [single.unwrapped for single in theirs.envs]
    rng = np.random.default_rng(3)
    low, high = (
        ((-0.5, -1.0, -2.0), (3.0, 0.5, 2.0))
        if make is HalfCheetahV5
        else ((-1.0, 0.6, -0.3), (3.0, 2.1, 0.3))
    )
    env.reset(seed=0)
    theirs.reset(seed=0)
    terminated, fastest = [], 0.0
    for round_number in range(30):
        qpos = env._qpos + rng.uniform(-0.5, 0.5, env._qpos.shape)
        qpos[:, :3] = rng.uniform(low, high, (NUM_ENVS, 3))
        qvel = rng.normal(size=env._qvel.shape) * rng.choice([1.0, 10.0, 60.0], (NUM_ENVS, 1))
        env._qpos[:], env._qvel[:] = qpos, qvel
        env._batch.forward()
        for single, position, velocity in zip(their_envs, qpos, qvel, strict=True):
            single.set_state(position, velocity)
        action = actions(env, 1, seed=round_number)[0]
        env._batch.bind("qacc_warmstart")[:] = [single.data.qacc_warmstart for single in their_envs]
        ours = env.step(action)
        assert_step_equal(ours, theirs.step(action))
        terminated += ours[2].tolist()
        fastest = max(fastest, np.abs(ours[0][:, -env.model.nv :]).max())
    if make is HalfCheetahV5:
        assert not any(terminated)
        assert fastest > 10.0
    else:
        assert 0 < sum(terminated) < len(terminated)
        assert fastest == 10.0


@pytest.mark.parametrize("make", [HopperV5, Walker2dV5], ids=lambda make: make.env_id)
def test_an_episode_ends_at_the_values_where_gymnasiums_does(make: type[HopperV5 | Walker2dV5]) -> None:
    """Every coordinate and velocity in turn on, just below and just above every number that limits one."""
    single: Any = gymnasium.make(make.env_id).unwrapped
    limits = np.array([0.2, 0.7, 0.8, 1.0, 2.0, 100.0])
    values = np.concatenate([np.nextafter(limits, 0.0), limits, np.nextafter(limits, np.inf)])
    values = np.concatenate([values, -values])
    upright = np.concatenate([single.model.qpos0, np.zeros(single.model.nv)])
    states = np.tile(upright, (len(upright), len(values), 1))
    for index, rows in enumerate(states):
        rows[:, index] = values
    states = states.reshape(-1, len(upright))
    env = make(len(states))
    env._qpos[:], env._qvel[:] = np.split(states, [env.model.nq], axis=1)
    healthy = []
    for state in states:
        single.data.qpos[:], single.data.qvel[:] = np.split(state, [env.model.nq])
        healthy.append(single.is_healthy)
    np.testing.assert_array_equal(env._healthy(), healthy)
    assert 0 < sum(healthy) < len(healthy)


@ENVS
def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads(make: Make) -> None:
    def run(seed: int, threads: int) -> np.ndarray:
        env = make(NUM_ENVS, num_threads=threads)
        rows = [env.reset(seed=seed)[0]]
        rows += [env.step(action)[0] for action in actions(env, 60)]
        return np.stack(rows)

    np.testing.assert_array_equal(run(5, 1), run(5, 2))
    assert (run(5, 1) != run(6, 1)).any()


@ENVS
def test_goes_on_from_a_saved_state_to_the_same_bits(make: Make) -> None:
    env, other = make(NUM_ENVS, max_episode_steps=30), make(NUM_ENVS, max_episode_steps=30)
    env.reset(seed=1)
    for action in actions(env, 25):
        env.step(action)
    other.load_state_dict(env.state_dict())
    for action in actions(env, 40, seed=1):
        for ours, theirs in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)


@ENVS
def test_what_a_step_returned_does_not_change_afterwards(make: Make) -> None:
    env = make(2)
    env.reset(seed=0)
    first = env.step(actions(env, 1)[0])
    kept = [value.copy() for value in (*first[:4], *first[4].values())]
    for action in actions(env, 30, seed=1):
        env.step(action)
    for value, before in zip((*first[:4], *first[4].values()), kept, strict=True):
        np.testing.assert_array_equal(value, before)


@ENVS
def test_actions_are_clipped_where_that_is_asked_for(make: Make) -> None:
    env, clipping = make(NUM_ENVS), make(NUM_ENVS, clip_actions=True)
    env.reset(seed=0)
    clipping.reset(seed=0)
    (wild,) = actions(env, 1)
    bounded = np.clip(wild, -1.0, 1.0)
    for ours, theirs in zip(clipping.step(wild)[:4], env.step(bounded)[:4], strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_input_that_means_nothing_is_refused() -> None:
    with pytest.raises(TaskError, match="Hopper-v5 needs num_envs >= 1"):
        HopperV5(0)
    env = HopperV5(2, clip_actions=True)
    with pytest.raises(TaskError, match="before reset"):
        env.step(np.zeros((2, 3)))
    env.reset(seed=0)
    with pytest.raises(TaskError, match=r"shape \(2, 3\); got shape \(3,\)"):
        env.step(np.zeros(3))
    with pytest.raises(TaskError, match="6 values that are not finite"):
        env.step(np.full((2, 3), np.nan))

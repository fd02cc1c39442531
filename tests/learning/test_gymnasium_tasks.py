"""Gymnasium's own vector environment is the reference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv

from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.learning import PPOConfig, TrainConfig, train
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.gymnasium_tasks import GymnasiumEnv, make_gymnasium
from gaitway.tasks import BatchedMujoco

NUM_ENVS = 3
HOPPER = TrainConfig(
    task="gymnasium:Hopper-v5", num_envs=4, env_steps=4 * 16 * 6, checkpoint_every=2, torch_threads=1,
    settings=PPOConfig(hidden=(16,), rollout_steps=16),
)  # fmt: skip


class _Opaque(gymnasium.Env):
    """An environment with something inside that nobody can write down."""

    observation_space = spaces.Dict(
        {"where": spaces.Box(-1.0, 1.0, (2, 2), np.float32), "mode": spaces.Discrete(3)}
    )
    action_space = spaces.Box(-2.0, 2.0, (1, 2), np.float32)

    def __init__(self) -> None:
        self.engine = iter(range(10**9))

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        return {"where": np.zeros((2, 2), np.float32), "mode": 2}, {}

    def step(self, action):
        assert action.shape == (1, 2)
        where = np.full((2, 2), float(action.max()), np.float32)
        return {"where": where, "mode": next(self.engine) % 3}, 1.0, False, False, {}


@pytest.fixture(autouse=True, scope="module")
def opaque():
    gymnasium.register("GaitwayTests/Opaque-v0", entry_point=_Opaque, max_episode_steps=5)  # pyright: ignore[reportArgumentType]
    yield
    del gymnasium.registry["GaitwayTests/Opaque-v0"]


def actions(env: VectorEnv, steps: int) -> list[np.ndarray]:
    env.action_space.seed(3)
    return [np.asarray(env.action_space.sample()) for _ in range(steps)]


@pytest.mark.parametrize("env_id", ["Hopper-v5", "CartPole-v1", "Pendulum-v1"])
def test_rollouts_are_gymnasiums_through_ends_and_resets(env_id: str) -> None:
    env = GymnasiumEnv(env_id, NUM_ENVS)
    make = [lambda: gymnasium.make(env_id)] * NUM_ENVS
    theirs = SyncVectorEnv(make, autoreset_mode=AutoresetMode.SAME_STEP)
    obs, _ = env.reset(seed=5)
    np.testing.assert_array_equal(obs, theirs.reset(seed=5)[0].astype(np.float32))
    ended = 0
    for action in actions(env, 220):
        obs, reward, terminated, truncated, infos = env.step(action)
        their_obs, their_reward, their_terminated, their_truncated, their_infos = theirs.step(action)
        np.testing.assert_array_equal(obs, their_obs.astype(np.float32))
        np.testing.assert_array_equal(reward, their_reward.astype(np.float32))
        np.testing.assert_array_equal(terminated, their_terminated)
        np.testing.assert_array_equal(truncated, their_truncated)
        assert ("final_obs" in infos) == bool((terminated | truncated).any())
        if "final_obs" in infos:
            where = infos["_final_obs"]
            np.testing.assert_array_equal(where, their_infos["_final_obs"])
            last = np.stack(their_infos["final_obs"][where]).astype(np.float32)
            np.testing.assert_array_equal(infos["final_obs"][where], last)
            assert infos["final_obs"].dtype == np.float32
            ended += where.sum()
    assert ended >= NUM_ENVS


@pytest.mark.parametrize(
    "env_id",
    ["Hopper-v5", "Ant-v5", "Reacher-v5", "CartPole-v1", "Pendulum-v1", "FrozenLake-v1", "Humanoid-v5"],
)
def test_goes_on_from_a_saved_state_to_the_same_bits(env_id: str) -> None:
    """Through time limits and falls, so that random generators and step counts count too."""
    env, other = (make_gymnasium(f"gymnasium:{env_id}", NUM_ENVS) for _ in range(2))
    assert isinstance(env, (GymnasiumEnv, BatchedMujoco))
    env.reset(seed=1)
    other.reset(seed=2)
    drawn = actions(env, 150)
    for action in drawn[:47]:
        env.step(action)
    other.load_state_dict(env.state_dict())  # type: ignore[attr-defined]
    for action in drawn[47:]:
        for ours, theirs in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_actions_are_clipped_to_their_bounds() -> None:
    for env_id in ("Reacher-v5", "Humanoid-v5"):
        env, other = (make_gymnasium(f"gymnasium:{env_id}", 1) for _ in range(2))
        space = env.single_action_space
        assert isinstance(space, spaces.Box)
        env.reset(seed=0)
        other.reset(seed=0)
        for wild, bounded in ((9.0, space.high), (-9.0, space.low)):
            ours = env.step(np.full((1, *space.shape), wild, np.float32))
            theirs = other.step(bounded[None])
            np.testing.assert_array_equal(ours[0], theirs[0])
            np.testing.assert_array_equal(ours[1], theirs[1])


@pytest.mark.parametrize("num_envs", [1, 3])
@pytest.mark.parametrize("env_id", ["Hopper-v5", "HalfCheetah-v5", "Walker2d-v5"])
def test_a_batched_environment_does_as_those_it_stands_for(env_id: str, num_envs: int) -> None:
    """With wild actions too, which both clip, and through falls."""
    env, singles = (
        make_gymnasium(f"gymnasium:{env_id}", num_envs, num_threads=2),
        GymnasiumEnv(env_id, num_envs),
    )
    assert isinstance(env, BatchedMujoco)
    np.testing.assert_array_equal(env.reset(seed=4)[0].astype(np.float32), singles.reset(seed=4)[0])
    for action in actions(singles, 60):
        for ours, theirs in zip(env.step(2.0 * action)[:4], singles.step(2.0 * action)[:4], strict=True):
            np.testing.assert_array_equal(ours.astype(theirs.dtype), theirs)


def test_structured_observations_become_one_flat_row() -> None:
    env = GymnasiumEnv("GaitwayTests/Opaque-v0", 2)
    obs, _ = env.reset(seed=0)
    assert obs.dtype == np.float32
    assert obs.shape == (2, 7)
    assert sorted(obs[0].tolist()) == [0.0] * 6 + [1.0]
    assert env.single_action_space.shape == (2,)
    obs, *_ = env.step(np.full((2, 2), 5.0))
    assert obs.max() == 2.0, "clipped to its bound"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("gymnasium:Hoper-v5", "unknown Gymnasium environment 'Hoper-v5'; did you mean 'Hopper-v5'"),
        ("gymnasium:Hopper-v77", "unknown Gymnasium environment 'Hopper-v77'; did you mean 'Hopper-v5'"),
        ("gymnasium:no_such_module:Walker-v0", "Gymnasium cannot make 'no_such_module:Walker-v0'"),
        ("gymnasium:", "Gymnasium cannot make '': Malformed environment ID"),
    ],
)
def test_an_id_that_does_not_exist_is_refused_with_near_ones(name: str, message: str, tmp_path: Path) -> None:
    with pytest.raises((UnknownNameError, GaitwayError), match=message):
        train(replace(HOPPER, task=name), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_ppo_says_that_it_needs_continuous_actions(tmp_path: Path) -> None:
    with pytest.raises(
        GaitwayError, match=r"ppo needs continuous .*:CartPole-v1 are discrete; algorithms for it: dqn"
    ):
        train(replace(HOPPER, task="gymnasium:CartPole-v1"), tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("task", ["gymnasium:Hopper-v5", "gymnasium:Humanoid-v5", "gymnasium:Reacher-v5"])
def test_a_resumed_training_ends_in_the_bits_of_one_never_stopped(task: str, tmp_path: Path) -> None:
    config = replace(HOPPER, task=task)
    train(config, tmp_path / "whole")
    train(replace(config, env_steps=config.env_steps // 2), tmp_path / "parts")
    result = train(config, tmp_path / "parts", resume=True)
    assert "survival" not in {name for row in result.curve for name in row}, "a time limit is no success here"
    ours, theirs = (load_checkpoint(tmp_path / name).tensors for name in ("whole", "parts"))
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_what_cannot_be_saved_begins_anew_and_that_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    config = replace(HOPPER, task="gymnasium:GaitwayTests/Opaque-v0")
    train(config, tmp_path / "run")
    result = train(replace(config, env_steps=2 * config.env_steps), tmp_path / "run", resume=True)
    assert result.env_steps == 2 * config.env_steps
    said = capsys.readouterr().err
    assert "begins new episodes: _Opaque.engine is a range_iterator" in said
    assert result.curve[-1]["length"] == 5.0

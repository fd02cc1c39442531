"""What holds for every algorithm that learns continuous actions from a replay buffer."""

from __future__ import annotations

from typing import Any

import gymnasium
import numpy as np
import onnxruntime
import pytest
import safetensors.torch
import torch
from gymnasium.vector import AutoresetMode
from point_env import REACH, PointEnv
from replays import refill

from gaitway.errors import GaitwayError
from gaitway.learning.ddpg import DDPG, DDPGConfig
from gaitway.learning.fast_sac import FastSAC, FastSACConfig
from gaitway.learning.off_policy import OffPolicy
from gaitway.learning.sac import SAC, SACConfig
from gaitway.learning.td3 import TD3, TD3Config
from gaitway.robots import h23
from gaitway.tasks import VectorEnv, get_task

SETTINGS: dict[type[OffPolicy], dict[str, Any]] = {
    SAC: {"hidden": (32, 32), "target_rate": 0.02},
    FastSAC: {"hidden": (32, 32), "critic_hidden": (32, 32), "return_bound": 5.0, "actor_every": 1},
    TD3: {"hidden": (32, 32), "target_rate": 0.02},
    DDPG: {"hidden": (32, 32), "target_rate": 0.02},
}
everyone = pytest.mark.parametrize("kind", SETTINGS)


def make(kind: type[OffPolicy], env: Any = None, seed: int = 3, **settings: Any) -> OffPolicy:
    torch.set_num_threads(1)
    small = {"warmup_steps": 40, "rollout_steps": 10, "batch_size": 32, "updates_per_step": 0.25}
    config = kind.settings_type(**{**small, **SETTINGS[kind], **settings})
    return kind(config, PointEnv(8) if env is None else env, seed)


@torch.no_grad()
def mean_return(policy: torch.nn.Module) -> float:
    env = PointEnv(256)
    obs, total = env.reset(seed=99)[0], 0.0
    for _ in range(20):
        obs, reward, *_ = env.step(policy(torch.from_numpy(obs)).numpy())
        total += float(reward.mean())
    return total


@everyone
def test_learns_to_go_to_the_origin(kind: type[OffPolicy]) -> None:
    algorithm = make(
        kind, warmup_steps=400, rollout_steps=400, batch_size=128, learning_rate=2e-3, discount=0.9,
    )  # fmt: skip
    assert mean_return(algorithm.policy.deployed()) < -3.0
    algorithm.iterate()
    assert mean_return(algorithm.policy.deployed()) > -0.6


@everyone
def test_goes_on_from_a_saved_state_to_the_same_bits(kind: type[OffPolicy]) -> None:
    """Through the file format of checkpoints, with a ring that is written over, from the middle of episodes."""
    algorithm, other = (make(kind, seed=seed, buffer_size=200, n_steps=2) for seed in (3, 4))
    for _ in range(3):
        algorithm.iterate()
    tensors, values = algorithm.state_dict()
    refill(other.replay, algorithm.replay)
    other.load_state_dict(safetensors.torch.load(safetensors.torch.save(tensors)), values)
    for _ in range(3):
        assert algorithm.iterate() == other.iterate()
    tensors, _ = algorithm.state_dict()
    others, _ = other.state_dict()
    assert tensors.keys() == others.keys()
    for name, tensor in tensors.items():
        assert torch.equal(tensor, others[name]), name


@everyone
def test_training_leaves_the_global_random_state_alone(kind: type[OffPolicy]) -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    make(kind).iterate()
    assert torch.equal(torch.rand(3), expected)


@everyone
def test_the_deployed_policy_runs_in_onnx_and_keeps_to_the_bounds(
    kind: type[OffPolicy], tmp_path: Any
) -> None:
    algorithm = make(kind, action_bound=0.3)
    algorithm.iterate()
    policy, obs = algorithm.policy.deployed(), torch.randn(64, 2, generator=torch.Generator().manual_seed(0))
    batch = ({0: torch.export.Dim("batch")},)
    torch.onnx.export(
        policy, (obs[:2],), tmp_path / "policy.onnx", input_names=["obs"], dynamic_shapes=batch,
        dynamo=True, verbose=False,
    )  # fmt: skip
    session = onnxruntime.InferenceSession(tmp_path / "policy.onnx")
    (action,) = session.run(None, {"obs": obs.numpy()})
    np.testing.assert_allclose(action, policy(obs).detach().numpy(), atol=1e-6)  # type: ignore[arg-type]
    assert policy(1e3 * obs).abs().max() <= 0.3


def test_the_buffer_holds_what_happened_up_to_the_ends_of_episodes() -> None:
    """Each transition follows the law of the environment, whether or not the next episode began in its step."""
    algorithm = make(SAC, PointEnv(8, episode_steps=4), warmup_steps=10**6)
    for _ in range(3):
        algorithm.iterate()
    replay, held = algorithm.replay, algorithm.replay.written
    obs, action, next_obs = (array[:held] for array in (replay.obs, replay.action, replay.next_obs))
    torch.testing.assert_close(next_obs, obs + REACH * action)
    torch.testing.assert_close(replay.reward[:held], -next_obs.square().sum(-1))
    lost = next_obs.square().sum(-1) > 1.5**2
    assert lost.any()
    assert torch.equal(replay.terminated[:held], lost)
    assert (replay.ended[:held] & ~lost).any()
    goes_on = ~replay.ended[: held - 1]
    assert torch.equal(obs[1:][goes_on], next_obs[:-1][goes_on])


def test_gradient_steps_keep_their_ratio_to_environment_steps() -> None:
    algorithm = make(TD3, updates_per_step=0.3)
    for iteration in range(1, 4):
        algorithm.iterate()
        assert algorithm.updates == int((80 * iteration - 40) * 0.3)


def test_critics_see_what_only_a_simulation_knows() -> None:
    env = VectorEnv(get_task("walk"), h23(), 4, seed=0)
    algorithm = make(SAC, env, action_bound=1.0, warmup_steps=8, rollout_steps=4)
    algorithm.iterate()
    obs_size = env.single_observation_space.shape[0]  # type: ignore[index]
    assert env.privileged_size > 0
    assert algorithm.replay.obs.shape[-1] == obs_size + env.privileged_size
    assert algorithm.policy.deployed()(torch.zeros(2, obs_size)).shape == (2, 23)


def test_takes_gymnasiums_own_vector_environments() -> None:
    env = gymnasium.make_vec(
        "Pendulum-v1", 2, vectorization_mode="sync",
        vector_kwargs={"autoreset_mode": AutoresetMode.SAME_STEP},
    )  # fmt: skip
    algorithm = make(DDPG, env, rollout_steps=201, warmup_steps=10**6)
    assert algorithm.iterate()["length"] == 200.0
    angles = algorithm.replay.next_obs[199, :, :2]
    torch.testing.assert_close(angles.square().sum(-1), torch.ones(2))
    assert not torch.equal(algorithm.replay.next_obs[199], algorithm.replay.obs[200])


@pytest.mark.parametrize(
    ("config", "setting"),
    [
        (SACConfig, {"learning_rate": -1e-3}),
        (SACConfig, {"batch_size": 0}),
        (SACConfig, {"updates_per_step": 0.0}),
        (SACConfig, {"warmup_steps": -1}),
        (SACConfig, {"discount": 1.1}),
        (SACConfig, {"target_rate": 0.0}),
        (SACConfig, {"n_steps": 0}),
        (SACConfig, {"hidden": ()}),
        (SACConfig, {"action_bound": -1.0}),
        (SACConfig, {"init_temperature": float("nan")}),
        (DDPGConfig, {"exploration_std": -0.1}),
        (TD3Config, {"actor_every": 0}),
        (TD3Config, {"target_noise_clip": -0.5}),
        (FastSACConfig, {"atoms": 1}),
        (FastSACConfig, {"return_bound": 0.0}),
        (FastSACConfig, {"critic_hidden": (0,)}),
        (FastSACConfig, {"weight_decay": -1.0}),
    ],
)
def test_bad_settings_are_refused_by_name(config: type, setting: dict[str, Any]) -> None:
    with pytest.raises(GaitwayError, match=next(iter(setting))):
        config(**setting)


def test_environments_without_bounded_continuous_actions_are_refused() -> None:
    with pytest.raises(GaitwayError, match="continuous.*Discrete"):
        make(SAC, gymnasium.make_vec("CartPole-v1", 2, vectorization_mode="sync"))
    with pytest.raises(GaitwayError, match="action_bound"):
        make(SAC, PointEnv(2, bound=np.inf))
    make(SAC, PointEnv(2, bound=np.inf), action_bound=0.4)

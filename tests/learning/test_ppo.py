from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from point_env import PointEnv

from gaitway.errors import GaitwayError
from gaitway.learning.gaussian import log_density, mean_kl_divergence
from gaitway.learning.normalizer import Normalizer
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.recurrent_ppo import RecurrentPPO, RecurrentPPOConfig
from gaitway.learning.rollout import generalized_advantage
from gaitway.robots import h23
from gaitway.tasks import VectorEnv, get_task


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 1000), discount=st.floats(0.5, 1.0), gae_lambda=st.floats(0.0, 1.0))
def test_advantage_is_the_direct_sum(seed: int, discount: float, gae_lambda: float) -> None:
    """A_t = sum_l (gamma lambda)^l delta_{t+l} up to the episode's end, each term written out."""
    generator = torch.Generator().manual_seed(seed)
    steps, num_envs = 9, 3
    reward, value = (torch.randn(steps, num_envs, generator=generator, dtype=torch.float64) for _ in range(2))
    ended = (torch.rand(steps, num_envs, generator=generator) < 0.25).double()
    last_value = torch.randn(num_envs, generator=generator, dtype=torch.float64)
    advantage = generalized_advantage(reward, value, ended, last_value, discount, gae_lambda)
    values = torch.cat([value, last_value[None]])
    for env in range(num_envs):
        for t in range(steps):
            total, factor = 0.0, 1.0
            for k in range(t, steps):
                goes_on = 1.0 - float(ended[k, env])
                delta = reward[k, env] + discount * goes_on * values[k + 1, env] - values[k, env]
                total += factor * float(delta)
                if not goes_on:
                    break
                factor *= discount * gae_lambda
            assert abs(float(advantage[t, env]) - total) < 1e-9


def test_densities_and_divergence_are_torchs_own() -> None:
    torch.manual_seed(0)
    mean, other_mean, action = (torch.randn(5, 4) for _ in range(3))
    std, other_std = torch.rand(4) + 0.2, torch.rand(4) + 0.2
    p, q = torch.distributions.Normal(mean, std), torch.distributions.Normal(other_mean, other_std)
    constant = 4 * 0.5 * np.log(2 * np.pi)
    torch.testing.assert_close(log_density(mean, std, action) - constant, p.log_prob(action).sum(-1))
    expected = torch.distributions.kl_divergence(p, q).sum(-1).mean()
    torch.testing.assert_close(mean_kl_divergence(mean, std, other_mean, other_std), expected)


def test_the_normalizer_has_the_mean_and_variance_of_all_it_saw() -> None:
    rng = np.random.default_rng(0)
    batches = [rng.normal(3.0, 2.0, (size, 6)).astype(np.float32) for size in (1, 50, 7, 200)]
    normalizer = Normalizer(6)
    for batch in batches:
        normalizer.update(torch.from_numpy(batch))
    everything = np.concatenate(batches)
    np.testing.assert_allclose(normalizer.mean, everything.mean(0), atol=1e-3)
    np.testing.assert_allclose(normalizer.var, everything.var(0), rtol=2e-3)
    normalized = normalizer(torch.from_numpy(everything)).numpy()
    np.testing.assert_allclose(normalized.std(0), 1.0, atol=1e-2)


def _algorithm(seed: int = 3) -> PPO:
    torch.set_num_threads(1)
    env = VectorEnv(get_task("stand"), h23(), 16, seed=seed)
    return PPO(PPOConfig(hidden=(32,), rollout_steps=8, decay_steps=1000), env, seed)


@pytest.mark.parametrize("config_type", [PPOConfig, RecurrentPPOConfig])
def test_settings_that_mean_nothing_are_refused(config_type: type[PPOConfig]) -> None:
    for width in (0, -2):
        with pytest.raises(GaitwayError, match=rf"hidden must be widths of at least 1; got \(8, {width}\)"):
            config_type(hidden=(8, width))
    with pytest.raises(GaitwayError, match="an iteration needs at least 2 samples"):
        PPO(PPOConfig(hidden=(8,), rollout_steps=1), PointEnv(1), 0)


def test_steps_shrink_to_a_tenth_and_stay_there() -> None:
    env = VectorEnv(get_task("stand"), h23(), 4, seed=0)
    config = PPOConfig(hidden=(8,), rollout_steps=10, target_kl=None, learning_rate=1e-3, decay_steps=80)
    algorithm = PPO(config, env, seed=0)
    learning_rates = [algorithm.iterate()["learning_rate"] for _ in range(4)]
    np.testing.assert_allclose(learning_rates, [1e-3, 0.55e-3, 1e-4, 1e-4])


def test_the_divergence_that_is_steered_to_shrinks_likewise() -> None:
    algorithm = _algorithm()
    kl = [algorithm.iterate()["kl"] for _ in range(40)]
    assert np.mean(kl[-10:]) < 0.5 * np.mean(kl[2:6])


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    algorithm, other = _algorithm(), _algorithm(seed=4)
    for _ in range(3):
        algorithm.iterate()
    tensors, values = algorithm.state_dict()
    other.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, values)
    for _ in range(2):
        assert algorithm.iterate() == other.iterate()
    for name, tensor in algorithm.policy.state_dict().items():
        assert torch.equal(tensor, other.policy.state_dict()[name]), name


def test_training_leaves_the_global_random_state_alone() -> None:
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    _algorithm().iterate()
    assert torch.equal(torch.rand(3), expected)


def test_a_truncated_episode_is_valued_beyond_its_end() -> None:
    """With one-step episodes that all run out of time, the advantage holds the value of the end."""
    import dataclasses

    task = dataclasses.replace(get_task("stand"), episode_s=0.02, pushes=None)
    torch.set_num_threads(1)
    env = VectorEnv(task, h23(), 8, seed=0)
    algorithm = PPO(PPOConfig(hidden=(32,), rollout_steps=1), env, 0)
    with torch.no_grad():
        algorithm.policy.critic[-1].bias += 50.0  # type: ignore[union-attr]
    _, final_obs = algorithm._collect()
    critic_obs = algorithm.policy.normalizer(algorithm.rollout.critic_obs)
    assert (algorithm.rollout.ended == 1.0).all()
    value, advantage = algorithm._targets(critic_obs, final_obs)
    assert (value + advantage > 0.9 * 0.99 * 45.0).all()


class _OneStep(PointEnv):
    """Episodes of one step, after which time is up; every other point is lost by then too."""

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        obs, reward, terminated, truncated, infos = super().step(actions)
        terminated[::2] = True
        truncated[:] = True
        return obs, reward, terminated, truncated, infos


@pytest.mark.parametrize("algorithm_type", [PPO, RecurrentPPO])
def test_a_fall_at_the_time_limit_is_a_fall(algorithm_type: type[PPO] | type[RecurrentPPO]) -> None:
    config = algorithm_type.settings_type(hidden=(8,), rollout_steps=4)
    algorithm = algorithm_type(config, _OneStep(6, episode_steps=1), 0)
    with torch.no_grad():
        algorithm.policy.critic[-1].bias += 50.0  # type: ignore[union-attr]
    _, final_obs = algorithm._collect()
    critic_obs = algorithm.policy.normalizer(algorithm.rollout.critic_obs)
    value, advantage = algorithm._targets(critic_obs, final_obs)
    target = value + advantage
    assert (target[:, ::2] < 1.0).all()
    assert (target[:, 1::2] > 0.9 * 0.99 * 45.0).all()

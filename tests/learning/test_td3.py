from __future__ import annotations

import copy
from typing import Any

import torch
from point_env import PointEnv

from gaitway.learning.ddpg import DDPG, DDPGConfig
from gaitway.learning.replay import Transitions
from gaitway.learning.td3 import TD3, TD3Config


def _td3(**settings: Any) -> TD3:
    torch.set_num_threads(1)
    return TD3(TD3Config(hidden=(16, 16), **settings), PointEnv(4), 0)


def _batch(seed: int = 0, size: int = 64) -> Transitions:
    draw = torch.Generator().manual_seed(seed)
    return Transitions(
        obs=torch.randn(size, 2, generator=draw),
        action=torch.rand(size, 2, generator=draw) * 2.0 - 1.0,
        reward=torch.randn(size, generator=draw),
        next_obs=torch.randn(size, 2, generator=draw),
        discount=0.99 * (torch.rand(size, generator=draw) < 0.8),
        index=torch.zeros(size, 2, dtype=torch.int64),
    )


def _parameters(network: torch.nn.Module) -> list[torch.Tensor]:
    return [parameter.detach().clone() for parameter in network.parameters()]


def _same(left: list[torch.Tensor], right: list[torch.Tensor]) -> bool:
    return all(torch.equal(a, b) for a, b in zip(left, right, strict=True))


def test_actor_and_targets_move_with_every_second_update_of_the_critics() -> None:
    algorithm = _td3(actor_every=2)
    policy = algorithm.policy
    slow = (policy.actor, policy.target_actor, policy.target_critics)
    for update in range(6):
        before, critics = [_parameters(network) for network in slow], _parameters(policy.critics)
        algorithm._update(_batch(update))
        algorithm.updates += 1
        assert not _same(critics, _parameters(policy.critics))
        for network, old in zip(slow, before, strict=True):
            assert _same(old, _parameters(network)) == (update % 2 == 0)


def test_targets_go_their_share_of_the_way() -> None:
    algorithm = _td3(actor_every=1, target_rate=0.25, learning_rate=1e-2)
    policy = algorithm.policy
    for target, network in ((policy.target_actor, policy.actor), (policy.target_critics, policy.critics)):
        torch.testing.assert_close(_parameters(target), _parameters(network))
    before = [_parameters(policy.target_actor), _parameters(policy.target_critics)]
    algorithm._update(_batch())
    for old, target, network in zip(
        before, (policy.target_actor, policy.target_critics), (policy.actor, policy.critics), strict=True
    ):
        by_hand = [0.75 * a + 0.25 * b for a, b in zip(old, _parameters(network), strict=True)]
        torch.testing.assert_close(_parameters(target), by_hand)


def test_targets_are_smoothed_by_clipped_noise_within_the_bounds() -> None:
    algorithm = _td3(target_std=0.2, target_noise_clip=0.3)
    obs = torch.zeros(20_000, 2)
    mean = algorithm.policy.target_actor(obs)
    noise = (algorithm._target_action(obs) - mean).flatten().detach()
    assert noise.abs().max() <= 0.3 + 1e-6
    draws = (0.2 * torch.randn(10**6, generator=torch.Generator().manual_seed(1))).clamp(-0.3, 0.3)
    assert abs(float(noise.mean())) < 4.0 * float(draws.std()) / len(noise) ** 0.5
    assert abs(float(noise.std() / draws.std()) - 1.0) < 0.02
    with torch.no_grad():
        algorithm.policy.target_actor[-2].bias += 10.0  # type: ignore[operator]
    assert algorithm._target_action(obs).max() <= 1.0


def test_critics_learn_from_the_smaller_of_two_target_values() -> None:
    algorithm, batch = _td3(target_std=0.0), _batch()
    policy = algorithm.policy
    for parameter in policy.target_critics.parameters():
        torch.nn.init.normal_(parameter, generator=torch.Generator().manual_seed(parameter.numel()))
    values = policy.target_critics(batch.next_obs, policy.target_actor(batch.next_obs))
    assert (values[0] < values[1]).any()
    assert (values[0] > values[1]).any()
    expected = batch.reward + batch.discount * torch.min(values[0], values[1])
    torch.testing.assert_close(algorithm._target(batch), expected)


def test_ddpg_is_td3_with_one_critic_and_without_delay_or_noise() -> None:
    torch.set_num_threads(1)
    ddpg = DDPG(DDPGConfig(hidden=(16, 16)), PointEnv(4), 0)
    td3 = _td3(actor_every=1, target_std=0.0)
    td3.policy = copy.deepcopy(ddpg.policy)
    td3.optimizers = td3._make_optimizers()
    for seed in range(3):
        ddpg._update(_batch(seed))
        td3._update(_batch(seed))
    assert len(ddpg.policy.critics.layers[0].bias) == 1  # type: ignore[arg-type]
    assert _same(_parameters(ddpg.policy), _parameters(td3.policy))

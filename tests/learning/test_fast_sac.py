from __future__ import annotations

from typing import Any, cast

import torch
from point_env import PointEnv

from gaitway.learning.critics import StackedLinear
from gaitway.learning.fast_sac import FastSAC, FastSACConfig
from gaitway.learning.replay import Transitions


def _fast_sac(**settings: Any) -> FastSAC:
    torch.set_num_threads(1)
    config = FastSACConfig(hidden=(16, 16), critic_hidden=(16, 16), warmup_steps=0, **settings)
    return FastSAC(config, PointEnv(64), 0)


def _batch(size: int = 64) -> Transitions:
    draw = torch.Generator().manual_seed(0)
    return Transitions(
        obs=torch.randn(size, 2, generator=draw),
        action=torch.rand(size, 2, generator=draw) * 2.0 - 1.0,
        reward=torch.randn(size, generator=draw),
        next_obs=torch.randn(size, 2, generator=draw),
        discount=0.97 * (torch.rand(size, generator=draw) < 0.8),
        index=torch.zeros(size, 2, dtype=torch.int64),
    )


def test_targets_have_the_mean_of_reward_and_soft_value() -> None:
    """Each critic learns from its own target: r + gamma (Q(s', a') - temperature log pi(a'))."""
    algorithm, batch = _fast_sac(init_temperature=0.5), _batch()
    policy = algorithm.policy
    with torch.no_grad():  # returns near 0, so that no target reaches beyond the atoms
        cast(StackedLinear, policy.target_critics.layers[-1]).bias.copy_(-policy.critics.atoms.square())
    before = algorithm.generator.get_state()
    target, excess = algorithm._target(batch, batch.next_obs)
    algorithm.generator.set_state(before)
    action, log_prob = policy.actor.sample(batch.next_obs, algorithm.generator)
    soft = policy.target_critics(batch.next_obs, action) - 0.5 * log_prob
    torch.testing.assert_close(target @ policy.critics.atoms, batch.reward + batch.discount * soft)
    torch.testing.assert_close(excess, log_prob.mean() - 2.0)


def test_the_temperature_rises_where_actions_are_too_certain_and_falls_where_they_are_not() -> None:
    for target_entropy, rises in ((5.0, True), (-20.0, False)):
        algorithm = _fast_sac(target_entropy=target_entropy)
        before = float(algorithm.policy.log_temperature.detach())
        algorithm._update(_batch())
        assert (float(algorithm.policy.log_temperature.detach()) > before) == rises


def test_the_actor_moves_with_every_fourth_update() -> None:
    algorithm = _fast_sac()
    for update in range(1, 9):
        before = [parameter.detach().clone() for parameter in algorithm.policy.actor.parameters()]
        algorithm._update(_batch())
        algorithm.updates += 1
        after = algorithm.policy.actor.parameters()
        moved = any(not torch.equal(a, b) for a, b in zip(before, after, strict=True))
        assert moved == (update % 4 == 0)


def test_observations_are_normalised_by_all_that_were_seen_and_so_is_the_deployed_policy() -> None:
    algorithm = _fast_sac(rollout_steps=30)
    algorithm.iterate()
    seen = algorithm.replay.obs[:30].flatten(0, 1)
    normalizer = algorithm.policy.normalizer
    torch.testing.assert_close(normalizer.mean, seen.mean(0), rtol=1e-3, atol=1e-3)
    torch.testing.assert_close(normalizer.var, seen.var(0), rtol=1e-2, atol=1e-3)
    mean, _ = algorithm.policy.actor(normalizer(seen))
    torch.testing.assert_close(algorithm.policy.deployed()(seen), 0.4 * mean.tanh())

"""Soft actor-critic (Haarnoja et al. 2018, "Soft Actor-Critic Algorithms and Applications").

Two critics with target networks, of which the smaller estimate counts, and a temperature that keeps the actions'
entropy at a target. Settings and order of the updates are those of Stable-Baselines3, so that results compare.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.actors import ActionScale, SquashedGaussian, relu_mlp
from gaitway.learning.algorithm import Policy
from gaitway.learning.critics import Critics
from gaitway.learning.off_policy import OffPolicy, OffPolicyConfig, descend
from gaitway.learning.replay import Transitions
from gaitway.learning.target import follow, target_of


@dataclass(frozen=True, kw_only=True)
class SACConfig(OffPolicyConfig):
    """Settings of SAC."""

    init_temperature: float = 1.0
    """Where the weight of the entropy starts."""
    target_entropy: float = -1.0
    """Entropy that the temperature is steered to, per joint, of actions scaled to [-1, 1] [nat]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.init_temperature > 0.0:
            raise GaitwayError(f"init_temperature must be above 0; got {self.init_temperature}")


class SACPolicy(Policy):
    """A squashed Gaussian actor, two critics with their targets, and the temperature."""

    def __init__(self, obs_size: int, critic_size: int, scale: ActionScale, config: SACConfig):
        super().__init__()
        action_size = len(scale.center)
        self.scale = scale
        self.actor = SquashedGaussian(relu_mlp([obs_size, *config.hidden, 2 * action_size]))
        self.critics = Critics(critic_size, action_size, config.hidden, count=2)
        self.target_critics = target_of(self.critics)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.init_temperature)))

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: the mean action."""
        return nn.Sequential(*self.actor.mean_layers(), self.scale).eval()


class SAC(OffPolicy[SACConfig, SACPolicy]):
    """Trains a squashed Gaussian actor towards high return and high entropy."""

    name = "sac"
    summary = "soft actor-critic, from a replay buffer: few samples, many gradient steps"
    settings_type = SACConfig

    def _make_policy(self) -> SACPolicy:
        return SACPolicy(self._obs_size, self._critic_size, self.scale, self.config)

    def _make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        policy, rate = self.policy, self.config.learning_rate
        actor_parameters = [*policy.actor.parameters(), policy.log_temperature]
        return {
            "actor": torch.optim.Adam(actor_parameters, lr=rate, fused=True),
            "critic": torch.optim.Adam(policy.critics.parameters(), lr=rate, fused=True),
        }

    def _explore(self, obs: torch.Tensor) -> torch.Tensor:
        return self.policy.actor.sample(obs, self.generator)[0]

    def _update(self, batch: Transitions) -> dict[str, torch.Tensor]:
        policy = self.policy
        temperature = policy.log_temperature.detach().exp()
        action, log_prob = policy.actor.sample(batch.obs[:, : self._obs_size], self.generator)
        target = self._target(batch, temperature)
        error = policy.critics(batch.obs, batch.action) - target
        critic_loss = 0.5 * error.square().mean(dim=1).sum()
        descend(self.optimizers["critic"], critic_loss)

        value = policy.critics(batch.obs, action).amin(dim=0)
        actor_loss = (temperature * log_prob - value).mean()
        excess = log_prob.detach().mean() + self.config.target_entropy * self._action_size
        descend(self.optimizers["actor"], actor_loss - policy.log_temperature * excess)
        follow(policy.target_critics, policy.critics, self.config.target_rate)
        return {
            "actor_loss": actor_loss.detach(),
            "critic_loss": critic_loss.detach(),
            "value": target.mean(),
            "temperature": temperature,
        }

    @torch.no_grad()
    def _target(self, batch: Transitions, temperature: torch.Tensor) -> torch.Tensor:
        """What the critics are to predict. Shape (n,)."""
        action, log_prob = self.policy.actor.sample(batch.next_obs[:, : self._obs_size], self.generator)
        value = self.policy.target_critics(batch.next_obs, action).amin(dim=0)
        return torch.addcmul(batch.reward, batch.discount, value - temperature * log_prob)

"""Deep deterministic policy gradient (Lillicrap et al. 2016), with Gaussian rather than correlated noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, TypeVar

import torch
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.actors import ActionScale, relu_mlp
from gaitway.learning.algorithm import Policy
from gaitway.learning.critics import Critics
from gaitway.learning.off_policy import OffPolicy, OffPolicyConfig, descend
from gaitway.learning.replay import Transitions
from gaitway.learning.target import follow, target_of


@dataclass(frozen=True, kw_only=True)
class DDPGConfig(OffPolicyConfig):
    """Settings of DDPG."""

    exploration_std: float = 0.1
    """Standard deviation of the noise on the actions that gather experience, of actions scaled to [-1, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.exploration_std >= 0.0:
            raise GaitwayError(f"exploration_std must not be negative; got {self.exploration_std}")


class DeterministicActorCritic(Policy):
    """A deterministic actor and critics, with their targets."""

    def __init__(
        self, obs_size: int, critic_size: int, scale: ActionScale, hidden: tuple[int, ...], critics: int
    ):
        super().__init__()
        action_size = len(scale.center)
        self.scale = scale
        self.actor = nn.Sequential(*relu_mlp([obs_size, *hidden, action_size]), nn.Tanh())
        self.critics = Critics(critic_size, action_size, hidden, count=critics)
        self.target_actor = target_of(self.actor)
        self.target_critics = target_of(self.critics)

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: the actor, in the environment's units."""
        return nn.Sequential(*self.actor, self.scale).eval()


Config = TypeVar("Config", bound=DDPGConfig)


class DDPG(OffPolicy[Config, DeterministicActorCritic]):
    """Trains a deterministic actor on what a critic makes of its actions."""

    name = "ddpg"
    summary = "deep deterministic policy gradient, from a replay buffer; td3 is its steadier successor"
    settings_type = DDPGConfig
    num_critics: ClassVar[int] = 1

    def _make_policy(self) -> DeterministicActorCritic:
        return DeterministicActorCritic(
            self._obs_size, self._critic_size, self.scale, self.config.hidden, self.num_critics
        )

    def _make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        rate = self.config.learning_rate
        return {
            "actor": torch.optim.Adam(self.policy.actor.parameters(), lr=rate, fused=True),
            "critic": torch.optim.Adam(self.policy.critics.parameters(), lr=rate, fused=True),
        }

    def _explore(self, obs: torch.Tensor) -> torch.Tensor:
        action = self.policy.actor(obs)
        noise = torch.randn(action.shape, generator=self.generator)
        return action.add_(noise, alpha=self.config.exploration_std).clamp_(-1.0, 1.0)

    def _update(self, batch: Transitions) -> dict[str, torch.Tensor]:
        return self._update_critics(batch) | self._update_actor(batch)

    def _update_critics(self, batch: Transitions) -> dict[str, torch.Tensor]:
        target = self._target(batch)
        error = self.policy.critics(batch.obs, batch.action) - target
        loss = error.square().mean(dim=1).sum()
        descend(self.optimizers["critic"], loss)
        return {"critic_loss": loss.detach(), "value": target.mean()}

    def _update_actor(self, batch: Transitions) -> dict[str, torch.Tensor]:
        """Step the actor along the first critic, and let the targets follow."""
        policy, rate = self.policy, self.config.target_rate
        action = policy.actor(batch.obs[:, : self._obs_size])
        loss = -policy.critics(batch.obs, action, first=1).mean()
        descend(self.optimizers["actor"], loss)
        follow(policy.target_actor, policy.actor, rate)
        follow(policy.target_critics, policy.critics, rate)
        return {"actor_loss": loss.detach()}

    @torch.no_grad()
    def _target(self, batch: Transitions) -> torch.Tensor:
        """What the critics are to predict. Shape (n,)."""
        action = self._target_action(batch.next_obs[:, : self._obs_size])
        value = self.policy.target_critics(batch.next_obs, action).amin(dim=0)
        return torch.addcmul(batch.reward, batch.discount, value)

    def _target_action(self, obs: torch.Tensor) -> torch.Tensor:
        """The action that the critics' targets suppose. Shape (n, action_size)."""
        return self.policy.target_actor(obs)

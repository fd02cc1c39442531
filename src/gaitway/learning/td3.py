"""Twin delayed deep deterministic policy gradient (Fujimoto, van Hoof and Meger 2018).

DDPG with two critics, of which the smaller estimate counts; with targets smoothed by noise on the action; and with an
actor that is updated less often than the critics.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from gaitway.errors import GaitwayError
from gaitway.learning.ddpg import DDPG, DDPGConfig
from gaitway.learning.replay import Transitions


@dataclass(frozen=True, kw_only=True)
class TD3Config(DDPGConfig):
    """Settings of TD3."""

    actor_every: int = 2
    """Gradient steps of the critics to one of the actor and of the target networks."""
    target_std: float = 0.2
    """Standard deviation of the noise on the targets' actions, of actions scaled to [-1, 1]."""
    target_noise_clip: float = 0.5
    """Largest noise on the targets' actions, of actions scaled to [-1, 1]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.actor_every < 1:
            raise GaitwayError(f"actor_every must be at least 1; got {self.actor_every}")
        for name in ("target_std", "target_noise_clip"):
            if not getattr(self, name) >= 0.0:
                raise GaitwayError(f"{name} must not be negative; got {getattr(self, name)}")


class TD3(DDPG[TD3Config]):
    """Trains a deterministic actor on the first of two critics."""

    name = "td3"
    summary = "twin delayed deterministic policy gradient, from a replay buffer"
    settings_type = TD3Config
    num_critics = 2

    def _update(self, batch: Transitions) -> dict[str, torch.Tensor]:
        report = self._update_critics(batch)
        if (self.updates + 1) % self.config.actor_every == 0:
            report |= self._update_actor(batch)
        return report

    def _target_action(self, obs: torch.Tensor) -> torch.Tensor:
        config, action = self.config, self.policy.target_actor(obs)
        noise = torch.randn(action.shape, generator=self.generator).mul_(config.target_std)
        return (action + noise.clamp_(-config.target_noise_clip, config.target_noise_clip)).clamp_(-1.0, 1.0)

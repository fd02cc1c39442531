"""SAC for many robots at once, after FastSAC and FastTD3 (Seo et al. 2025).

Large batches and few updates: every transition still counts some sixteen times. What keeps that steady are layer
normalisation, normalised observations, and critics that estimate the distribution of the return; each critic learns
from its own target, and the actor climbs their mean. Widths and batch are for a few CPU cores; on a GPU, double the
widths and take batches of 8192 from 4096 robots, with as many updates per step as keep the ratio.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.actors import ActionScale, SquashedGaussian
from gaitway.learning.algorithm import Policy
from gaitway.learning.critics import DistributionalCritics, project
from gaitway.learning.normalizer import Normalizer
from gaitway.learning.off_policy import OffPolicy, OffPolicyConfig, descend
from gaitway.learning.replay import Transitions
from gaitway.learning.target import follow, target_of


@dataclass(frozen=True, kw_only=True)
class FastSACConfig(OffPolicyConfig):
    """Settings of FastSAC."""

    hidden: tuple[int, ...] = (256, 128, 64)
    """Widths of the hidden layers of the actor."""
    critic_hidden: tuple[int, ...] = (384, 192, 96)
    """Widths of the hidden layers of each critic."""
    batch_size: int = 1024
    """Transitions in one gradient step."""
    updates_per_step: float = 1.0 / 64.0
    """Gradient steps per environment step, steps being counted over all robots together."""
    warmup_steps: int = 10_000
    """Environment steps of uniformly random actions, over all robots together, before learning begins."""
    rollout_steps: int = 24
    """Control steps of each robot in one iteration, after which curves have a point."""
    discount: float = 0.97
    """Discount per control step."""
    target_rate: float = 0.125
    """Share of the way that target networks move towards the trained ones in each gradient step."""
    actor_every: int = 4
    """Gradient steps of the critics to one of the actor."""
    weight_decay: float = 0.001
    """Share of each weight, times the learning rate, that a gradient step takes away."""
    atoms: int = 101
    """Returns that a distribution is made of."""
    return_bound: float = 20.0
    """They reach from minus this to this."""
    init_temperature: float = 0.001
    """Where the weight of the entropy starts."""
    target_entropy: float = -1.0
    """Entropy that the temperature is steered to, per joint, of actions scaled to [-1, 1] [nat]."""

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, least in (("actor_every", 1), ("atoms", 2)):
            if getattr(self, name) < least:
                raise GaitwayError(f"{name} must be at least {least}; got {getattr(self, name)}")
        for name in ("return_bound", "init_temperature"):
            if not getattr(self, name) > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")
        if not self.weight_decay >= 0.0:
            raise GaitwayError(f"weight_decay must not be negative; got {self.weight_decay}")
        if not self.critic_hidden or min(self.critic_hidden) < 1:
            raise GaitwayError(f"critic_hidden must be widths of at least 1; got {self.critic_hidden}")


class SoftlyBoundedGaussian(SquashedGaussian):
    """A squashed Gaussian that begins at the mean action, with a deviation that a tanh keeps in its range."""

    LOG_STD_RANGE = (-5.0, 0.0)

    def __init__(self, obs_size: int, hidden: Sequence[int], action_size: int):
        layers: list[nn.Module] = []
        for fan_in, fan_out in zip([obs_size, *hidden], hidden, strict=False):
            layers += [nn.Linear(fan_in, fan_out), nn.LayerNorm(fan_out), nn.SiLU(inplace=True)]
        head = nn.Linear(hidden[-1], 2 * action_size)
        nn.init.zeros_(head.weight)
        nn.init.zeros_(head.bias)
        super().__init__(nn.Sequential(*layers, head))

    def log_std(self, raw: torch.Tensor) -> torch.Tensor:
        """The logarithm of the deviation, from what the network says of it."""
        low, high = self.LOG_STD_RANGE
        return low + 0.5 * (high - low) * (raw.tanh() + 1.0)


class FastSACPolicy(Policy):
    """Actor and distributional critics over one normaliser, the critics' targets, and the temperature."""

    def __init__(self, obs_size: int, critic_size: int, scale: ActionScale, config: FastSACConfig):
        super().__init__()
        action_size = len(scale.center)
        self._obs_size = obs_size
        self.scale = scale
        self.normalizer = Normalizer(critic_size)
        self.actor = SoftlyBoundedGaussian(obs_size, config.hidden, action_size)
        self.critics = DistributionalCritics(
            critic_size, action_size, config.critic_hidden,
            count=2, atoms=config.atoms, return_bound=config.return_bound,
        )  # fmt: skip
        self.target_critics = target_of(self.critics)
        self.log_temperature = nn.Parameter(torch.tensor(math.log(config.init_temperature)))

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: normaliser and mean action."""
        normalizer = self.normalizer.first(self._obs_size)
        return nn.Sequential(normalizer, *self.actor.mean_layers(), self.scale).eval()


class FastSAC(OffPolicy[FastSACConfig, FastSACPolicy]):
    """SAC in large batches, with distributional critics."""

    name = "fast_sac"
    summary = "soft actor-critic in large batches, on many robots at once"
    settings_type = FastSACConfig

    def _make_policy(self) -> FastSACPolicy:
        return FastSACPolicy(self._obs_size, self._critic_size, self.scale, self.config)

    def _make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        policy = self.policy
        return {
            "actor": self._adam(policy.actor.parameters()),
            "critic": self._adam(policy.critics.parameters()),
            "temperature": self._adam([policy.log_temperature]),
        }

    def _adam(self, parameters: Iterable[nn.Parameter]) -> torch.optim.Optimizer:
        rate, decay = self.config.learning_rate, self.config.weight_decay
        return torch.optim.AdamW(parameters, lr=rate, betas=(0.9, 0.95), weight_decay=decay, fused=True)

    def _see(self, critic_obs: torch.Tensor) -> None:
        self.policy.normalizer.update(critic_obs)

    def _explore(self, obs: torch.Tensor) -> torch.Tensor:
        return self.policy.actor.sample(self.policy.normalizer(obs), self.generator)[0]

    def _update(self, batch: Transitions) -> dict[str, torch.Tensor]:
        policy = self.policy
        obs, next_obs = policy.normalizer(batch.obs), policy.normalizer(batch.next_obs)
        target, excess = self._target(batch, next_obs)
        logits = policy.critics.outputs(obs, batch.action)
        critic_loss = -(target * logits.log_softmax(dim=-1)).sum(dim=-1).mean(dim=1).sum()
        descend(self.optimizers["critic"], critic_loss)
        descend(self.optimizers["temperature"], -policy.log_temperature.exp() * excess)
        report = {
            "critic_loss": critic_loss.detach(),
            "value": (target @ policy.critics.atoms).mean(),
            "temperature": policy.log_temperature.detach().exp(),
        }
        if (self.updates + 1) % self.config.actor_every == 0:
            report["actor_loss"] = self._update_actor(obs)
        follow(policy.target_critics, policy.critics, self.config.target_rate)
        return report

    def _update_actor(self, obs: torch.Tensor) -> torch.Tensor:
        """Step the actor along the mean of the critics; returns the loss. Shape ()."""
        policy = self.policy
        action, log_prob = policy.actor.sample(obs[:, : self._obs_size], self.generator)
        value = policy.critics(obs, action).mean(dim=0)
        loss = (policy.log_temperature.detach().exp() * log_prob - value).mean()
        descend(self.optimizers["actor"], loss)
        return loss.detach()

    @torch.no_grad()
    def _target(self, batch: Transitions, next_obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What the critics are to predict, shape (2, n, atoms), and how far the entropy is below its target."""
        policy = self.policy
        action, log_prob = policy.actor.sample(next_obs[:, : self._obs_size], self.generator)
        reward = batch.reward - batch.discount * policy.log_temperature.exp() * log_prob
        probability = policy.target_critics.outputs(next_obs, action).softmax(dim=-1)
        target = project(probability, policy.critics.atoms, reward, batch.discount)
        return target, log_prob.mean() + self.config.target_entropy * self._action_size

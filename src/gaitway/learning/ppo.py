"""Proximal policy optimisation (Schulman et al. 2017) for many robots.

One iteration collects `rollout_steps` control steps of every robot, estimates advantages by GAE
(Schulman et al. 2016), and takes `epochs` passes of minibatch steps on the clipped surrogate. The learning
rate follows the KL divergence between the policy before and after, as in rsl_rl (Rudin et al. 2022).
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.algorithm import (
    Algorithm,
    Episodes,
    State,
    below,
    env_state,
    load_env_state,
    load_optimizer_state,
    optimizer_state,
    require_continuous,
)
from gaitway.learning.collecting import critic_obs, final_critic_obs, one_thread
from gaitway.learning.gaussian import log_density, mean_kl_divergence
from gaitway.learning.networks import GaussianActorCritic, GaussianPolicy
from gaitway.learning.rollout import Rollout, Samples, generalized_advantage
from gaitway.tasks import TaskMirror

FinalObs = list[tuple[int, np.ndarray, torch.Tensor]]
"""Of episodes cut off by time: the step, the robots (num_envs,) bool, and the critic's last observations, one row each."""

Network = TypeVar("Network", bound=GaussianPolicy)


@dataclass(frozen=True, kw_only=True)
class ProximalConfig:
    """Settings of PPO, whatever its network."""

    hidden: tuple[int, ...] = (256, 128, 64)
    """Widths of the hidden layers of actor and critic."""
    rollout_steps: int = 24
    """Control steps of each robot in one iteration."""
    epochs: int = 4
    """Passes over each rollout."""
    minibatches: int = 4
    """Gradient steps in one pass."""
    learning_rate: float = 1e-3
    """Where the adaptive learning rate starts."""
    target_kl: float | None = 0.02
    """KL divergence to the policy of the rollout that the learning rate is steered to after each gradient step; None
    keeps the learning rate as it is. With more than some twenty gradient steps to a rollout, steering swings."""
    decay_steps: int | None = None
    """Environment steps over which `target_kl`, or the learning rate where that is kept, falls linearly to a tenth; None
    keeps it. Large steps find a good policy soon, small ones keep the last policy from being a poor one by chance."""
    discount: float = 0.99
    """Discount per control step."""
    gae_lambda: float = 0.95
    """Trade-off of bias against variance in the advantage."""
    clip: float = 0.2
    """Bound on the change of the probability ratio."""
    value_weight: float = 1.0
    """Weight of the value loss."""
    entropy_weight: float = 0.0
    """Weight of the entropy bonus."""
    init_std: float = 1.0
    """Initial standard deviation of actions, in units of network output."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""

    def __post_init__(self) -> None:
        if min(self.hidden, default=1) < 1:
            raise GaitwayError(f"hidden must be widths of at least 1; got {self.hidden}")
        for name in ("rollout_steps", "epochs", "minibatches"):
            if getattr(self, name) < 1:
                raise GaitwayError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("learning_rate", "target_kl", "clip", "init_std", "max_grad_norm"):
            if (value := getattr(self, name)) is not None and not value > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")
        if self.decay_steps is not None and self.decay_steps < 1:
            raise GaitwayError(f"decay_steps must be at least 1; got {self.decay_steps}")
        for name in ("discount", "gae_lambda"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise GaitwayError(f"{name} must be from 0 to 1; got {getattr(self, name)}")


@dataclass(frozen=True, kw_only=True)
class PPOConfig(ProximalConfig):
    """Settings of PPO."""

    symmetric: bool = True
    """Whether the networks commute with reflection left to right, on robots that say how they mirror."""


class ProximalOptimization(Algorithm[Network], Generic[Network]):
    """PPO without its network: what acts, values and is learned from is for subclasses to say."""

    def __init__(self, config: Any, env: VectorEnv, seed: int, mirror: TaskMirror | None = None):
        """Make networks, optimiser and storage, and begin the first episodes.

        Args:
            config: settings.
            env: any vector environment with SAME_STEP autoreset. Where it has a `privileged_size`, the critic
                sees `infos["privileged"]` too; where it has `metrics`, scalars by name, their means are reported.
            seed: of weights, exploration and minibatches.
            mirror: the reflections of the task, for networks that can use them.

        Raises:
            GaitwayError: actions are of another kind, or a rollout is a single sample, whose advantage has no spread.
        """
        require_continuous(self.name, env)
        if config.rollout_steps * env.num_envs < 2:
            raise GaitwayError("an iteration needs at least 2 samples; raise rollout_steps or num_envs")
        self.config = config
        self.env = env
        self.generator = torch.Generator().manual_seed(seed)
        self._obs_size = obs_size = spaces.flatdim(env.single_observation_space)
        action_size = spaces.flatdim(env.single_action_space)
        privileged_size = getattr(env, "privileged_size", 0)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.policy = self._make_policy(obs_size, privileged_size, action_size, mirror)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=config.learning_rate, fused=True)
        self.learning_rate = config.learning_rate
        self._env_steps = 0
        critic_size = obs_size + privileged_size
        self.rollout = Rollout.empty(config.rollout_steps, env.num_envs, critic_size, action_size)
        obs, infos = env.reset(seed=seed, options={"desynchronize": True})
        self.critic_obs = critic_obs(obs, infos)
        self.episodes = Episodes(env.num_envs)

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps in one iteration."""
        return self.config.rollout_steps * self.env.num_envs

    def iterate(self) -> dict[str, float]:
        """Collect one rollout and learn from it."""
        with one_thread():
            metrics, final_obs = self._collect()
        metrics |= self._learn(final_obs)
        self._env_steps += self.steps_per_iteration
        self.policy.normalizer.update(self.rollout.critic_obs.flatten(0, 1))
        return metrics

    def state_dict(self) -> State:
        """What a checkpoint holds."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= optimizer_state("optimizer.", self.optimizer) | env_state(self.env)
        tensors["critic_obs"] = self.critic_obs
        tensors["episodes"] = torch.from_numpy(self.episodes.running)
        tensors["generator"] = self.generator.get_state()
        return tensors, {"learning_rate": self.learning_rate, "env_steps": self._env_steps}

    def load_state_dict(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.policy.load_state_dict(below("policy.", tensors))
        load_optimizer_state("optimizer.", self.optimizer, tensors)
        self._set_learning_rate(values["learning_rate"])
        self._env_steps = values["env_steps"]
        if load_env_state(self.env, tensors):
            self._load_episodes(tensors)
        self.generator.set_state(tensors["generator"])

    def _load_episodes(self, tensors: dict[str, torch.Tensor]) -> None:
        """Continue the episodes that were running."""
        self.critic_obs = tensors["critic_obs"].clone()
        self.episodes.running[:] = tensors["episodes"].numpy()

    @abstractmethod
    def _make_policy(
        self, obs_size: int, privileged_size: int, action_size: int, mirror: TaskMirror | None
    ) -> Network:
        """The network at the beginning of the training."""

    @abstractmethod
    def _mean_action(self) -> torch.Tensor:
        """What the policy would do now, before exploration. Shape (num_envs, action_size)."""

    def _note_ended(self, ended: torch.Tensor) -> None:
        """Told after each step which episodes ended in it, 1 where one did. Shape (num_envs,)."""

    @abstractmethod
    def _values(
        self, critic_obs: torch.Tensor, final_obs: FinalObs
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        """Values of the rollout.

        Args:
            critic_obs: normalised. Shape (steps, num_envs, critic_size).
            final_obs: last observations of episodes cut off by time, not normalised.

        Returns:
            Values of the observations acted on, shape (steps, num_envs); of each entry of `final_obs`, shape (n,); of
            the observations after the last step, shape (num_envs,).
        """

    @abstractmethod
    def _evaluate(self, batch: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean actions (..., action_size) and values (...) of a minibatch under the network as it is now."""

    @torch.no_grad()
    def _collect(self) -> tuple[dict[str, float], FinalObs]:
        """Fill the rollout; returns metrics, and the last observations of episodes cut off by time."""
        rollout, std = self.rollout, self.policy.log_std.exp()
        final_obs: FinalObs = []
        totals: dict[str, float] = defaultdict(float)
        for t in range(self.config.rollout_steps):
            mean = self._mean_action()
            action = mean + std * torch.randn(mean.shape, generator=self.generator)
            rollout.critic_obs[t], rollout.mean[t], rollout.action[t] = self.critic_obs, mean, action
            obs, reward, terminated, truncated, infos = self.env.step(action.numpy())
            rollout.reward[t] = torch.from_numpy(reward)
            rollout.ended[t] = torch.from_numpy(terminated | truncated)
            self._note_ended(rollout.ended[t])
            for name, value in getattr(self.env, "metrics", {}).items():
                totals[name] += value
            self.episodes.take(reward, terminated, truncated)
            cut_off = truncated & ~terminated  # a fall at the time limit is a fall
            if cut_off.any():
                final_obs.append((t, cut_off, final_critic_obs(infos, cut_off)))
            self.critic_obs = critic_obs(obs, infos)
        metrics = {"reward": float(rollout.reward.mean())}
        metrics |= {name: total / self.config.rollout_steps for name, total in totals.items()}
        metrics |= self.episodes.summary()
        return metrics, final_obs

    @torch.no_grad()
    def _targets(self, critic_obs: torch.Tensor, final_obs: FinalObs) -> tuple[torch.Tensor, torch.Tensor]:
        """Values and advantages of the rollout, from critic observations that are normalised already."""
        config, rollout = self.config, self.rollout
        value, final_values, last_value = self._values(critic_obs, final_obs)
        reward = rollout.reward.clone()
        for (t, cut_off, _), final_value in zip(final_obs, final_values, strict=True):
            # an episode cut off by time goes on, for all the critic knows
            reward[t][torch.from_numpy(cut_off)] += config.discount * final_value
        advantage = generalized_advantage(
            reward, value, rollout.ended, last_value, config.discount, config.gae_lambda
        )
        return value, advantage

    def _learn(self, final_obs: FinalObs) -> dict[str, float]:
        config = self.config
        if config.target_kl is None:
            self._set_learning_rate(self._step_size() * config.learning_rate)
        samples, old_std = self._samples(final_obs)
        losses = [
            self._update(minibatch, old_std)
            for _ in range(config.epochs)
            for minibatch in samples.minibatches(config.minibatches, self.generator)
        ]
        policy_loss, value_loss, kl = torch.stack(losses).mean(dim=0).tolist()
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "kl": kl,
            "learning_rate": self.learning_rate,
            "action_std": float(self.policy.log_std.detach().exp().mean()),
        }

    @torch.no_grad()
    def _samples(self, final_obs: FinalObs) -> tuple[Samples, torch.Tensor]:
        """The rollout as one batch, and the standard deviations that it was drawn with."""
        rollout = self.rollout
        critic_obs = self.policy.normalizer(rollout.critic_obs)
        std = self.policy.log_std.exp()
        value, advantage = self._targets(critic_obs, final_obs)
        samples = Samples(
            critic_obs=critic_obs.flatten(0, 1),
            mean=rollout.mean.flatten(0, 1),
            action=rollout.action.flatten(0, 1),
            log_prob=log_density(rollout.mean, std, rollout.action).flatten(),
            target=(advantage + value).flatten(),
            advantage=((advantage - advantage.mean()) / (advantage.std() + 1e-8)).flatten(),
        )
        return samples, std

    def _update(self, batch: Samples, old_std: torch.Tensor) -> torch.Tensor:
        """One gradient step; returns policy loss, value loss and KL divergence. Shape (3,)."""
        config = self.config
        mean, value = self._evaluate(batch)
        std = self.policy.log_std.exp()
        kl = mean_kl_divergence(batch.mean, old_std, mean.detach(), std.detach())
        if config.target_kl is not None:
            self._steer_learning_rate(float(kl), self._step_size() * config.target_kl)

        ratio = (log_density(mean, std, batch.action) - batch.log_prob).exp()
        clipped = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
        policy_loss = -torch.min(ratio * batch.advantage, clipped * batch.advantage).mean()
        value_loss = (value - batch.target).square().mean()
        entropy = self.policy.log_std.sum()
        loss = policy_loss + config.value_weight * value_loss - config.entropy_weight * entropy
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.parameters(), config.max_grad_norm)
        self.optimizer.step()
        return torch.stack([policy_loss.detach(), value_loss.detach(), kl])

    def _step_size(self) -> float:
        """How large steps are now: 1 at the beginning, a tenth after `decay_steps`."""
        steps = self.config.decay_steps
        return 1.0 if steps is None else 1.0 - 0.9 * min(1.0, self._env_steps / steps)

    def _steer_learning_rate(self, kl: float, target: float) -> None:
        if kl > 2.0 * target:
            self._set_learning_rate(max(1e-5, self.learning_rate / 1.5))
        elif 0.0 < kl < 0.5 * target:
            self._set_learning_rate(min(1e-2, self.learning_rate * 1.5))

    def _set_learning_rate(self, learning_rate: float) -> None:
        self.learning_rate = learning_rate
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate


class PPO(ProximalOptimization[GaussianActorCritic]):
    """Trains a Gaussian actor-critic."""

    name = "ppo"
    summary = "proximal policy optimisation, on many robots at once"
    settings_type = PPOConfig

    def _make_policy(
        self, obs_size: int, privileged_size: int, action_size: int, mirror: TaskMirror | None
    ) -> GaussianActorCritic:
        config = self.config
        return GaussianActorCritic(
            obs_size, privileged_size, action_size, config.hidden, config.init_std,
            mirror if config.symmetric else None,
        )  # fmt: skip

    def _mean_action(self) -> torch.Tensor:
        return self.policy(self.critic_obs[:, : self._obs_size])

    def _values(
        self, critic_obs: torch.Tensor, final_obs: FinalObs
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        value, normalizer = self.policy.value, self.policy.normalizer
        final_values = [value(normalizer(last)) for _, _, last in final_obs]
        # parts of a minibatch's size keep hidden layers in the processor's cache
        values = torch.cat([value(part) for part in critic_obs.chunk(self.config.minibatches)])
        return values, final_values, value(normalizer(self.critic_obs))

    def _evaluate(self, batch: Samples) -> tuple[torch.Tensor, torch.Tensor]:
        return self.policy.actor(batch.critic_obs[:, : self._obs_size]), self.policy.value(batch.critic_obs)

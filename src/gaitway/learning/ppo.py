"""Proximal policy optimisation (Schulman et al. 2017) for many robots.

One iteration collects `rollout_steps` control steps of every robot, estimates advantages by GAE
(Schulman et al. 2016), and takes `epochs` passes of minibatch steps on the clipped surrogate. The learning
rate follows the KL divergence between the policy before and after, as in rsl_rl (Rudin et al. 2022).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from gymnasium import spaces
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.networks import GaussianActorCritic
from gaitway.tasks import VectorEnv


@dataclass(frozen=True, kw_only=True)
class PPOConfig:
    """Settings of PPO."""

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
    target_kl: float = 0.02
    """KL divergence per gradient step that the learning rate is steered to."""
    discount: float = 0.99
    """Discount per control step."""
    gae_lambda: float = 0.95
    """Trade-off of bias against variance in the advantage."""
    clip: float = 0.2
    """Bound on the change of the probability ratio, and on the change of the value."""
    value_weight: float = 1.0
    """Weight of the value loss."""
    entropy_weight: float = 0.0
    """Weight of the entropy bonus."""
    init_std: float = 1.0
    """Initial standard deviation of actions, in units of network output."""
    max_grad_norm: float = 1.0
    """Gradients are scaled down to this norm."""

    def __post_init__(self) -> None:
        for name in ("rollout_steps", "epochs", "minibatches"):
            if getattr(self, name) < 1:
                raise GaitwayError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("learning_rate", "target_kl", "clip", "init_std", "max_grad_norm"):
            if not getattr(self, name) > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")
        for name in ("discount", "gae_lambda"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise GaitwayError(f"{name} must be from 0 to 1; got {getattr(self, name)}")


@dataclass(frozen=True)
class Rollout:
    """One iteration's experience; time first. Shapes (rollout_steps, num_envs, ...)."""

    obs: torch.Tensor
    """Normalised observations."""
    action: torch.Tensor
    log_prob: torch.Tensor
    value: torch.Tensor
    reward: torch.Tensor
    ended: torch.Tensor
    """Episodes that ended in the step, by termination or truncation."""

    @staticmethod
    def empty(steps: int, num_envs: int, obs_size: int, action_size: int) -> Rollout:
        """Preallocated storage."""
        return Rollout(
            obs=torch.empty(steps, num_envs, obs_size),
            action=torch.empty(steps, num_envs, action_size),
            log_prob=torch.empty(steps, num_envs),
            value=torch.empty(steps, num_envs),
            reward=torch.empty(steps, num_envs),
            ended=torch.empty(steps, num_envs),
        )


def generalized_advantage(
    reward: torch.Tensor,
    value: torch.Tensor,
    ended: torch.Tensor,
    last_value: torch.Tensor,
    discount: float,
    gae_lambda: float,
) -> torch.Tensor:
    """Generalised advantage estimates (Schulman et al. 2016, eq. 16).

    Args:
        reward: rewards, the bootstrap of truncated episodes included. Shape (steps, num_envs).
        value: values of the observations acted on. Shape (steps, num_envs).
        ended: 1 where an episode ended in the step. Shape (steps, num_envs).
        last_value: values of the observations after the last step. Shape (num_envs,).
        discount: gamma.
        gae_lambda: lambda.

    Returns:
        Advantages. Shape (steps, num_envs).
    """
    advantage = torch.empty_like(reward)
    running = torch.zeros_like(last_value)
    next_value = last_value
    for t in reversed(range(reward.shape[0])):
        goes_on = 1.0 - ended[t]
        delta = reward[t] + discount * goes_on * next_value - value[t]
        running = delta + discount * gae_lambda * goes_on * running
        advantage[t] = running
        next_value = value[t]
    return advantage


class PPO:
    """Trains a Gaussian actor-critic; one call of `iterate` is one iteration."""

    name = "ppo"

    def __init__(self, config: PPOConfig, env: VectorEnv, seed: int):
        """Make networks, optimiser and storage, and begin the first episodes.

        Args:
            config: settings.
            env: the robots to learn on.
            seed: of weights, exploration and minibatches.
        """
        self.config = config
        self.env = env
        self.generator = torch.Generator().manual_seed(seed)
        obs_size = spaces.flatdim(env.single_observation_space)
        action_size = spaces.flatdim(env.single_action_space)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.policy = GaussianActorCritic(obs_size, action_size, config.hidden, config.init_std)
        self.optimizer = torch.optim.Adam(self.policy.parameters(), lr=config.learning_rate)
        self.learning_rate = config.learning_rate
        self.rollout = Rollout.empty(config.rollout_steps, env.num_envs, obs_size, action_size)
        self.obs = torch.from_numpy(env.reset(seed=seed, options={"desynchronize": True})[0])
        self.episode_return = np.zeros(env.num_envs)

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps in one iteration."""
        return self.config.rollout_steps * self.env.num_envs

    def iterate(self) -> dict[str, float]:
        """Collect one rollout and learn from it.

        Returns:
            Means over the iteration: `return` and `survival` of the episodes that ended in it (absent
            when none did), `reward` per step, how many episodes `diverged`, and the losses and step sizes of the update.
        """
        with _one_thread():  # idle threads of torch would spin on the cores that the physics needs
            metrics, last_value = self._collect()
        return metrics | self._learn(last_value)

    def state_dict(self) -> tuple[dict[str, torch.Tensor], dict[str, float]]:
        """Everything that the next iteration depends on: tensors by name, and plain values."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items()}
        tensors |= {f"env.{name}": torch.from_numpy(value) for name, value in self.env.state_dict().items()}
        tensors["obs"] = self.obs
        tensors["episode_return"] = torch.from_numpy(self.episode_return)
        tensors["generator"] = self.generator.get_state()
        return tensors, {"learning_rate": self.learning_rate}

    def load_state_dict(self, tensors: dict[str, torch.Tensor], values: dict[str, float]) -> None:
        """Continue from what `state_dict` returned."""
        self.policy.load_state_dict(_below("policy.", tensors))
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = {
            index: _below(f"optimizer.{index}.", tensors) for index in optimizer["param_groups"][0]["params"]
        }
        self.optimizer.load_state_dict(optimizer)
        self.learning_rate = values["learning_rate"]
        self.env.load_state_dict({name: value.numpy() for name, value in _below("env.", tensors).items()})
        self.obs = tensors["obs"].clone()
        self.episode_return = tensors["episode_return"].numpy().copy()
        self.generator.set_state(tensors["generator"])

    @torch.no_grad()
    def _collect(self) -> tuple[dict[str, float], torch.Tensor]:
        config, rollout = self.config, self.rollout
        returns: list[np.ndarray] = []
        terminations = truncations = diverged = 0
        std = self.policy.log_std.exp()
        for t in range(config.rollout_steps):
            self.policy.normalizer.update(self.obs)
            normalized = self.policy.normalizer(self.obs)
            mean = self.policy.actor(normalized)
            action = mean + std * torch.randn(mean.shape, generator=self.generator)
            obs, reward, terminated, truncated, infos = self.env.step(action.numpy())
            ended = terminated | truncated
            diverged += int(infos["diverged"].sum())
            self.episode_return += reward
            bootstrapped = torch.from_numpy(reward).clone()
            if truncated.any():
                final_obs = torch.from_numpy(infos["final_obs"][truncated])
                final_value = self.policy.value(self.policy.normalizer(final_obs))
                bootstrapped[torch.from_numpy(truncated)] += config.discount * final_value
            rollout.obs[t] = normalized
            rollout.action[t] = action
            rollout.log_prob[t] = _log_prob(mean, std, action)
            rollout.value[t] = self.policy.value(normalized)
            rollout.reward[t] = bootstrapped
            rollout.ended[t] = torch.from_numpy(ended)
            if ended.any():
                returns.append(self.episode_return[ended])
                self.episode_return[ended] = 0.0
                terminations += int(terminated.sum())
                truncations += int(truncated.sum())
            self.obs = torch.from_numpy(obs)
        metrics = {"reward": float(rollout.reward.mean()), "diverged": float(diverged)}
        if returns:
            metrics["return"] = float(np.concatenate(returns).mean())
            metrics["survival"] = truncations / (terminations + truncations)
        last_value = self.policy.value(self.policy.normalizer(self.obs))
        return metrics, last_value

    def _learn(self, last_value: torch.Tensor) -> dict[str, float]:
        config, rollout = self.config, self.rollout
        advantage = generalized_advantage(
            rollout.reward, rollout.value, rollout.ended, last_value,
            config.discount, config.gae_lambda,
        )  # fmt: skip
        target = (advantage + rollout.value).flatten()
        advantage = ((advantage - advantage.mean()) / (advantage.std() + 1e-8)).flatten()
        obs, action = rollout.obs.flatten(0, 1), rollout.action.flatten(0, 1)
        old_log_prob, old_value = rollout.log_prob.flatten(), rollout.value.flatten()
        with torch.no_grad():
            old_mean, old_std = self.policy.actor(obs), self.policy.log_std.exp().clone()

        totals = torch.zeros(3)
        updates = config.epochs * config.minibatches
        for _ in range(config.epochs):
            order = torch.randperm(len(obs), generator=self.generator)
            for ids in order.chunk(config.minibatches):
                mean, std = self.policy.actor(obs[ids]), self.policy.log_std.exp()
                value = self.policy.value(obs[ids])
                kl = _kl_divergence(old_mean[ids], old_std, mean.detach(), std.detach()).mean()
                self._steer_learning_rate(float(kl))

                ratio = (_log_prob(mean, std, action[ids]) - old_log_prob[ids]).exp()
                clipped = ratio.clamp(1.0 - config.clip, 1.0 + config.clip)
                policy_loss = -torch.min(ratio * advantage[ids], clipped * advantage[ids]).mean()
                near = old_value[ids] + (value - old_value[ids]).clamp(-config.clip, config.clip)
                value_loss = torch.max((value - target[ids]).square(), (near - target[ids]).square()).mean()
                entropy = self.policy.log_std.sum()
                loss = policy_loss + config.value_weight * value_loss - config.entropy_weight * entropy
                self.optimizer.zero_grad(set_to_none=True)
                loss.backward()
                nn.utils.clip_grad_norm_(self.policy.parameters(), config.max_grad_norm)
                self.optimizer.step()
                totals += torch.stack([policy_loss.detach(), value_loss.detach(), kl])
        policy_loss, value_loss, kl = (totals / updates).tolist()
        return {
            "policy_loss": policy_loss,
            "value_loss": value_loss,
            "kl": kl,
            "learning_rate": self.learning_rate,
            "action_std": float(self.policy.log_std.detach().exp().mean()),
        }

    def _steer_learning_rate(self, kl: float) -> None:
        if kl > 2.0 * self.config.target_kl:
            self.learning_rate = max(1e-5, self.learning_rate / 1.5)
        elif 0.0 < kl < 0.5 * self.config.target_kl:
            self.learning_rate = min(1e-2, self.learning_rate * 1.5)
        for group in self.optimizer.param_groups:
            group["lr"] = self.learning_rate


@contextmanager
def _one_thread() -> Iterator[None]:
    """Let torch compute on one thread for a while."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def _below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _log_prob(mean: torch.Tensor, std: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Log-density of a diagonal Gaussian, without its constant. Shape (n,)."""
    return -(0.5 * ((action - mean) / std).square() + std.log()).sum(-1)


def _kl_divergence(
    mean: torch.Tensor, std: torch.Tensor, other_mean: torch.Tensor, other_std: torch.Tensor
) -> torch.Tensor:
    """KL(N(mean, std) || N(other_mean, other_std)) of diagonal Gaussians. Shape (n,)."""
    return (
        (other_std / std).log()
        + (std.square() + (mean - other_mean).square()) / (2.0 * other_std.square())
        - 0.5
    ).sum(-1)

"""The experience of one iteration of an on-policy algorithm, and what is estimated from it."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch


@dataclass(frozen=True)
class Rollout:
    """One iteration's experience; time first. Shapes (rollout_steps, num_envs, ...)."""

    critic_obs: torch.Tensor
    """What the critic sees: the policy's observation, and behind it what only a simulation knows."""
    mean: torch.Tensor
    """Means of the distributions that the actions are drawn from."""
    action: torch.Tensor
    reward: torch.Tensor
    ended: torch.Tensor
    """Episodes that ended in the step, by termination or truncation."""

    @staticmethod
    def empty(steps: int, num_envs: int, critic_size: int, action_size: int) -> Rollout:
        """Preallocated storage."""
        return Rollout(
            critic_obs=torch.empty(steps, num_envs, critic_size),
            mean=torch.empty(steps, num_envs, action_size),
            action=torch.empty(steps, num_envs, action_size),
            reward=torch.empty(steps, num_envs),
            ended=torch.empty(steps, num_envs),
        )


@dataclass(frozen=True)
class Samples:
    """Some of a rollout's samples, as the update needs them. Shapes (n, ...)."""

    critic_obs: torch.Tensor
    """Normalised; the policy's observation comes first."""
    mean: torch.Tensor
    """Of the policy that acted."""
    action: torch.Tensor
    log_prob: torch.Tensor
    target: torch.Tensor
    """Returns that the values are to predict."""
    advantage: torch.Tensor
    """Of zero mean and unit deviation over the rollout."""

    def minibatches(self, count: int, generator: torch.Generator) -> list[Samples]:
        """All samples in a random order, in parts of nearly equal size."""
        order = torch.randperm(len(self.target), generator=generator)
        parts = [getattr(self, field.name).index_select(0, order).chunk(count) for field in fields(self)]
        return [Samples(*part) for part in zip(*parts, strict=True)]


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

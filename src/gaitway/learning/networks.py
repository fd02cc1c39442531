"""The networks that algorithms share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn

from gaitway.learning.normalizer import Normalizer


def mlp(sizes: Sequence[int], output_gain: float) -> nn.Sequential:
    """A multilayer perceptron with ELU between layers and orthogonal weights.

    Args:
        sizes: widths, input to output.
        output_gain: gain of the last layer's initial weights; small for actors, so that training starts
            from the mean action.
    """
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        last = index == len(sizes) - 2
        linear = nn.Linear(fan_in, fan_out)
        nn.init.orthogonal_(linear.weight, output_gain if last else 2.0**0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, nn.ELU()]
    return nn.Sequential(*layers)


class GaussianActorCritic(nn.Module):
    """A Gaussian policy with state-independent deviation, and a value function, over one normaliser."""

    def __init__(self, obs_size: int, action_size: int, hidden: Sequence[int], init_std: float):
        super().__init__()
        self.normalizer = Normalizer(obs_size)
        self.actor = mlp([obs_size, *hidden, action_size], output_gain=0.01)
        self.critic = mlp([obs_size, *hidden, 1], output_gain=1.0)
        self.log_std = nn.Parameter(torch.full((action_size,), init_std).log())

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """The mean action, which is what a robot runs. Shape (n, action_size)."""
        return self.actor(self.normalizer(obs))

    def value(self, normalized: torch.Tensor) -> torch.Tensor:
        """Expected return of observations that are already normalised. Shape (n,)."""
        return self.critic(normalized).squeeze(-1)

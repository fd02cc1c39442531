"""Actors of bounded actions: a tanh keeps them in [-1, 1], and a last layer takes them to the environment's bounds."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from gymnasium import spaces
from torch import nn
from torch.nn.functional import softplus

from gaitway.errors import GaitwayError


def relu_mlp(sizes: Sequence[int]) -> nn.Sequential:
    """A multilayer perceptron with ReLU between layers and torch's own initial weights, as in the papers.

    Args:
        sizes: widths, input to output.
    """
    layers: list[nn.Module] = []
    for fan_in, fan_out in itertools.pairwise(sizes):
        layers += [nn.Linear(fan_in, fan_out), nn.ReLU(inplace=True)]
    return nn.Sequential(*layers[:-1])


class ActionScale(nn.Module):
    """Takes actions in [-1, 1] to the environment's units."""

    center: torch.Tensor
    half_range: torch.Tensor

    def __init__(self, low: np.ndarray, high: np.ndarray):
        """Scale to given bounds, shapes (action_size,)."""
        super().__init__()
        self.register_buffer("center", torch.from_numpy((high + low) / 2.0).float())
        self.register_buffer("half_range", torch.from_numpy((high - low) / 2.0).float())

    @staticmethod
    def of(space: spaces.Space, bound: float | None = None) -> ActionScale:
        """The scale to a space's bounds, or to -bound and bound where those are narrower.

        Raises:
            GaitwayError: the space is not continuous, or leaves actions unbounded.
        """
        if not isinstance(space, spaces.Box):
            raise GaitwayError(f"the algorithm needs continuous actions, a Box; the environment has {space}")
        limit = math.inf if bound is None else bound
        low, high = np.maximum(space.low, -limit).ravel(), np.minimum(space.high, limit).ravel()
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise GaitwayError(f"the environment leaves actions unbounded ({space}); set action_bound")
        if not (low < high).all():
            raise GaitwayError(f"action_bound {bound} leaves no actions between the bounds of {space}")
        return ActionScale(low, high)

    def forward(self, action: torch.Tensor) -> torch.Tensor:
        """Actions in the environment's units. Shape (n, action_size)."""
        return self.center + self.half_range * action


class SquashedGaussian(nn.Module):
    """The tanh of a Gaussian whose mean and deviation depend on the observation (Haarnoja et al. 2018, appendix C)."""

    LOG_STD_RANGE = (-20.0, 2.0)

    def __init__(self, network: nn.Sequential):
        """Wrap a network that ends in a linear layer of twice `action_size`: means, then deviations."""
        super().__init__()
        self.network = network

    def forward(self, obs: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean and logarithm of the deviation, before the tanh. Shapes (n, action_size)."""
        mean, raw = self.network(obs).chunk(2, dim=-1)
        return mean, self.log_std(raw)

    def log_std(self, raw: torch.Tensor) -> torch.Tensor:
        """The logarithm of the deviation, from what the network says of it."""
        return raw.clamp(*self.LOG_STD_RANGE)

    def sample(self, obs: torch.Tensor, generator: torch.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        """Draw actions in [-1, 1], shape (n, action_size), with their log-densities, shape (n,)."""
        mean, log_std = self(obs)
        noise = torch.randn(mean.shape, generator=generator)
        raw = torch.addcmul(mean, log_std.exp(), noise)
        return raw.tanh(), squashed_log_prob(noise, log_std, raw)

    def mean_layers(self) -> nn.Sequential:
        """The mean action in [-1, 1], in ordinary layers; the last linear one is a copy."""
        *hidden, head = self.network
        assert isinstance(head, nn.Linear)
        mean = nn.Linear(head.in_features, head.out_features // 2)
        with torch.no_grad():
            mean.weight.copy_(head.weight[: mean.out_features])
            mean.bias.copy_(head.bias[: mean.out_features])
        return nn.Sequential(*hidden, mean, nn.Tanh())


def squashed_log_prob(noise: torch.Tensor, log_std: torch.Tensor, raw: torch.Tensor) -> torch.Tensor:
    """Log-density of tanh(raw), where raw = mean + std * noise is normal with independent components.

    The logarithm of the tanh's slope, 1 - tanh(u)^2, is 2 (log 2 - u - softplus(-2u)), which keeps its accuracy
    where the tanh saturates.

    Args:
        noise: standard normal. Shape (n, action_size).
        log_std: shape (n, action_size).
        raw: shape (n, action_size).

    Returns:
        Shape (n,).
    """
    constant = noise.shape[-1] * (0.5 * math.log(2.0 * math.pi) + 2.0 * math.log(2.0))
    return (2.0 * (raw + softplus(-2.0 * raw)) - 0.5 * noise.square() - log_std).sum(-1) - constant

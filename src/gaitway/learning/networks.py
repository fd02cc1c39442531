"""The networks that algorithms share."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from gaitway.learning.normalizer import Normalizer
from gaitway.tasks import Mirror, TaskMirror


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
        layers += [linear] if last else [linear, nn.ELU(inplace=True)]
    return nn.Sequential(*layers)


class SymmetricLinear(nn.Linear):
    """A linear layer that commutes with reflection: reflecting its input reflects its output.

    Any weights W are projected on those that commute, (W + R_out W R_in) / 2, where the reflections R are signed
    permutations. A network of such layers needs no mirrored copies of its experience (Ordonez-Apraez et al. 2023).
    """

    def __init__(self, into: Mirror, out: Mirror):
        super().__init__(len(into.order), len(out.order))
        self._in_order, self._in_sign = _tensors(into)
        self._out_order, self._out_sign = _tensors(out)

    def forward(self, input: torch.Tensor) -> torch.Tensor:  # noqa: A002 (as torch names it)
        """Shape (..., out)."""
        return nn.functional.linear(input, *self.projected())

    def projected(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Weight and bias that commute with reflection."""
        mirrored = self.weight[self._out_order][:, self._in_order] * self._out_sign[:, None] * self._in_sign
        bias = (self.bias + self.bias[self._out_order] * self._out_sign) / 2.0
        return (self.weight + mirrored) / 2.0, bias

    def plain(self) -> nn.Linear:
        """An ordinary layer that computes the same."""
        layer = nn.Linear(self.in_features, self.out_features)
        with torch.no_grad():
            weight, bias = self.projected()
            layer.weight.copy_(weight)
            layer.bias.copy_(bias)
        return layer


def symmetric_mlp(into: Mirror, hidden: Sequence[int], out: Mirror, output_gain: float) -> nn.Sequential:
    """Like `mlp`, of layers that commute with reflection; hidden units come in pairs that reflection swaps."""
    mirrors = [into, *(_swap(width) for width in hidden), out]
    layers: list[nn.Module] = []
    for index, (before, after) in enumerate(itertools.pairwise(mirrors)):
        last = index == len(mirrors) - 2
        linear = SymmetricLinear(before, after)
        # projecting halves the variance of independent weights
        nn.init.orthogonal_(linear.weight, 2.0**0.5 * (output_gain if last else 2.0**0.5))
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, nn.ELU(inplace=True)]
    return nn.Sequential(*layers)


def without_symmetry(network: nn.Sequential) -> nn.Sequential:
    """The same function in ordinary layers."""
    return nn.Sequential(*(m.plain() if isinstance(m, SymmetricLinear) else m for m in network))


class GaussianActorCritic(nn.Module):
    """A Gaussian policy with state-independent deviation, and a value function, each over its normaliser.

    The critic sees the observation with the privileged values behind it. With a mirror, the policy of a reflected
    observation is the reflected policy, and the value of both is the same.
    """

    def __init__(
        self,
        obs_size: int,
        privileged_size: int,
        action_size: int,
        hidden: Sequence[int],
        init_std: float,
        mirror: TaskMirror | None = None,
    ):
        super().__init__()
        critic_size = obs_size + privileged_size
        self.normalizer = Normalizer(obs_size, mirror and mirror.obs)
        self.critic_normalizer = Normalizer(critic_size, mirror and mirror.critic_obs)
        if mirror is None:
            self.actor = mlp([obs_size, *hidden, action_size], output_gain=0.01)
            self.critic = mlp([critic_size, *hidden, 1], output_gain=1.0)
            self._order = torch.arange(action_size)
        else:
            same = Mirror(np.zeros(1, dtype=np.int64), np.ones(1))
            self.actor = symmetric_mlp(mirror.obs, hidden, mirror.action, output_gain=0.01)
            self.critic = symmetric_mlp(mirror.critic_obs, hidden, same, output_gain=1.0)
            self._order = torch.from_numpy(mirror.action.order)
        self.log_std_parameter = nn.Parameter(torch.full((action_size,), init_std).log())

    @property
    def log_std(self) -> torch.Tensor:
        """Logarithm of each action's standard deviation, the same on both sides. Shape (action_size,)."""
        return (self.log_std_parameter + self.log_std_parameter[self._order]) / 2.0

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """The mean action, which is what a robot runs. Shape (n, action_size)."""
        return self.actor(self.normalizer(obs))

    def value(self, critic_obs: torch.Tensor) -> torch.Tensor:
        """Expected return of critic observations that are already normalised. Shape (n,)."""
        return self.critic(critic_obs).squeeze(-1)

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: normaliser and actor in ordinary layers."""
        return nn.Sequential(self.normalizer, without_symmetry(self.actor)).eval()


def _tensors(mirror: Mirror) -> tuple[torch.Tensor, torch.Tensor]:
    return torch.from_numpy(mirror.order), torch.from_numpy(mirror.sign).float()


def _swap(width: int) -> Mirror:
    return Mirror(np.roll(np.arange(width), width // 2), np.ones(width))

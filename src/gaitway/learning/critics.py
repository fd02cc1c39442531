"""Critics of actions: several networks of equal shape, computed as one.

Their weights are stacked, so that a layer of all of them is one batched product.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import layer_norm


class StackedLinear(nn.Module):
    """Linear layers side by side, with torch's own initial weights."""

    def __init__(self, count: int, fan_in: int, fan_out: int):
        super().__init__()
        bound = fan_in**-0.5
        self.weight = nn.Parameter(torch.empty(count, fan_in, fan_out).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(count, 1, fan_out).uniform_(-bound, bound))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Of shape (k, n, fan_in), for the first k of them, to shape (k, n, fan_out)."""
        k = len(inputs)
        return torch.baddbmm(self.bias[:k], inputs, self.weight[:k])


class StackedLayerNorm(nn.Module):
    """Layer normalisations side by side."""

    def __init__(self, count: int, size: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(count, 1, size))
        self.bias = nn.Parameter(torch.zeros(count, 1, size))

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Of shape (k, n, size), for the first k of them."""
        k, size = len(inputs), inputs.shape[-1:]
        return torch.addcmul(self.bias[:k], self.weight[:k], layer_norm(inputs, size))


class Critics(nn.Module):
    """Independent estimates of the return after an action."""

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        hidden: Sequence[int],
        *,
        count: int,
        outputs: int = 1,
        layer_norm: bool = False,
    ):
        """Make the networks.

        Args:
            obs_size: of what they see beside the action.
            action_size: of an action.
            hidden: widths of the hidden layers.
            count: how many networks.
            outputs: of each.
            layer_norm: whether hidden layers are normalised, with SiLU behind, rather than ReLU alone.
        """
        super().__init__()
        self.count = count
        layers: list[nn.Module] = []
        for fan_in, fan_out in itertools.pairwise([obs_size + action_size, *hidden]):
            layers.append(StackedLinear(count, fan_in, fan_out))
            if layer_norm:
                layers += [StackedLayerNorm(count, fan_out), nn.SiLU(inplace=True)]
            else:
                layers.append(nn.ReLU(inplace=True))
        self.layers = nn.Sequential(*layers, StackedLinear(count, hidden[-1], outputs))

    def forward(self, obs: torch.Tensor, action: torch.Tensor, first: int | None = None) -> torch.Tensor:
        """Expected returns, of all networks or only the first few. Shape (count, n)."""
        return self.outputs(obs, action, first).squeeze(-1)

    def outputs(self, obs: torch.Tensor, action: torch.Tensor, first: int | None = None) -> torch.Tensor:
        """What the networks say. Shape (count, n, outputs)."""
        inputs = torch.cat([obs, action], dim=-1)
        return self.layers(inputs.expand(first or self.count, -1, -1))


class DistributionalCritics(Critics):
    """Critics that estimate the distribution of the return, over evenly spaced atoms (Bellemare et al. 2017)."""

    atoms: torch.Tensor

    def __init__(
        self,
        obs_size: int,
        action_size: int,
        hidden: Sequence[int],
        *,
        count: int,
        atoms: int,
        return_bound: float,
    ):
        """Make networks with layer normalisation.

        Args:
            obs_size: of what they see beside the action.
            action_size: of an action.
            hidden: widths of the hidden layers.
            count: how many networks.
            atoms: returns that a distribution is made of.
            return_bound: they reach from minus this to this.
        """
        super().__init__(obs_size, action_size, hidden, count=count, outputs=atoms, layer_norm=True)
        self.register_buffer("atoms", torch.linspace(-return_bound, return_bound, atoms))

    def forward(self, obs: torch.Tensor, action: torch.Tensor, first: int | None = None) -> torch.Tensor:
        """Expected returns. Shape (count, n)."""
        return self.outputs(obs, action, first).softmax(dim=-1) @ self.atoms


def project(
    probability: torch.Tensor, atoms: torch.Tensor, reward: torch.Tensor, discount: torch.Tensor
) -> torch.Tensor:
    """The distribution of reward + discount * return, on the atoms of the return (Bellemare et al. 2017, eq. 7).

    What falls between two atoms is shared out to both; what falls beyond the ends goes to the ends.

    Args:
        probability: of each atom. Shape (count, n, atoms).
        atoms: evenly spaced. Shape (atoms,).
        reward: shape (n,).
        discount: shape (n,).

    Returns:
        Shape (count, n, atoms).
    """
    last = len(atoms) - 1
    spacing = (atoms[-1] - atoms[0]) / last
    place = ((reward[:, None] + discount[:, None] * atoms - atoms[0]) / spacing).clamp(0.0, float(last))
    below = place.floor().clamp(max=last - 1.0)
    share = (place - below).expand_as(probability)
    index = below.long().expand_as(probability)
    projected = torch.zeros_like(probability).scatter_add_(-1, index, probability * (1.0 - share))
    return projected.scatter_add_(-1, index + 1, probability * share)

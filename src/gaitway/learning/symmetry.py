"""Networks that commute with reflection left to right, computed on the even and odd parts of what they see.

The reflection of a vector is a signed permutation whose square is the identity, so that a vector is the sum of an even
part, which reflection keeps, and an odd part, which it negates. A linear map that commutes with reflection takes even
to even and odd to odd: two blocks, with half the multiplications of an ordinary layer. Hidden units come in pairs
(a, b) that reflection swaps, whose parts are a + b and a - b. A network of such layers needs no mirrored copies of its
experience (Ordonez-Apraez et al. 2023).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.tasks import Mirror


class SymmetricMLP(nn.Module):
    """A multilayer perceptron with ELU between layers: reflecting its input reflects its output."""

    def __init__(self, into: Mirror, hidden: Sequence[int], out: Mirror, output_gain: float):
        """Begin with orthogonal weights.

        Args:
            into: reflection of the input.
            hidden: widths of the hidden layers.
            out: reflection of the output.
            output_gain: gain of the last layer's initial weights.

        Raises:
            GaitwayError: a hidden width is odd.
        """
        super().__init__()
        if any(width % 2 for width in hidden):
            raise GaitwayError(
                f"hidden units of a symmetric network come in pairs: widths must be even; got {tuple(hidden)}"
            )
        pairs = [_pairs(width // 2) for width in hidden]
        bases = [_parts(into), *pairs, _parts(out)]
        self._bases = [tuple(torch.from_numpy(part).float() for part in basis) for basis in bases]
        self.even = nn.ParameterList()
        self.odd = nn.ParameterList()
        self.bias = nn.ParameterList()
        for index, (before, after) in enumerate(itertools.pairwise(self._bases)):
            gain = output_gain if index == len(hidden) else 2.0**0.5
            gain /= (_length(before) * _length(after)) ** 0.5
            self.even.append(nn.init.orthogonal_(torch.empty(len(after[0]), len(before[0])), gain))
            self.odd.append(nn.init.orthogonal_(torch.empty(len(after[1]), len(before[1])), gain))
            self.bias.append(torch.zeros(len(after[0])))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Shapes (..., in) and (..., out)."""
        (into_even, into_odd), (out_even, out_odd) = self._bases[0], self._bases[-1]
        even, odd = obs @ into_even.T, obs @ into_odd.T
        for index in range(len(self.even) - 1):
            even = nn.functional.linear(even, self.even[index], self.bias[index])
            odd = nn.functional.linear(odd, self.odd[index])
            a = nn.functional.elu(even + odd, inplace=True)
            b = nn.functional.elu(even - odd, inplace=True)
            even, odd = a + b, a - b
        value = nn.functional.linear(even, self.even[-1], self.bias[-1]) @ out_even
        return value + nn.functional.linear(odd, self.odd[-1]) @ out_odd if len(out_odd) else value

    def plain(self) -> nn.Sequential:
        """The same function in ordinary layers."""
        layers: list[nn.Module] = []
        with torch.no_grad():
            for even, odd, bias, before, after in self._layers():
                layer = nn.Linear(before[0].shape[1], after[0].shape[1])
                layer.weight.copy_(after[0].T @ even @ before[0] + after[1].T @ odd @ before[1])
                layer.bias.copy_(bias @ after[0])
                layers += [layer, nn.ELU()]
        return nn.Sequential(*layers[:-1])

    @torch.no_grad()
    def take_over(self, plain: nn.Sequential) -> None:
        """Become the symmetric network nearest to one in ordinary layers of the same widths."""
        linear = [module for module in plain if isinstance(module, nn.Linear)]
        for layer, (even, odd, bias, before, after) in zip(linear, self._layers(), strict=True):
            lengths = _length(before) * _length(after)
            even.copy_(after[0] @ layer.weight @ before[0].T / lengths)
            odd.copy_(after[1] @ layer.weight @ before[1].T / lengths)
            bias.copy_(after[0] @ layer.bias / _length(after))

    def _layers(self) -> zip:
        """Even and odd block and bias of each layer, and the bases of what goes in and comes out."""
        return zip(self.even, self.odd, self.bias, self._bases[:-1], self._bases[1:], strict=True)


def _parts(mirror: Mirror) -> tuple[np.ndarray, np.ndarray]:
    """Orthonormal bases of the even and the odd vectors under a reflection, in rows."""
    size = len(mirror.order)
    reflection = np.zeros((size, size))
    reflection[np.arange(size), mirror.order] = mirror.sign
    first = np.arange(size) <= mirror.order  # one of each pair, and what is its own image

    def of(sign: float) -> np.ndarray:
        rows = (np.eye(size) + sign * reflection)[first]
        lengths = np.linalg.norm(rows, axis=1)
        return rows[lengths > 0.0] / lengths[lengths > 0.0, None]

    return of(1.0), of(-1.0)


def _pairs(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Bases of the even and the odd vectors (a, b), where reflection swaps a and b; of squared length 2."""
    one = np.eye(count)
    return np.hstack([one, one]), np.hstack([one, -one])


def _length(basis: tuple[torch.Tensor, ...]) -> float:
    """Squared length of a basis' vectors."""
    return float(basis[0][0].square().sum())

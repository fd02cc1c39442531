from __future__ import annotations

import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from torch.nn.functional import silu

from gaitway.learning.critics import DistributionalCritics, StackedLayerNorm, StackedLinear, project


def test_critics_side_by_side_are_critics_one_by_one() -> None:
    torch.manual_seed(0)
    critics = DistributionalCritics(5, 2, (8, 6), count=3, atoms=11, return_bound=4.0)
    for parameter in critics.parameters():
        nn.init.normal_(parameter)
    obs, action = torch.randn(7, 5), torch.randn(7, 2)
    logits = critics.outputs(obs, action)
    for index in range(3):
        x = torch.cat([obs, action], dim=1)
        for layer in critics.layers:
            if isinstance(layer, StackedLinear):
                x = x @ layer.weight[index] + layer.bias[index]
            elif isinstance(layer, StackedLayerNorm):
                x = (x - x.mean(1, keepdim=True)) / (x.var(1, keepdim=True, correction=0) + 1e-5).sqrt()
                x = x * layer.weight[index] + layer.bias[index]
            else:
                x = silu(x)
        torch.testing.assert_close(logits[index], x, rtol=1e-4, atol=1e-4)
        value = (x.softmax(1) * torch.linspace(-4.0, 4.0, 11)).sum(1)
        torch.testing.assert_close(critics(obs, action)[index], value, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(critics(obs, action, first=1), critics(obs, action)[:1])


def _one_by_one(
    probability: torch.Tensor, atoms: list[float], reward: torch.Tensor, discount: torch.Tensor
) -> torch.Tensor:
    """The projection as the paper's algorithm 1 has it, atom by atom."""
    projected, last = torch.zeros_like(probability), len(atoms) - 1
    spacing = (atoms[-1] - atoms[0]) / last
    for critic, sample, atom in torch.cartesian_prod(*(torch.arange(size) for size in probability.shape)):
        value = float(reward[sample] + discount[sample] * atoms[atom])
        place = (min(max(value, atoms[0]), atoms[-1]) - atoms[0]) / spacing
        below, above = math.floor(place), math.ceil(place)
        mass = probability[critic, sample, atom]
        if below == above:
            projected[critic, sample, below] += mass
        else:
            projected[critic, sample, below] += mass * (above - place)
            projected[critic, sample, above] += mass * (place - below)
    return projected


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), whole=st.booleans())
def test_the_projection_is_the_papers_atom_by_atom(seed: int, whole: bool) -> None:
    generator = torch.Generator().manual_seed(seed)
    probability = torch.rand(2, 4, 7, generator=generator, dtype=torch.float64)
    probability /= probability.sum(-1, keepdim=True)
    atoms = torch.linspace(-3.0, 3.0, 7, dtype=torch.float64)
    reward = 4.0 * torch.randn(4, generator=generator, dtype=torch.float64)
    discount = torch.rand(4, generator=generator, dtype=torch.float64)
    if whole:  # lands on the atoms themselves
        reward, discount = reward.round(), discount.round()
    projected = project(probability, atoms, reward, discount)
    torch.testing.assert_close(projected, _one_by_one(probability, atoms.tolist(), reward, discount))
    torch.testing.assert_close(projected.sum(-1), torch.ones(2, 4, dtype=torch.float64))


def test_the_projection_keeps_the_mean_of_what_stays_between_the_ends() -> None:
    generator = torch.Generator().manual_seed(0)
    probability = torch.rand(2, 9, 101, generator=generator, dtype=torch.float64).softmax(-1)
    atoms = torch.linspace(-20.0, 20.0, 101, dtype=torch.float64)
    reward = torch.randn(9, generator=generator, dtype=torch.float64)
    discount = torch.full((9,), 0.7, dtype=torch.float64)
    mean = project(probability, atoms, reward, discount) @ atoms
    torch.testing.assert_close(mean, reward + discount * (probability @ atoms))

"""Target networks: copies that follow what is trained, slowly, so that there is something steady to learn from."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def target_of(network: Network) -> Network:
    """A copy that no gradient reaches."""
    return copy.deepcopy(network).requires_grad_(False)


@torch.no_grad()
def follow(target: nn.Module, network: nn.Module, rate: float) -> None:
    """Move a target towards its network: target += rate * (network - target), in every parameter."""
    torch._foreach_lerp_(list(target.parameters()), list(network.parameters()), rate)  # type: ignore[attr-defined]

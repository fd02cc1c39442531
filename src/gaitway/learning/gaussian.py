"""Diagonal Gaussians over actions."""

from __future__ import annotations

import torch


def log_density(mean: torch.Tensor, std: torch.Tensor, action: torch.Tensor) -> torch.Tensor:
    """Log-density of a diagonal Gaussian, without its constant.

    Args:
        mean: shape (..., action_size).
        std: the same for all. Shape (action_size,).
        action: shape (..., action_size).

    Returns:
        Shape (...).
    """
    return -0.5 * ((action - mean) / std).square().sum(-1) - std.log().sum()


def mean_kl_divergence(
    mean: torch.Tensor, std: torch.Tensor, other_mean: torch.Tensor, other_std: torch.Tensor
) -> torch.Tensor:
    """Mean over samples of KL(N(mean, std) || N(other_mean, other_std)), diagonal Gaussians.

    Args:
        mean: shape (..., action_size).
        std: the same for all samples. Shape (action_size,).
        other_mean: shape (..., action_size).
        other_std: shape (action_size,).

    Returns:
        Shape ().
    """
    squared_distance = (mean - other_mean).square().flatten(0, -2).mean(0)
    return (
        (other_std / std).log() + (std.square() + squared_distance) / (2.0 * other_std.square()) - 0.5
    ).sum()

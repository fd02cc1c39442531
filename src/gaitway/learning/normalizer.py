"""Running mean and variance of observations, kept with the policy."""

from __future__ import annotations

import torch
from torch import nn

from gaitway.tasks import Mirror


class Normalizer(nn.Module):
    """Scales observations to zero mean and unit variance, and clips them to 10 deviations.

    Batches are merged by the parallel form of Welford's algorithm (Chan, Golub and LeVeque 1979).
    """

    mean: torch.Tensor
    var: torch.Tensor
    count: torch.Tensor

    def __init__(self, size: int, mirror: Mirror | None = None, epsilon: float = 1e-4):
        """Begin at zero mean and unit variance.

        Args:
            size: of an observation.
            mirror: a reflection; each observation then counts together with its mirror image.
            epsilon: how many observations the beginning is worth.
        """
        super().__init__()
        self._order = None if mirror is None else torch.from_numpy(mirror.order)
        self._sign = None if mirror is None else torch.from_numpy(mirror.sign).float()
        self.register_buffer("mean", torch.zeros(size))
        self.register_buffer("var", torch.ones(size))
        self.register_buffer("count", torch.full((size,), epsilon, dtype=torch.float64))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Normalised observations, shape (..., n): all of their values or only the first n."""
        mean, var = (statistic[: obs.shape[-1]] for statistic in (self.mean, self.var))
        return ((obs - mean) * torch.rsqrt(var + 1e-8)).clamp(-10.0, 10.0)

    def first(self, size: int) -> Normalizer:
        """One for the first values alone."""
        part = Normalizer(size)
        part.load_state_dict({name: value[:size] for name, value in self.state_dict().items()})
        return part

    @torch.no_grad()
    def update(self, obs: torch.Tensor) -> None:
        """Take in a batch of observations, shape (n, size)."""
        batch_var, batch_mean = torch.var_mean(obs, dim=0, correction=0)
        if self._order is not None and self._sign is not None:
            mirrored_mean = batch_mean[self._order] * self._sign
            batch_var = (batch_var + batch_var[self._order]) / 2.0 + (
                (batch_mean - mirrored_mean) / 2.0
            ).square()
            batch_mean = (batch_mean + mirrored_mean) / 2.0
        total = self.count + obs.shape[0]
        delta = batch_mean - self.mean
        share = (obs.shape[0] / total).float()
        self.mean += delta * share
        self.var += (batch_var - self.var) * share + delta.square() * share * (1.0 - share)
        self.count.copy_(total)

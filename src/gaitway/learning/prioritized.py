"""Prioritised replay (Schaul et al. 2016): transitions that surprised are sampled more often, and weigh less.

Transition i is drawn with P(i) = p_i^a / sum_k p_k^a, where p_i is its last error, and its loss is weighted by
(N P(i))^-b over the greatest weight of the batch, so that with b = 1 the expected gradient is that of uniform replay.
"""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import torch

from gaitway.learning.replay import Replay, Transitions

_CHILDREN = 32
"""Of each node: few levels, each of them one operation for a whole batch."""
_LEAST_PRIORITY = 1e-3
"""Added to errors, so that nothing is forgotten."""


class SumTree:
    """Keeps many values and their sum, and finds where a share of the sum lies, all in batches.

    Attributes:
        values: the leaves. Shape (size,); to be changed by `set` alone.
    """

    def __init__(self, size: int):
        """Begin with zeros."""
        lengths = [size]
        while lengths[-1] > 1:
            lengths.append(-(-lengths[-1] // _CHILDREN))
        self._levels = [np.zeros((-(-length // _CHILDREN), _CHILDREN)) for length in lengths]
        self.values = self._levels[0].reshape(-1)[:size]

    @property
    def total(self) -> float:
        """Sum of the values."""
        return float(self._levels[-1][0, 0])

    def set(self, index: np.ndarray, value: np.ndarray | float) -> None:
        """Replace values; of an index given twice, the last counts. Shapes (n,)."""
        self.values[index] = value
        for lower, upper in itertools.pairwise(self._levels):
            index = index // _CHILDREN
            upper.reshape(-1)[index] = lower[index].sum(axis=1)

    def fill(self, values: np.ndarray) -> None:
        """Replace all values. Shape (size,)."""
        self.set(np.arange(len(self.values)), values)

    def find(self, mass: np.ndarray) -> np.ndarray:
        """Where the running sum of the values first exceeds `mass`, from 0 to below `total`. Shapes (n,)."""
        node = np.zeros(len(mass), dtype=np.int64)
        for level in self._levels[-2::-1]:
            sums = np.cumsum(level[node], axis=1)
            mass = np.minimum(mass, np.nextafter(sums[:, -1], 0.0))  # sums are rounded otherwise above
            child = (sums <= mass[:, None]).sum(axis=1)
            before = np.take_along_axis(sums, np.maximum(child - 1, 0)[:, None], axis=1)[:, 0]
            mass = mass - np.where(child > 0, before, 0.0)
            node = node * _CHILDREN + child
        return node


class PrioritizedReplay(Replay):
    """A replay buffer that draws transitions by their priority.

    Attributes:
        tree: priorities to the power of `exponent`, by row and robot; 0 where nothing was written.
        greatest: the greatest priority so far, which new transitions get.
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        obs_size: int,
        action_size: int,
        *,
        exponent: float,
        **settings: Any,
    ):
        """Allocate.

        Args:
            capacity: as of `Replay`, like all that is not explained here.
            num_envs: robots.
            obs_size: length of an observation.
            action_size: length of an action.
            exponent: how much priorities count: 0 draws uniformly, 1 in proportion.
            **settings: the others of `Replay`.
        """
        super().__init__(capacity, num_envs, obs_size, action_size, **settings)
        self._exponent = exponent
        self.tree = SumTree(self.rows * self.num_envs)
        self.greatest = 1.0
        self._robots = np.arange(self.num_envs)

    def add(self, *transition: torch.Tensor, **named: torch.Tensor) -> None:
        """Take in one step of every robot, with the greatest priority so far; arguments as of `Replay.add`."""
        row = self.written % self.rows
        super().add(*transition, **named)
        self.tree.set(row * self.num_envs + self._robots, self.greatest**self._exponent)

    def sample_by_priority(
        self, count: int, generator: torch.Generator, importance_exponent: float
    ) -> tuple[Transitions, torch.Tensor]:
        """Draw one transition from each of `count` equal shares of the sum of priorities.

        Args:
            count: transitions to draw.
            generator: source of the draws.
            importance_exponent: how much of the bias the weights take away, 0 to 1.

        Returns:
            Transitions, and weights of their losses, at most 1. Shape (count,).
        """
        share = (
            np.arange(count) + torch.rand(count, generator=generator, dtype=torch.float64).numpy()
        ) / count
        leaf = self.tree.find(share * self.tree.total)
        probability = self.tree.values[leaf] / self.tree.total
        weight = (len(self) * probability) ** -importance_exponent
        row, robot = (torch.from_numpy(part) for part in np.divmod(leaf, self.num_envs))
        return self.at(row, robot), torch.from_numpy((weight / weight.max()).astype(np.float32))

    def set_priority(self, index: torch.Tensor, error: torch.Tensor) -> None:
        """Let transitions be as important as their newest errors.

        Args:
            index: `Transitions.index`. Shape (n, 2).
            error: of the value, of any sign. Shape (n,).
        """
        priority = np.abs(error.double().numpy()) + _LEAST_PRIORITY
        row, robot = index.numpy().T
        self.tree.set(row * self.num_envs + robot, priority**self._exponent)
        self.greatest = max(self.greatest, float(priority.max()))

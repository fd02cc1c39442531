"""Fractional delay of what a policy observes."""

from __future__ import annotations

import math

import numpy as np


class DelayLine:
    """The newest values of one quantity of n robots, read at a time between two control steps."""

    def __init__(self, longest_steps: float, num_envs: int, size: int):
        """Make room for delays up to `longest_steps` control steps."""
        self._newest = np.zeros((math.ceil(longest_steps) + 1, num_envs, size))  # newest first

    def push(self, value: np.ndarray, fresh: np.ndarray, *, again: bool = False) -> None:
        """Take in this control step's value.

        Args:
            value: shape (n, size).
            fresh: robots that have no past: their whole line is filled. Shape (n,), bool.
            again: a second call for the same step; only the fresh robots change.
        """
        if not again:
            self._newest[1:] = self._newest[:-1].copy()
            self._newest[0] = value
        if fresh.any():
            self._newest[:, fresh] = value[fresh]

    def read(self, delay_steps: np.ndarray) -> np.ndarray:
        """The value of `delay_steps` ago, linear between two control steps. Shapes (n,) and (n, size)."""
        whole = np.minimum(delay_steps.astype(np.int64), len(self._newest) - 2)
        share = (delay_steps - whole)[:, None]
        robots = np.arange(len(delay_steps))
        return (1.0 - share) * self._newest[whole, robots] + share * self._newest[whole + 1, robots]

    def state(self) -> np.ndarray:
        """Everything that later reads depend on."""
        return self._newest.copy()

    def load(self, state: np.ndarray) -> None:
        """Continue from what `state` returned."""
        self._newest[:] = state

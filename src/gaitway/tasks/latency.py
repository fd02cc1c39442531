"""Fractional delay of what a policy observes."""

from __future__ import annotations

import math

import numpy as np


class DelayLine:
    """The newest values of one quantity of n robots, read at a time between two control steps."""

    def __init__(self, longest_steps: float, num_envs: int, size: int):
        """Make room for delays up to `longest_steps` control steps."""
        self._newest = np.zeros((math.ceil(longest_steps) + 1, num_envs, size))  # newest first

    def push(self, value: np.ndarray) -> None:
        """Take in this control step's value. Shape (n, size)."""
        self._newest[1:] = self._newest[:-1].copy()
        self._newest[0] = value

    def fill(self, value: np.ndarray, env_ids: np.ndarray) -> None:
        """Begin anew for some robots, as if their value had always been this one.

        Args:
            value: shape (len(env_ids), size).
            env_ids: which robots.
        """
        self._newest[:, env_ids] = value

    def read(self, delay_steps: np.ndarray) -> np.ndarray:
        """The value of `delay_steps` ago, linear between two control steps. Shapes (n,) and (n, size)."""
        whole = np.minimum(delay_steps.astype(np.int64), len(self._newest) - 2)
        share = (delay_steps - whole)[:, None]
        if not whole.any():  # no robot's delay is longer than a step: nothing to look up
            newer, older = self._newest[0], self._newest[1]
        else:
            robots = np.arange(len(delay_steps))
            newer, older = self._newest[whole, robots], self._newest[whole + 1, robots]
        return (1.0 - share) * newer + share * older

    def state(self) -> np.ndarray:
        """Everything that later reads depend on."""
        return self._newest.copy()

    def load(self, state: np.ndarray) -> None:
        """Continue from what `state` returned."""
        self._newest[:] = state

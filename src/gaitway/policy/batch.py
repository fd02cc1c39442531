"""A policy's network on many robots at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Advance = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From observations (n, obs_size) and states (n, ...) to actions (n, num_actions) and the next states."""


class PolicyBatch:
    """A network that acts on many robots, and what it carries from one step to the next, of each robot its own."""

    def __init__(self, advance: Advance, state_shape: tuple[int, ...]):
        """Begin an episode on every robot.

        Args:
            advance: the network.
            state_shape: of one robot's state; (0,) for a network that carries none.
        """
        self.advance = advance
        self.state_shape = state_shape
        self._state: np.ndarray | None = None

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        """Take a step.

        Args:
            obs: observations, float32. Shape (n, obs_size).

        Returns:
            Actions. Shape (n, num_actions).
        """
        if self._state is None:
            self._state = np.zeros((len(obs), *self.state_shape), dtype=np.float32)
        action, self._state = self.advance(obs, self._state)
        return action

    def reset(self, robots: np.ndarray | None = None) -> None:
        """Begin an episode on some robots, which forgets nothing of the others.

        Args:
            robots: which; default all. Shape (n,), bool.
        """
        if robots is None:
            self._state = None
        elif self._state is not None:
            kept = ~robots.reshape(-1, *(1 for _ in self.state_shape))
            self._state = np.where(kept, self._state, np.float32(0.0))

"""What algorithms share that choose among discrete actions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from gaitway.errors import GaitwayError


@dataclass(frozen=True, kw_only=True)
class ExplorationConfig:
    """How often an action is drawn at random instead of being the best known."""

    epsilon_start: float = 1.0
    """Share of random actions in the beginning."""
    epsilon_end: float = 0.05
    """Share of random actions after `epsilon_steps`."""
    epsilon_steps: int = 100_000
    """Environment steps, over all robots, in which the share of random actions falls linearly."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon_end <= self.epsilon_start <= 1.0:
            raise GaitwayError(
                f"expected 0 <= epsilon_end <= epsilon_start <= 1; got {self.epsilon_end}, {self.epsilon_start}"
            )
        if self.epsilon_steps < 1:
            raise GaitwayError(f"epsilon_steps must be at least 1; got {self.epsilon_steps}")

    def epsilon(self, env_steps: int) -> float:
        """Share of random actions after so many environment steps, over all robots."""
        fallen = min(1.0, env_steps / self.epsilon_steps)
        return self.epsilon_start + (self.epsilon_end - self.epsilon_start) * fallen


def discrete_actions(env: VectorEnv, algorithm: str) -> spaces.Discrete:
    """The actions of an environment.

    Raises:
        GaitwayError: they are not discrete.
    """
    space = env.single_action_space
    if not isinstance(space, spaces.Discrete):
        raise GaitwayError(f"{algorithm} chooses among discrete actions; these are {space}")
    return space


def final_observations(infos: dict, next_obs: np.ndarray, ended: np.ndarray) -> np.ndarray:
    """What came of a step: `next_obs`, where episodes ended their own last observations.

    Args:
        infos: of the step; Gymnasium's `final_obs` among them where an episode ended.
        next_obs: observations after the step, new episodes' first ones included. Shape (num_envs, ...).
        ended: shape (num_envs,), bool.
    """
    if not ended.any():
        return next_obs
    result = next_obs.copy()
    result[ended] = np.stack(list(infos["final_obs"][ended]))
    return result

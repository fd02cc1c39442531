"""What algorithms share that choose among discrete actions."""

from __future__ import annotations

import numpy as np
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from gaitway.errors import GaitwayError


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

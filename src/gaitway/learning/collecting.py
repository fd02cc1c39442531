"""What collecting experience from a vector environment takes, whichever algorithm collects it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch compute on one thread for a while; idle ones would spin on the cores that the physics needs."""
    threads = torch.get_num_threads()
    if threads == 1:
        yield
        return
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def critic_obs(obs: np.ndarray, infos: dict[str, Any]) -> torch.Tensor:
    """What a critic sees: a copy of the observation, and behind it what only a simulation knows.

    Shape (num_envs, critic_size).
    """
    return _critic_obs(obs, infos.get("privileged"))


def final_critic_obs(infos: dict[str, Any], ended: np.ndarray) -> torch.Tensor:
    """The last observations of episodes that ended in a step, as `critic_obs` has them.

    Args:
        infos: of the step.
        ended: which robots to take. Shape (num_envs,), bool; at least one, of those whose episodes ended.

    Returns:
        Shape (n, critic_size).
    """
    obs, privileged = infos["final_obs"][ended], infos.get("final_privileged")
    if obs.dtype == object:  # so Gymnasium's own vector environments give it
        obs = np.stack(obs)
    return _critic_obs(obs, None if privileged is None else privileged[ended])


def _critic_obs(obs: np.ndarray, privileged: np.ndarray | None) -> torch.Tensor:
    parts = obs if privileged is None else np.concatenate([obs, privileged], axis=1)
    return torch.from_numpy(np.array(parts, dtype=np.float32))

"""The smallest of continuous tasks: go to the origin of a plane and stay there."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space

REACH = 0.4
"""How far a point can move in one step along each axis."""


class PointEnv(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Points that start within 1 of the origin, and are lost beyond 1.5; the reward is minus the squared distance.

    Who always goes straight to the origin has a mean return of -0.15.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}  # noqa: RUF012 (Gymnasium's name)

    def __init__(self, num_envs: int, *, episode_steps: int = 20, bound: float = REACH):
        self.num_envs = num_envs
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (2,), np.float32)
        self.single_action_space = spaces.Box(-bound, bound, (2,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._episode_steps = episode_steps
        self._generator = torch.Generator()
        self._step = np.zeros(num_envs, dtype=np.int64)
        self._position = np.zeros((num_envs, 2), dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        if seed is not None:
            self._generator.manual_seed(seed)
        self._step[:] = 0
        self._position[:] = self._starts()
        return self._position, {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        self._position += np.clip(actions, -REACH, REACH)
        self._step += 1
        distance_sq = np.square(self._position).sum(1)
        terminated = distance_sq > 1.5**2
        truncated = (self._step >= self._episode_steps) & ~terminated
        ended, infos, starts = terminated | truncated, {}, self._starts()
        if ended.any():
            infos = {"final_obs": self._position.copy(), "_final_obs": ended}
            self._position[ended], self._step[ended] = starts[ended], 0
        return self._position, -distance_sq, terminated, truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        generator = self._generator.get_state().numpy()
        return {"step": self._step, "position": self._position, "generator": generator}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        self._step[:], self._position[:] = state["step"], state["position"]
        self._generator.set_state(torch.from_numpy(state["generator"].copy()))

    def _starts(self) -> np.ndarray:
        return torch.rand((self.num_envs, 2), generator=self._generator).numpy() * 2.0 - 1.0

"""A task that cannot be solved without memory."""

from __future__ import annotations

from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space


class Recall(VectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """Shows a sign in the first step of an episode, and then nothing; every action is to repeat it.

    Who does not remember it loses 1 per step, who does loses nothing. Episodes take 6 to 8 steps, the same number in
    each environment, and end by time.
    """

    def __init__(self, num_envs: int):
        self.num_envs = num_envs
        self.metadata = {"autoreset_mode": AutoresetMode.SAME_STEP}
        self.single_observation_space = spaces.Box(-1.0, 1.0, (1,), np.float32)
        self.single_action_space = spaces.Box(-np.inf, np.inf, (1,), np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._length = 6 + np.arange(num_envs) % 3
        self._clock = np.zeros(2, dtype=np.int64)
        self._age = np.zeros(num_envs, dtype=np.int64)
        self._sign = np.ones(num_envs, dtype=np.float32)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        self._clock[:] = seed or 0, 0
        self._begin(np.ones(self.num_envs, dtype=bool))
        return self._obs(), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        reward = -np.square(actions[:, 0] - self._sign)
        self._age += 1
        self._clock[1] += 1
        truncated = self._age == self._length
        infos = {"final_obs": self._obs()}
        self._begin(truncated)
        return self._obs(), reward, np.zeros_like(truncated), truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        return {"clock": self._clock.copy(), "age": self._age.copy(), "sign": self._sign.copy()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        self._clock[:], self._age[:], self._sign[:] = state["clock"], state["age"], state["sign"]

    def _begin(self, envs: np.ndarray) -> None:
        self._age[envs] = 0
        drawn = np.random.default_rng(self._clock).choice(
            np.array([-1.0, 1.0], dtype=np.float32), self.num_envs
        )
        self._sign = np.where(envs, drawn, self._sign)

    def _obs(self) -> np.ndarray:
        return np.where(self._age == 0, self._sign, np.float32(0.0))[:, None]

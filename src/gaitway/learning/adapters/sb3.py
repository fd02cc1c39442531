"""Stable-Baselines3's `VecEnv` over a `gaitway.tasks.VectorEnv`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from gymnasium import Wrapper
from stable_baselines3.common.vec_env import VecEnv
from stable_baselines3.common.vec_env.base_vec_env import VecEnvIndices, VecEnvStepReturn

from gaitway.tasks import VectorEnv


class Sb3VecEnv(VecEnv):
    """Robots as Stable-Baselines3 steps them.

    An episode that ends is reset in the same step. Its robot's info then holds `terminal_observation`, and
    `TimeLimit.truncated` says whether only time ran out, in which case the algorithms bootstrap from that observation.
    The robots share one `VectorEnv`: attributes are those of all of them, and a seed or reset options apply to all.
    """

    def __init__(self, env: VectorEnv):
        self.env = env
        self._actions = np.zeros(env.action_space.shape or (), dtype=np.float32)
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    def reset(self) -> np.ndarray:
        """Begin an episode on every robot.

        Returns:
            Observations. Shape (num_envs, obs_size).
        """
        obs, _ = self.env.reset(seed=self._seeds[0], options=self._options[0])
        self._reset_seeds()
        self._reset_options()
        return obs

    def step_async(self, actions: np.ndarray) -> None:
        """Take in the actions of the next control step. Shape (num_envs, num_joints)."""
        self._actions = actions

    def step_wait(self) -> VecEnvStepReturn:
        """Advance every robot by one control step.

        Returns:
            Observations (num_envs, obs_size), rewards (num_envs,), ended episodes (num_envs,) and an info per robot.
        """
        obs, reward, terminated, truncated, given = self.env.step(self._actions)
        infos: list[dict[str, Any]] = [{"TimeLimit.truncated": bool(flag)} for flag in truncated]
        ended = terminated | truncated
        for i in np.nonzero(ended)[0]:
            infos[i]["terminal_observation"] = given["final_obs"][i]
        return obs, reward, ended, infos

    def close(self) -> None:
        """Close the environment."""
        self.env.close()

    def get_attr(self, attr_name: str, indices: VecEnvIndices = None) -> list[Any]:
        """The environment's attribute, once for each robot asked for."""
        return [getattr(self.env, attr_name)] * self._count(indices)

    def set_attr(self, attr_name: str, value: Any, indices: VecEnvIndices = None) -> None:
        """Set the environment's attribute, for all robots."""
        setattr(self.env, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: VecEnvIndices = None, **method_kwargs: Any
    ) -> list[Any]:
        """Call the environment's method once; its result stands for each robot asked for."""
        result = getattr(self.env, method_name)(*method_args, **method_kwargs)
        return [result] * self._count(indices)

    def env_is_wrapped(self, wrapper_class: type[Wrapper], indices: VecEnvIndices = None) -> list[bool]:
        """No robot has a wrapper of its own."""
        return [False] * self._count(indices)

    def get_images(self) -> Sequence[np.ndarray | None]:
        """No pictures: `gaitway.sim.render` makes them."""
        return [None] * self.num_envs

    def _count(self, indices: VecEnvIndices) -> int:
        return len(list(self._get_indices(indices)))

"""rsl_rl's `VecEnv` over a `gaitway.tasks.VectorEnv`."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from gaitway.tasks import VectorEnv

OBS_GROUPS = {"actor": ["policy"], "critic": ["critic"]}
"""For `obs_groups` in a runner's configuration."""


class RslRlVecEnv(VecEnv):
    """Robots as rsl_rl's runners step them, on the CPU.

    Observations have two groups: `policy`, and `critic`, which is the same with the task's privileged values behind
    it. Episodes that end are reset in the same step; `extras["time_outs"]` marks those that only ran out of time.
    rsl_rl bootstraps these from the value of the observation that was acted on, so it needs no final observation.
    """

    def __init__(self, env: VectorEnv):
        """Wrap an environment and begin the first episodes, which rsl_rl never asks for."""
        self.env = env
        self.num_envs = env.num_envs
        self.num_actions = env.robot.num_joints
        self.max_episode_length = env.task.episode_steps
        self.device = torch.device("cpu")
        self.cfg = {"task": env.task.name, "robot": env.robot.name, "num_envs": env.num_envs}
        self.reset()

    @property
    def episode_length_buf(self) -> torch.Tensor:
        """Control steps since each robot's reset; may be set. Shape (num_envs,)."""
        return torch.from_numpy(self.env.episode_step.copy())

    @episode_length_buf.setter
    def episode_length_buf(  # pyright: ignore[reportIncompatibleVariableOverride]
        self, value: torch.Tensor
    ) -> None:
        self.env.set_episode_step(value.numpy())

    def reset(self) -> tuple[TensorDict, dict[str, Any]]:
        """Begin an episode on every robot."""
        obs, infos = self.env.reset()
        self._observations = self._grouped(obs, infos)
        return self._observations, {}

    def get_observations(self) -> TensorDict:
        """The newest observations, by group. Shapes (num_envs, size)."""
        return self._observations

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Advance every robot by one control step.

        Args:
            actions: network outputs. Shape (num_envs, num_joints).

        Returns:
            Observations by group, rewards (num_envs,), ended episodes (num_envs,), and extras with `time_outs` of
            shape (num_envs,).
        """
        obs, reward, terminated, truncated, infos = self.env.step(actions.detach().cpu().numpy())
        self._observations = self._grouped(obs, infos)
        extras: dict[str, Any] = {"time_outs": torch.from_numpy(truncated)}
        extras["log"] = {f"/{name}": value for name, value in self.env.metrics.items()}
        ended = torch.from_numpy(terminated | truncated).long()
        return self._observations, torch.from_numpy(reward), ended, extras

    def _grouped(self, obs: np.ndarray, infos: dict[str, Any]) -> TensorDict:
        privileged = infos.get("privileged")
        seen = obs if privileged is None else np.concatenate([obs, privileged], axis=1)
        groups = {"policy": torch.from_numpy(obs), "critic": torch.from_numpy(seen)}
        return TensorDict(groups, batch_size=[self.num_envs])

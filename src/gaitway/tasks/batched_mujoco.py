"""Gymnasium's MuJoCo environments, batched: what they have in common.

All environments are rows of one `mujoco.batch.Batch`, which steps them on threads. The models are Gymnasium's own
files, and observations, rewards, terminations and resets are those of its default settings. An environment seeded
alike also draws the same initial states, so that whole rollouts can be compared: `reset(seed=s)` seeds environment i
with s + i, as Gymnasium's SyncVectorEnv does.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, ClassVar

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space
from mujoco.batch import Batch

from gaitway.tasks.task import TaskError

ASSETS = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets"
"""The folder of Gymnasium's models."""


class BatchedMujoco(GymnasiumVectorEnv[np.ndarray, np.ndarray, np.ndarray], ABC):
    """`num_envs` of one of Gymnasium's MuJoCo environments.

    Observations are float64; actions are torques as a share of each motor's gear. Episodes that end are reset in the
    same step: their last observation is `infos["final_obs"]` where `infos["_final_obs"]` is true. The other infos are
    those of the step that was taken, under Gymnasium's names.

    A subclass says what the model is (`_build_model`), what is observed (`_bind`), what a step is worth (`_act`) and
    where the bodies are (`_place`).
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's name)

    env_id: ClassVar[str]
    """Gymnasium's name of the environment."""

    _frame_skip: ClassVar[int]
    """Physics steps in one control step."""

    _reset_noise: ClassVar[float]
    """How far an episode begins from the model's initial state, in each coordinate and its velocity."""

    def __init__(
        self,
        num_envs: int,
        *,
        max_episode_steps: int = 1000,
        num_threads: int = 0,
        clip_actions: bool = False,
    ):
        """Make the environments; `reset` begins the first episodes.

        Args:
            num_envs: how many.
            max_episode_steps: control steps until truncation.
            num_threads: threads that step them; 0 takes every CPU. Results do not depend on it.
            clip_actions: bring actions to their bounds before the step. Without it, as in Gymnasium, the motors
                keep to their bounds all the same, but an action beyond them costs what was asked for.

        Raises:
            TaskError: a count is not positive.
        """
        if num_envs < 1 or max_episode_steps < 1 or num_threads < 0:
            raise TaskError(
                f"{self.env_id} needs num_envs >= 1, max_episode_steps >= 1 and num_threads >= 0; "
                f"got {num_envs}, {max_episode_steps}, {num_threads}"
            )
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self.clip_actions = clip_actions
        self.model = self._build_model()
        self.step_dt = self._frame_skip * self.model.opt.timestep
        """Time of one control step [s]."""
        self._batch = batch = Batch(self.model, num_envs, num_threads)
        self._initial_state = batch.state[0].copy()
        self._qpos, self._qvel, self._ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
        self._observed = self._bind()
        size = sum(part.shape[1] for part in self._observed)
        self._bounds = low, high = self.model.actuator_ctrlrange.T.astype(np.float32)
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.single_action_space = spaces.Box(low, high, dtype=np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.episode_step = np.zeros(num_envs, dtype=np.int64)
        """Control steps since each environment's reset. Shape (num_envs,)."""
        self._generators: list[np.random.Generator] = []

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode in every environment.

        Args:
            seed: environment i draws from a generator seeded with `seed + i` from here on; None goes on with
                the present generators, the first time with random ones.
            options: ignored.

        Returns:
            Observations, shape (num_envs, obs_size), and infos.
        """
        super().reset(seed=seed)
        if seed is not None or not self._generators:
            seeds = [None if seed is None else seed + i for i in range(self.num_envs)]
            self._generators = [np_random(s)[0] for s in seeds]
        return self._begin_episodes(np.arange(self.num_envs)), self._place()

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advance every environment by one control step.

        Args:
            actions: torques as a share of each motor's gear. Shape (num_envs, num_motors).

        Returns:
            Observations (num_envs, obs_size), rewards (num_envs,), terminated (num_envs,), truncated (num_envs,)
            and infos.

        Raises:
            TaskError: `reset` was not called, or actions of another shape or not finite.
        """
        action = np.asarray(actions)
        if not self._generators:
            raise TaskError("step was called before reset")
        if action.shape != self._ctrl.shape or not np.isfinite(action).all():
            raise TaskError(
                f"actions must be finite and of shape {self._ctrl.shape}; got shape {action.shape}"
                f" with {np.count_nonzero(~np.isfinite(action))} values that are not finite"
            )
        reward, terminated, infos = self._act(np.clip(action, *self._bounds) if self.clip_actions else action)
        infos |= self._place()
        self.episode_step += 1
        truncated = self.episode_step >= self.max_episode_steps
        obs = self._observe(slice(None))
        ended = terminated | truncated
        if ended.any():
            infos["final_obs"], infos["_final_obs"] = obs, ended
            env_ids = np.nonzero(ended)[0]
            obs = obs.copy()
            obs[env_ids] = self._begin_episodes(env_ids)
        return obs, reward, terminated, truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; arrays only."""
        generators = json.dumps([generator.bit_generator.state for generator in self._generators])
        return {
            "rng": np.frombuffer(generators.encode(), dtype=np.uint8).copy(),
            "state": self._batch.state.copy(),
            "episode_step": self.episode_step.copy(),
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._generators = [np_random(0)[0] for _ in range(self.num_envs)]
        saved = json.loads(state["rng"].tobytes())
        for generator, generator_state in zip(self._generators, saved, strict=True):
            generator.bit_generator.state = generator_state
        self._batch.state[:] = state["state"]
        self.episode_step[:] = state["episode_step"]

    @abstractmethod
    def _build_model(self) -> mujoco.MjModel:
        """Gymnasium's model."""

    @abstractmethod
    def _bind(self) -> tuple[np.ndarray, ...]:
        """Bind the arrays of the batch that the task reads.

        Returns:
            Those whose rows, one after the other, are an observation. Shapes (num_envs, any).
        """

    @abstractmethod
    def _act(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Take a control step with `_simulate`.

        Returns:
            Rewards, terminated, and what the rewards are made of. Shapes (num_envs,).
        """

    @abstractmethod
    def _place(self) -> dict[str, Any]:
        """Where the bodies are, for `infos`; arrays that do not change afterwards."""

    def _draw_noise(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """How an episode's first qpos and qvel differ from the model's. Shapes (nq,) and (nv,)."""
        noise = self._reset_noise
        return generator.uniform(-noise, noise, self.model.nq), generator.uniform(
            -noise, noise, self.model.nv
        )

    def _simulate(self, action: np.ndarray) -> None:
        """Advance the physics by one control step."""
        self._ctrl[:] = action
        self._batch.step(nstep=self._frame_skip)

    def _observe(self, env_ids: np.ndarray | slice) -> np.ndarray:
        """Observations of these environments, in an array of their own. Shape (n, obs_size)."""
        return np.concatenate([part[env_ids] for part in self._observed], axis=1)

    def _begin_episodes(self, env_ids: np.ndarray) -> np.ndarray:
        """Reset these environments; returns their observations, shape (len(env_ids), obs_size)."""
        self._batch.state[env_ids] = self._initial_state  # what Batch.reset does, at less cost
        for env_id in env_ids:
            qpos_noise, qvel_noise = self._draw_noise(self._generators[env_id])
            self._qpos[env_id] += qpos_noise
            self._qvel[env_id] += qvel_noise
        self._batch.forward(env_ids)
        self.episode_step[env_ids] = 0
        return self._observe(env_ids)

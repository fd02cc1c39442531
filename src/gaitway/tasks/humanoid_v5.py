"""Gymnasium's `Humanoid-v5`, batched: the yardstick shared with other libraries.

The model is Gymnasium's own file, and observations, rewards, terminations and resets are those of its default
settings. An environment seeded alike also draws the same initial states, so that whole rollouts can be compared:
`reset(seed=s)` seeds environment i with s + i, as Gymnasium's SyncVectorEnv does.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.utils.seeding import np_random
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space
from mujoco.batch import Batch

from gaitway.sim.rne_plugin import add_rne_plugin
from gaitway.tasks.task import TaskError

FRAME_SKIP = 5
"""Physics steps in one control step."""

_FORWARD_WEIGHT = 1.25
_CTRL_COST = 0.1
_CONTACT_COST = 5e-7
_MAX_CONTACT_COST = 10.0
_HEALTHY_REWARD = 5.0
_HEALTHY_HEIGHT = (1.0, 2.0)  # of the torso [m]
_RESET_NOISE = 0.01


class HumanoidV5(GymnasiumVectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` of Gymnasium's Humanoid-v5.

    Observations are float64, shape (num_envs, 348); actions are torques as a share of each motor's gear, shape
    (num_envs, 17). Episodes that end are reset in the same step: their last observation is `infos["final_obs"]`
    where `infos["_final_obs"]` is true. The other infos are those of the step that was taken, as in Gymnasium:
    `reward_survive`, `reward_forward`, `reward_ctrl`, `reward_contact`, `x_position`, `y_position`,
    `distance_from_origin` [m], `x_velocity`, `y_velocity` [m/s], `tendon_length` [m] and `tendon_velocity` [m/s].
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's name)

    def __init__(self, num_envs: int, *, max_episode_steps: int = 1000, num_threads: int = 0):
        """Make the environments; `reset` begins the first episodes.

        Args:
            num_envs: how many.
            max_episode_steps: control steps until truncation.
            num_threads: threads that step them; 0 takes every CPU. Results do not depend on it.

        Raises:
            TaskError: a count is not positive.
        """
        if num_envs < 1 or max_episode_steps < 1 or num_threads < 0:
            raise TaskError(
                "Humanoid-v5 needs num_envs >= 1, max_episode_steps >= 1 and num_threads >= 0; "
                f"got {num_envs}, {max_episode_steps}, {num_threads}"
            )
        self.num_envs = num_envs
        self.max_episode_steps = max_episode_steps
        self.model = build_model()
        self.step_dt = FRAME_SKIP * self.model.opt.timestep
        """Time of one control step [s]."""
        self._batch = batch = Batch(self.model, num_envs, num_threads)
        self._initial_state = batch.state[0].copy()
        self._qpos, self._qvel, self._ctrl = batch.bind("qpos"), batch.bind("qvel"), batch.bind("ctrl")
        self._xipos = batch.bind("xipos")
        self._cfrc_ext = batch.bind("cfrc_ext").reshape(num_envs, -1)
        self._tendons = batch.bind("ten_length"), batch.bind("ten_velocity")
        self._observed = (
            self._qpos[:, 2:],
            self._qvel,
            batch.bind("cinert").reshape(num_envs, -1)[:, 10:],  # without the world, as those below
            batch.bind("cvel").reshape(num_envs, -1)[:, 6:],
            batch.bind("qfrc_actuator")[:, 6:],
            self._cfrc_ext[:, 6:],
        )
        size = sum(part.shape[1] for part in self._observed)
        low, high = self.model.actuator_ctrlrange.T.astype(np.float32)
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (size,), np.float64)
        self.single_action_space = spaces.Box(low, high, dtype=np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.episode_step = np.zeros(num_envs, dtype=np.int64)
        """Control steps since each environment's reset. Shape (num_envs,)."""
        self._mass_center = np.zeros((num_envs, 2))
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
            Observations, shape (num_envs, 348), and infos.
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
            actions: torques as a share of each motor's gear. Shape (num_envs, 17).

        Returns:
            Observations (num_envs, 348), rewards (num_envs,), terminated (num_envs,), truncated (num_envs,)
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
        self._ctrl[:] = action
        self._batch.step(nstep=FRAME_SKIP)
        self.episode_step += 1

        height = self._qpos[:, 2]
        healthy = (_HEALTHY_HEIGHT[0] < height) & (height < _HEALTHY_HEIGHT[1])
        truncated = self.episode_step >= self.max_episode_steps
        reward, infos = self._reward(healthy)
        infos |= self._place()
        obs = np.concatenate(self._observed, axis=1)
        ended = ~healthy | truncated
        if ended.any():
            infos["final_obs"], infos["_final_obs"] = obs, ended
            env_ids = np.nonzero(ended)[0]
            obs = obs.copy()
            obs[env_ids] = self._begin_episodes(env_ids)
        return obs, reward, ~healthy, truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; arrays only."""
        generators = json.dumps([generator.bit_generator.state for generator in self._generators])
        return {
            "rng": np.frombuffer(generators.encode(), dtype=np.uint8).copy(),
            "state": self._batch.state.copy(),
            "episode_step": self.episode_step.copy(),
            "mass_center": self._mass_center.copy(),
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._generators = [np_random(0)[0] for _ in range(self.num_envs)]
        saved = json.loads(state["rng"].tobytes())
        for generator, generator_state in zip(self._generators, saved, strict=True):
            generator.bit_generator.state = generator_state
        self._batch.state[:] = state["state"]
        self.episode_step[:] = state["episode_step"]
        self._mass_center = state["mass_center"].copy()

    def _reward(self, healthy: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
        """The step's reward and what it is made of. Shapes (num_envs,)."""
        before = self._mass_center
        self._mass_center = self._find_mass_center(self._xipos)
        velocity = (self._mass_center - before) / self.step_dt
        forward = _FORWARD_WEIGHT * velocity[:, 0]
        survive = _HEALTHY_REWARD * healthy
        ctrl_cost = _CTRL_COST * _squared_norm(self._ctrl)
        contact_cost = np.minimum(_CONTACT_COST * _squared_norm(self._cfrc_ext), _MAX_CONTACT_COST)
        return forward + survive - (ctrl_cost + contact_cost), {
            "reward_survive": survive,
            "reward_forward": forward,
            "reward_ctrl": -ctrl_cost,
            "reward_contact": -contact_cost,
            "x_velocity": velocity[:, 0],
            "y_velocity": velocity[:, 1],
        }

    def _place(self) -> dict[str, Any]:
        """Where the humanoids are, for `infos`."""
        return {
            "x_position": self._qpos[:, 0].copy(),
            "y_position": self._qpos[:, 1].copy(),
            "distance_from_origin": np.hypot(self._qpos[:, 0], self._qpos[:, 1]),
            "tendon_length": self._tendons[0].copy(),
            "tendon_velocity": self._tendons[1].copy(),
        }

    def _begin_episodes(self, env_ids: np.ndarray) -> np.ndarray:
        """Reset these environments; returns their observations, shape (len(env_ids), 348)."""
        self._batch.state[env_ids] = self._initial_state  # what Batch.reset does, at less cost
        for env_id in env_ids:
            generator = self._generators[env_id]
            self._qpos[env_id] += generator.uniform(-_RESET_NOISE, _RESET_NOISE, self.model.nq)
            self._qvel[env_id] += generator.uniform(-_RESET_NOISE, _RESET_NOISE, self.model.nv)
        self._batch.forward(env_ids)
        self.episode_step[env_ids] = 0
        self._mass_center[env_ids] = self._find_mass_center(self._xipos[env_ids])
        obs = np.concatenate([part[env_ids] for part in self._observed], axis=1)
        obs[:, -self._observed[-1].shape[1] :] = 0.0  # cfrc_ext belongs to a step, and there was none
        return obs

    def _find_mass_center(self, xipos: np.ndarray) -> np.ndarray:
        """Horizontal centre of mass [m]. Shapes (n, num_bodies, 3) and (n, 2)."""
        mass = self.model.body_mass
        return np.einsum("b,nbj->nj", mass, xipos[:, :, :2]) / mass.sum()


def build_model() -> mujoco.MjModel:
    """Gymnasium's humanoid, computing `cfrc_ext` in every physics step.

    Constraint islands are off: one body is one island, so that looking for more gives the same bits 3 % later.
    """
    file = Path(gymnasium.__file__).parent / "envs" / "mujoco" / "assets" / "humanoid.xml"
    spec = mujoco.MjSpec.from_file(str(file))
    add_rne_plugin(spec)
    spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND.value
    return spec.compile()


def _squared_norm(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)

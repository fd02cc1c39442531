"""Gymnasium's bodies in the x-z plane, batched: `Hopper-v5`, `HalfCheetah-v5` and `Walker2d-v5`.

The first three values of their qpos are x [m], z [m] and the pitch of the torso [rad]. They are rewarded for the way
that they make along x. All that they need are qpos and qvel, which a physics step leaves up to date; nothing is read
of what MuJoCo computes on the way, which is one physics step late.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import Any, ClassVar

import mujoco
import numpy as np

from gaitway.tasks.batched_mujoco import ASSETS, BatchedMujoco

_MAX_SPEED = 10.0
"""Where the hopper's and the walker's observed velocities are cut off [m/s, rad/s]."""


class _Planar(BatchedMujoco):
    """A body in the plane that observes qpos but x, and qvel."""

    _file: ClassVar[str]
    _ctrl_cost: ClassVar[float]

    def _build_model(self) -> mujoco.MjModel:
        """Gymnasium's model, without constraint islands: one body is one, and a search for more costs 6 to 8 %."""
        model = mujoco.MjModel.from_xml_path(str(ASSETS / self._file))
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND.value
        return model

    def _bind(self) -> tuple[np.ndarray, ...]:
        return self._qpos[:, 1:], self._qvel

    def _run(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        """Take a control step; returns the velocity along x [m/s], the price of the action, and both as infos."""
        before = self._qpos[:, 0].copy()
        self._simulate(action)
        velocity = (self._qpos[:, 0] - before) / self.step_dt
        cost = self._ctrl_cost * np.square(action).sum(axis=1)  # in the precision of the action, as Gymnasium
        return velocity, cost, {"x_velocity": velocity, "reward_forward": velocity, "reward_ctrl": -cost}

    def _place(self) -> dict[str, Any]:
        return {"x_position": self._qpos[:, 0].copy()}


class HalfCheetahV5(_Planar):
    """`num_envs` of Gymnasium's HalfCheetah-v5, whose episodes end by the time limit only.

    Observations are float64, shape (num_envs, 17); actions are torques as a share of each motor's gear, shape
    (num_envs, 6). Infos: `x_position` [m], `x_velocity` [m/s], `reward_forward` and `reward_ctrl`.
    """

    env_id = "HalfCheetah-v5"
    _file = "half_cheetah.xml"
    _frame_skip = 5
    _reset_noise = 0.1
    _ctrl_cost = 0.1

    def _act(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        velocity, cost, infos = self._run(action)
        return velocity - cost, np.zeros(self.num_envs, dtype=bool), infos

    def _draw_noise(self, generator: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Uniform in qpos and normal in qvel. Shapes (nq,) and (nv,)."""
        qpos = generator.uniform(-self._reset_noise, self._reset_noise, self.model.nq)
        return qpos, self._reset_noise * generator.standard_normal(self.model.nv)


class _Upright(_Planar):
    """A body in the plane whose episode ends when it falls, and that earns 1 in every step until then."""

    _frame_skip = 4
    _reset_noise = 5e-3
    _ctrl_cost = 1e-3

    @abstractmethod
    def _healthy(self) -> np.ndarray:
        """Which have not fallen. Shape (num_envs,), bool."""

    def _act(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        velocity, cost, infos = self._run(action)
        healthy = self._healthy()
        infos["reward_survive"] = survive = healthy.astype(np.float64)
        return velocity + survive - cost, ~healthy, infos

    def _place(self) -> dict[str, Any]:
        return {**super()._place(), "z_distance_from_origin": self._qpos[:, 1] - self.model.qpos0[1]}

    def _observe(self, env_ids: np.ndarray | slice) -> np.ndarray:
        obs = super()._observe(env_ids)
        qvel = obs[:, -self.model.nv :]
        np.clip(qvel, -_MAX_SPEED, _MAX_SPEED, out=qvel)
        return obs


class HopperV5(_Upright):
    """`num_envs` of Gymnasium's Hopper-v5.

    Observations are float64, shape (num_envs, 11); actions are torques as a share of each motor's gear, shape
    (num_envs, 3). Infos: `x_position`, `z_distance_from_origin` [m], `x_velocity` [m/s], `reward_forward`,
    `reward_ctrl` and `reward_survive`.
    """

    env_id = "Hopper-v5"
    _file = "hopper.xml"

    def _healthy(self) -> np.ndarray:
        z, pitch = self._qpos[:, 1], self._qpos[:, 2]
        moderate = (np.abs(self._qpos[:, 2:]) < 100.0).all(axis=1) & (np.abs(self._qvel) < 100.0).all(axis=1)
        return moderate & (z > 0.7) & (np.abs(pitch) < 0.2)


class Walker2dV5(_Upright):
    """`num_envs` of Gymnasium's Walker2d-v5.

    Observations are float64, shape (num_envs, 17); actions are torques as a share of each motor's gear, shape
    (num_envs, 6). Infos are those of `HopperV5`.
    """

    env_id = "Walker2d-v5"
    _file = "walker2d_v5.xml"

    def _healthy(self) -> np.ndarray:
        z, pitch = self._qpos[:, 1], self._qpos[:, 2]
        return (z > 0.8) & (z < 2.0) & (np.abs(pitch) < 1.0)

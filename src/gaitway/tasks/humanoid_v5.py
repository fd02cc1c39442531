"""Gymnasium's `Humanoid-v5`, batched: the yardstick shared with other libraries."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np

from gaitway.sim.rne_plugin import add_rne_plugin
from gaitway.tasks.batched_mujoco import ASSETS, BatchedMujoco

_FORWARD_WEIGHT = 1.25
_CTRL_COST = 0.1
_CONTACT_COST = 5e-7
_MAX_CONTACT_COST = 10.0
_HEALTHY_REWARD = 5.0
_HEALTHY_HEIGHT = (1.0, 2.0)  # of the torso [m]


class HumanoidV5(BatchedMujoco):
    """`num_envs` of Gymnasium's Humanoid-v5.

    Observations are float64, shape (num_envs, 348); actions are torques as a share of each motor's gear, shape
    (num_envs, 17). Episodes that end are reset in the same step: their last observation is `infos["final_obs"]`
    where `infos["_final_obs"]` is true. The other infos are those of the step that was taken, as in Gymnasium:
    `reward_survive`, `reward_forward`, `reward_ctrl`, `reward_contact`, `x_position`, `y_position`,
    `distance_from_origin` [m], `x_velocity`, `y_velocity` [m/s], `tendon_length` [m] and `tendon_velocity` [m/s].
    """

    env_id = "Humanoid-v5"
    _frame_skip = 5
    _reset_noise = 0.01

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; arrays only."""
        return {**super().state_dict(), "mass_center": self._mass_center.copy()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        super().load_state_dict(state)
        self._mass_center = state["mass_center"].copy()

    def _build_model(self) -> mujoco.MjModel:
        """Gymnasium's humanoid, computing `cfrc_ext` in every physics step.

        Constraint islands are off: one body is one island, so that looking for more gives the same bits 3 % later.
        """
        spec = mujoco.MjSpec.from_file(str(ASSETS / "humanoid.xml"))
        add_rne_plugin(spec)
        spec.option.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND.value
        return spec.compile()

    def _bind(self) -> tuple[np.ndarray, ...]:
        batch, rows = self._batch, (self.num_envs, -1)
        self._mass_center = np.zeros((self.num_envs, 2))
        self._xipos = batch.bind("xipos")
        self._cfrc_ext = batch.bind("cfrc_ext").reshape(rows)
        self._tendons = batch.bind("ten_length"), batch.bind("ten_velocity")
        return (
            self._qpos[:, 2:],
            self._qvel,
            batch.bind("cinert").reshape(rows)[:, 10:],  # without the world, as those below
            batch.bind("cvel").reshape(rows)[:, 6:],
            batch.bind("qfrc_actuator")[:, 6:],
            self._cfrc_ext[:, 6:],
        )

    def _act(self, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, dict[str, Any]]:
        before = self._mass_center
        self._simulate(action)
        self._mass_center = self._find_mass_center(self._xipos)
        velocity = (self._mass_center - before) / self.step_dt
        height = self._qpos[:, 2]
        healthy = (_HEALTHY_HEIGHT[0] < height) & (height < _HEALTHY_HEIGHT[1])
        forward = _FORWARD_WEIGHT * velocity[:, 0]
        survive = _HEALTHY_REWARD * healthy
        ctrl_cost = _CTRL_COST * _squared_norm(self._ctrl)
        contact_cost = np.minimum(_CONTACT_COST * _squared_norm(self._cfrc_ext), _MAX_CONTACT_COST)
        return (
            forward + survive - (ctrl_cost + contact_cost),
            ~healthy,
            {
                "reward_survive": survive,
                "reward_forward": forward,
                "reward_ctrl": -ctrl_cost,
                "reward_contact": -contact_cost,
                "x_velocity": velocity[:, 0],
                "y_velocity": velocity[:, 1],
            },
        )

    def _place(self) -> dict[str, Any]:
        return {
            "x_position": self._qpos[:, 0].copy(),
            "y_position": self._qpos[:, 1].copy(),
            "distance_from_origin": np.hypot(self._qpos[:, 0], self._qpos[:, 1]),
            "tendon_length": self._tendons[0].copy(),
            "tendon_velocity": self._tendons[1].copy(),
        }

    def _begin_episodes(self, env_ids: np.ndarray) -> np.ndarray:
        obs = super()._begin_episodes(env_ids)
        self._mass_center[env_ids] = self._find_mass_center(self._xipos[env_ids])
        obs[:, -self._observed[-1].shape[1] :] = 0.0  # cfrc_ext belongs to a step, and there was none
        return obs

    def _find_mass_center(self, xipos: np.ndarray) -> np.ndarray:
        """Horizontal centre of mass [m]. Shapes (n, num_bodies, 3) and (n, 2)."""
        mass = self.model.body_mass
        return np.einsum("b,nbj->nj", mass, xipos[:, :, :2]) / mass.sum()


def _squared_norm(rows: np.ndarray) -> np.ndarray:
    return np.einsum("ij,ij->i", rows, rows)

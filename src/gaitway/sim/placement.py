"""Where a robot must be put on terrain so that none of its feet starts in the ground."""

from __future__ import annotations

import mujoco
import numpy as np

from gaitway.robots import Robot
from gaitway.sim.terrain import Terrain

MARGIN = 0.005
"""Least distance between a foot and the highest ground under it [m]."""


class Placement:
    """Heights of bases, from joint positions and places."""

    def __init__(self, robot: Robot, model: mujoco.MjModel, terrain: Terrain):
        self._terrain = terrain
        self._model = model
        self._data = mujoco.MjData(model)
        self._data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
        self._joint_qpos = [int(model.joint(name).qposadr[0]) for name in robot.joint_names]
        self._geoms = np.array([model.geom(name).id for name in robot.foot_geoms], dtype=np.int64)

    def base_height(self, joint_pos: np.ndarray, base_xy: np.ndarray) -> np.ndarray:
        """Least height of upright bases at which every foot geom is MARGIN above all ground that it is over.

        Args:
            joint_pos: in the order of the robot's joints [rad]. Shape (n, num_joints).
            base_xy: where the bases are in world frame [m]. Shape (n, 2).

        Returns:
            Heights in world frame [m]. Shape (n,).
        """
        feet_b = np.array([self._foot_pos_b(row) for row in joint_pos]).reshape(len(joint_pos), -1, 3)
        needed = [
            self._terrain.highest(base_xy[:, 0] + foot[:, 0], base_xy[:, 1] + foot[:, 1], radius)
            - foot[:, 2]
            + radius
            for foot, radius in zip(
                feet_b.transpose(1, 0, 2), self._model.geom_rbound[self._geoms].tolist(), strict=True
            )
        ]
        return np.max(needed, axis=0) + MARGIN

    def _foot_pos_b(self, joint_pos: np.ndarray) -> np.ndarray:
        """Centres of the foot geoms in base frame [m]. Shape (geoms, 3)."""
        self._data.qpos[self._joint_qpos] = joint_pos
        mujoco.mj_kinematics(self._model, self._data)
        return self._data.geom_xpos[self._geoms].copy()

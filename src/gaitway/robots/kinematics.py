"""Where a robot's soles are, from its joints alone. Needs MuJoCo, which the extra `sim` provides."""

from __future__ import annotations

import mujoco
import numpy as np

from gaitway.robots.model_spec import model_spec
from gaitway.robots.robot import Robot


class FootKinematics:
    """Forward kinematics of the points that a robot stands on: its foot geoms."""

    def __init__(self, robot: Robot):
        self._model = model_spec(robot).compile()
        self._data = mujoco.MjData(self._model)
        self._qpos = [self._model.joint(name).qposadr[0] for name in robot.joint_names]
        self._dofs = [self._model.joint(name).dofadr[0] for name in robot.joint_names]
        self._geoms = [self._model.geom(name).id for name in robot.foot_geoms]
        self._data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0

    def points(
        self, joint_pos: np.ndarray, joint_vel: np.ndarray, base_ang_vel_b: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Centres of the foot geoms and their velocities, as if the base turned but did not travel.

        Args:
            joint_pos: in the order of `robot.joint_names` [rad]. Shape (num_joints,).
            joint_vel: [rad/s] Shape (num_joints,).
            base_ang_vel_b: angular velocity of the base in base frame [rad/s]. Shape (3,).

        Returns:
            Positions [m] and velocities [m/s] in base frame. Shapes (points, 3).
        """
        model, data = self._model, self._data
        data.qpos[self._qpos] = joint_pos
        data.qvel[3:6] = base_ang_vel_b
        data.qvel[self._dofs] = joint_vel
        mujoco.mj_kinematics(model, data)
        mujoco.mj_comPos(model, data)
        mujoco.mj_comVel(model, data)
        velocity = np.zeros((len(self._geoms), 6))
        for i, geom in enumerate(self._geoms):
            mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_GEOM, geom, velocity[i], 0)
        return data.geom_xpos[self._geoms].copy(), velocity[:, 3:].copy()

"""Odometry from joints and IMU, against a robot moved about a foot that stands still."""

from __future__ import annotations

import mujoco
import numpy as np

from gaitway import rotation
from gaitway.robots import h23
from gaitway.robots.odometry import LegOdometry

ROBOT = h23()
DT = 0.005


def _joint_pos(time_s: float) -> np.ndarray:
    """The left leg bends and leans, the right foot is held in the air."""
    pos = dict(zip(ROBOT.joint_names, ROBOT.home_joint_pos, strict=True))
    pos["right_knee_joint"] = 1.2
    for index, joint in enumerate(("hip_pitch", "hip_roll", "hip_yaw", "knee", "ankle_pitch", "ankle_roll")):
        pos[f"left_{joint}_joint"] += 0.1 * np.sin(2.0 * np.pi * 0.7 * time_s + index)
    return np.array([pos[name] for name in ROBOT.joint_names])


def _base_pose(joint_pos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Position and orientation of the base when the left foot stands flat at the world's origin."""
    model = mujoco.MjModel.from_xml_string(ROBOT.mjcf)
    data = mujoco.MjData(model)
    data.qpos[:7] = 0, 0, 0, 1, 0, 0, 0
    data.qpos[7:] = joint_pos
    mujoco.mj_kinematics(model, data)
    foot = data.body("left_ankle_roll")
    base_quat_w = rotation.conjugate(foot.xquat.copy())
    return -rotation.rotate(base_quat_w, foot.xpos.copy()), base_quat_w


def test_the_base_moves_as_the_standing_foot_says() -> None:
    odometry = LegOdometry(ROBOT)
    start, quat = _base_pose(_joint_pos(0.0))
    pos = start
    for step in range(1, 401):
        time_s = step * DT
        joint_pos = _joint_pos(time_s)
        joint_vel = (_joint_pos(time_s + 1e-4) - _joint_pos(time_s - 1e-4)) / 2e-4
        pos, quat = _base_pose(joint_pos)
        _, later = _base_pose(_joint_pos(time_s + 1e-4))
        difference = rotation.multiply(rotation.conjugate(quat), later)
        ang_vel_b = 2.0 * difference[1:] / 1e-4
        mounting = np.array(ROBOT.imu.quat)
        imu_quat = rotation.multiply(quat, mounting)
        imu_ang_vel = rotation.rotate(rotation.conjugate(mounting), ang_vel_b)
        odometry.update(joint_pos, joint_vel, imu_quat, imu_ang_vel, DT)
        np.testing.assert_allclose(odometry.base_pos_w[:2], (pos - start)[:2], atol=2e-3)
    height = (
        pos[2] + 0.037
    )  # from the ankle to the sole's contact spheres' centres is 0.027, their radius 0.01
    assert abs(odometry.base_pos_w[2] + 0.01 - height) < 2e-3
    np.testing.assert_allclose(odometry.base_quat_w, quat, atol=1e-12)

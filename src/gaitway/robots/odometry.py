"""Odometry from joints and IMU: what stands on the ground does not move, so the base does.

The points of the feet that are lowest along gravity are taken to be at rest; the base's velocity is what makes them
so (leg odometry, as in Bloesch et al. 2012, without the filter). Orientation is the IMU's. Nothing measures slip, so
the position drifts.
"""

from __future__ import annotations

import numpy as np

from gaitway import rotation
from gaitway.robots.kinematics import FootKinematics
from gaitway.robots.robot import Robot

_CONTACT_DEPTH = 0.005
"""A point this much above the lowest counts 1/e as much as that [m]."""


class LegOdometry:
    """Position and velocity of the base, from one instant's sensor values to the next."""

    def __init__(self, robot: Robot):
        """Begin at the origin, heading as the IMU says."""
        self._kinematics = FootKinematics(robot)
        self._mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
        self._mounting = np.array(robot.imu.quat)
        self.base_pos_w = np.array([0.0, 0.0, robot.home_base_height])
        """Position of the base in the odometry's frame [m]. Shape (3,)."""
        self.base_quat_w = np.array([1.0, 0.0, 0.0, 0.0])
        """Orientation of the base in the odometry's frame, wxyz. Shape (4,)."""
        self.base_lin_vel_w = np.zeros(3)
        """[m/s] Shape (3,)."""
        self.base_ang_vel_b = np.zeros(3)
        """[rad/s] Shape (3,)."""

    def update(
        self,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        imu_quat_w: np.ndarray,
        imu_ang_vel: np.ndarray,
        elapsed_s: float,
    ) -> None:
        """Take in one instant.

        Args:
            joint_pos: in the order of `robot.joint_names` [rad]. Shape (num_joints,).
            joint_vel: [rad/s] Shape (num_joints,).
            imu_quat_w: orientation of the IMU in world frame, wxyz. Shape (4,).
            imu_ang_vel: angular velocity in IMU frame [rad/s]. Shape (3,).
            elapsed_s: time since the instant before [s].
        """
        self.base_quat_w = rotation.multiply(imu_quat_w, self._mounting_inverse)
        self.base_ang_vel_b = rotation.rotate(self._mounting, imu_ang_vel)
        points_b, velocities_b = self._kinematics.points(joint_pos, joint_vel, self.base_ang_vel_b)
        points_w = rotation.rotate(self.base_quat_w, points_b)
        height = points_w[:, 2] - points_w[:, 2].min()
        weight = np.exp(-height / _CONTACT_DEPTH)
        still_b = (weight[:, None] * velocities_b).sum(axis=0) / weight.sum()
        self.base_lin_vel_w = -rotation.rotate(self.base_quat_w, still_b)
        self.base_pos_w = self.base_pos_w + elapsed_s * self.base_lin_vel_w
        self.base_pos_w[2] = -points_w[:, 2].min()  # the ground is taken to be level

"""What a robot's sensors measure, and the noise on it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from gaitway import rotation


class Samples(NamedTuple):
    """Sensor values, of any number of robots and instants."""

    joint_pos: np.ndarray
    """As the encoders read them [rad]. Shape (..., num_joints)."""
    joint_vel: np.ndarray
    """[rad/s] Shape (..., num_joints)."""
    joint_effort: np.ndarray
    """[N m] Shape (..., num_joints)."""
    imu_quat_w: np.ndarray
    """Orientation of the IMU in world frame as it measures it, wxyz. Shape (..., 4)."""
    imu_ang_vel: np.ndarray
    """In IMU frame as the gyroscope measures it [rad/s]. Shape (..., 3)."""


@dataclass(frozen=True, kw_only=True)
class SensorNoise:
    """Half-widths of uniform noise, drawn anew for each value."""

    joint_pos: float = 0.0
    """[rad]"""
    joint_vel: float = 0.0
    """[rad/s]"""
    joint_effort: float = 0.0
    """[N m]"""
    tilt: float = 0.0
    """Of the orientation about the IMU's x and y axes [rad]."""
    ang_vel: float = 0.0
    """[rad/s]"""

    def added(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """The samples with noise; without any, nothing is drawn."""

        def noisy(values: np.ndarray, width: float) -> np.ndarray:
            return values + rng.uniform(-width, width, values.shape) if width else values

        quat = samples.imu_quat_w
        if self.tilt:
            x, y = rng.uniform(-0.5 * self.tilt, 0.5 * self.tilt, (2, *quat.shape[:-1]))
            small = np.stack([np.sqrt(1.0 - x * x - y * y), x, y, np.zeros_like(x)], axis=-1)
            quat = rotation.multiply(quat, small)
        return Samples(
            noisy(samples.joint_pos, self.joint_pos),
            noisy(samples.joint_vel, self.joint_vel),
            noisy(samples.joint_effort, self.joint_effort),
            quat,
            noisy(samples.imu_ang_vel, self.ang_vel),
        )

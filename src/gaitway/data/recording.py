"""What was recorded of one live run, as arrays."""

from __future__ import annotations

import io
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np

from gaitway.files import write_atomically


@dataclass(frozen=True, kw_only=True)
class Recording:
    """One live run. Times are of the steady clock, from the start of the run [s]."""

    joint_names: np.ndarray
    """Shape (num_joints,), str."""
    state_time_s: np.ndarray
    """Arrivals of joint states. Shape (n,)."""
    joint_pos: np.ndarray
    """[rad] Shape (n, num_joints)."""
    imu_time_s: np.ndarray
    """Arrivals of IMU data. Shape (k,)."""
    tilt: np.ndarray
    """Angle between the base's up axis and the world's [rad]. Shape (k,)."""
    command_time_s: np.ndarray
    """Arrivals of joint commands. Shape (m,)."""
    joint_pos_target: np.ndarray
    """[rad] Shape (m, num_joints)."""
    latency_s: np.ndarray
    """From a joint state's publication to the arrival at the robot of the command computed from it."""
    push_time_s: np.ndarray
    """Shape (p,)."""
    push_impulse_w: np.ndarray
    """In world frame [N s]. Shape (p, 3)."""
    picture_time_s: np.ndarray
    """Shape (q,)."""
    picture_qpos: np.ndarray
    """Base position, base orientation wxyz and joint positions, to draw the robot from. Shape (q, nq)."""

    def save(self, path: Path) -> None:
        """Write as a NumPy .npz archive, atomically."""
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **{field.name: getattr(self, field.name) for field in fields(self)})
        write_atomically(path, buffer.getvalue())

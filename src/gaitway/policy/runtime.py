"""Running a policy file's network, one control step at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from gaitway.policy.observation import ObservationBuilder
from gaitway.policy.spec import PolicySpec
from gaitway.policy.terms import Sensors


@dataclass(frozen=True)
class PolicyStep:
    """What one control step computed, in the policy's joint order."""

    obs: np.ndarray
    """Shape (obs_size,), float32."""
    action: np.ndarray
    """Network output after its clip. Shape (num_actions,)."""
    joint_pos_target: np.ndarray
    """[rad] Shape (num_joints,)."""


class PolicyRuntime:
    """The network of one policy file with the state it carries from step to step."""

    def __init__(self, spec: PolicySpec, session: onnxruntime.InferenceSession):
        self.spec = spec
        self._session = session
        self._input = session.get_inputs()[0].name
        self._builder = ObservationBuilder(spec.observation)
        self._home = np.array(spec.robot.home_joint_pos)
        self._mounting = np.array(spec.robot.imu_mounting_quat)
        self._scale = np.array(spec.action.scale)
        self._offset = np.array(spec.action.offset)
        self._last_action = np.zeros(len(spec.action.joint_names))

    def reset(self) -> None:
        """Begin an episode: history and last action are forgotten."""
        self._builder.reset()
        self._last_action = np.zeros_like(self._last_action)

    def step(
        self,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        imu_quat_w: np.ndarray,
        imu_ang_vel: np.ndarray,
    ) -> PolicyStep:
        """Compute one control step from raw sensor values.

        Args:
            joint_pos: joint positions in the order of `spec.robot.joint_names` [rad]. Shape (num_joints,).
            joint_vel: joint velocities [rad/s]. Shape (num_joints,).
            imu_quat_w: orientation of the IMU in world frame, wxyz. Shape (4,).
            imu_ang_vel: angular velocity in IMU frame [rad/s]. Shape (3,).

        Returns:
            Observation, action and joint targets. What is not finite is not caught here: the Guard behind
            the runtime looks at measurements and targets both.
        """
        sensors = Sensors(
            joint_pos=np.asarray(joint_pos, dtype=np.float64)[None],
            joint_vel=np.asarray(joint_vel, dtype=np.float64)[None],
            imu_quat_w=np.asarray(imu_quat_w, dtype=np.float64)[None],
            imu_ang_vel=np.asarray(imu_ang_vel, dtype=np.float64)[None],
            last_action=self._last_action[None],
            home_joint_pos=self._home,
            imu_mounting_quat=self._mounting,
        )
        obs = self._builder.build(sensors)
        action = self.infer(obs)[0].astype(np.float64)
        self._last_action = action
        return PolicyStep(obs[0], action, self._offset + self._scale * action)

    def infer(self, obs: np.ndarray) -> np.ndarray:
        """Network output after its clip.

        Args:
            obs: observations, float32. Shape (n, obs_size).

        Returns:
            Actions, float32. Shape (n, num_actions).
        """
        (action,) = self._session.run(None, {self._input: obs})
        bound = np.float32(self.spec.action.clip)
        return np.clip(np.asarray(action), -bound, bound)

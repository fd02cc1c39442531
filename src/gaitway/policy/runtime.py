"""Running a policy file's network, one control step at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from gaitway.policy.gait import advance_phase, gait_clock
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
        self._start_phase = self._phase = np.zeros(1)

    def reset(self, start_phase: float = 0.0) -> None:
        """Begin an episode: history and last action are forgotten.

        Args:
            start_phase: gait phase of the first stride [rad]: 0 to swing the left foot first, pi the right.
        """
        self._builder.reset()
        self._last_action = np.zeros_like(self._last_action)
        self._start_phase = self._phase = np.array([start_phase])

    def step(
        self,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        imu_quat_w: np.ndarray,
        imu_ang_vel: np.ndarray,
        command: np.ndarray | None = None,
        base_lin_vel_b: np.ndarray | None = None,
    ) -> PolicyStep:
        """Compute one control step from raw sensor values.

        Args:
            joint_pos: joint positions in the order of `spec.robot.joint_names` [rad]. Shape (num_joints,).
            joint_vel: joint velocities [rad/s]. Shape (num_joints,).
            imu_quat_w: orientation of the IMU in world frame, wxyz. Shape (4,).
            imu_ang_vel: angular velocity in IMU frame [rad/s]. Shape (3,).
            command: vx, vy [m/s] and yaw rate [rad/s] in the yaw-aligned base frame, clipped to the policy's
                ranges; default zero. A policy that takes no command ignores it. Shape (3,).
            base_lin_vel_b: for a policy that observes what only a simulation knows: linear velocity of the base
                in base frame [m/s]. Shape (3,).

        Returns:
            Observation, action and joint targets. What is not finite is not caught here: the Guard behind
            the runtime looks at measurements and targets both.
        """
        given = np.zeros((1, 3)) if command is None else np.asarray(command, dtype=np.float64)[None]
        if self.spec.command is not None:
            given = self.spec.command.clip(given)
        gait = self.spec.gait
        sensors = Sensors(
            command=given,
            gait_clock=gait_clock(self._phase, given) if gait else None,
            joint_pos=np.asarray(joint_pos, dtype=np.float64)[None],
            joint_vel=np.asarray(joint_vel, dtype=np.float64)[None],
            imu_quat_w=np.asarray(imu_quat_w, dtype=np.float64)[None],
            imu_ang_vel=np.asarray(imu_ang_vel, dtype=np.float64)[None],
            last_action=self._last_action[None],
            home_joint_pos=self._home,
            imu_mounting_quat=self._mounting,
            base_lin_vel_b=None if base_lin_vel_b is None else np.asarray(base_lin_vel_b)[None],
        )
        obs = self._builder.build(sensors)
        action = self.infer(obs)[0].astype(np.float64)
        self._last_action = action
        if gait:
            self._phase = advance_phase(
                self._phase, self._start_phase, given, gait.period_s, self.spec.step_dt
            )
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

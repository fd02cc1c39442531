"""Running a policy file's network, one control step at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnxruntime

from gaitway.policy.batch import Advance, PolicyBatch
from gaitway.policy.gait import advance_phase, gait_clock
from gaitway.policy.observation import ObservationBuilder
from gaitway.policy.spec import PolicyError, PolicySpec
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
        self._network = session_network(session)
        self._builder = ObservationBuilder(spec.observation)
        self._home = np.array(spec.robot.home_joint_pos)
        self._mounting = np.array(spec.robot.imu_mounting_quat)
        self._scale = np.array(spec.action.scale)
        self._offset = np.array(spec.action.offset)
        self._last_action = np.zeros(len(spec.action.joint_names))
        self._start_phase = self._phase = np.zeros(1)
        self._state = self._start_state = np.zeros((1, *spec.state_shape), dtype=np.float32)

    def reset(self, start_phase: float = 0.0) -> None:
        """Begin an episode: history, last action and recurrent state are forgotten.

        Args:
            start_phase: gait phase of the first stride [rad]: 0 to swing the left foot first, pi the right.
        """
        self._builder.reset()
        self._last_action = np.zeros_like(self._last_action)
        self._start_phase = self._phase = np.array([start_phase])
        self._state = self._start_state

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
        output, self._state = self.advance(obs, self._state)
        self._last_action = action = output[0].astype(np.float64)
        if gait:
            self._phase = advance_phase(
                self._phase, self._start_phase, given, gait.period_s, self.spec.step_dt
            )
        return PolicyStep(obs[0], action, self._offset + self._scale * action)

    def batch(self) -> PolicyBatch:
        """The network, to act on many robots that begin an episode; apart from the one that `step` controls."""
        return PolicyBatch(self.advance, self.spec.state_shape)

    def infer(self, obs: np.ndarray) -> np.ndarray:
        """Network output after its clip, of a network without recurrent state.

        Args:
            obs: observations, float32. Shape (n, obs_size).

        Returns:
            Actions, float32. Shape (n, num_actions).

        Raises:
            PolicyError: the network carries a state from step to step.
        """
        if self.spec.state is not None:
            raise PolicyError(
                "the policy is recurrent: one observation does not decide its action; use batch() or step()"
            )
        return self.advance(obs, np.empty((len(obs), 0), dtype=np.float32))[0]

    def advance(self, obs: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Network output after its clip, and the next state.

        Args:
            obs: observations, float32. Shape (n, obs_size).
            state: recurrent states, float32, zeros at the beginning. Shape `(n, *spec.state_shape)`.

        Returns:
            Actions, float32, shape (n, num_actions), and the next states, of the shape of `state`.
        """
        action, next_state = self._network(obs, state)
        bound = np.float32(self.spec.action.clip)
        return np.clip(action, -bound, bound), next_state


def session_network(session: onnxruntime.InferenceSession) -> Advance:
    """The network of an inference session; where it has no second input, states pass by it unchanged."""
    names = [value.name for value in session.get_inputs()]

    def advance(obs: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = session.run(None, dict(zip(names, (obs, state), strict=False)))
        action, next_state = (*outputs, state)[:2]
        return np.asarray(action), np.asarray(next_state)

    return advance

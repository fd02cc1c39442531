"""Running a policy file's network, one control step at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import onnxruntime

from gaitway.policy.batch import Advance, PolicyBatch
from gaitway.policy.gait import advance_phase, gait_clock
from gaitway.policy.single import SingleNetwork, SingleObservation
from gaitway.policy.spec import PolicyError, PolicySpec
from gaitway.policy.terms import Sensors

_STANDING = (0.0, 0.0, 0.0)


class PolicyStep(NamedTuple):
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
        self._single = SingleNetwork(spec, session)
        self._observation = SingleObservation(spec.observation, self._single.obs)
        self._upper = np.full(len(spec.action.joint_names), spec.action.clip, dtype=np.float32)
        self._lower = -self._upper
        self._scale = np.array(spec.action.scale)
        self._offset = np.array(spec.action.offset)
        self._start_phase = self._phase = 0.0
        self._sensors = Sensors(
            joint_pos=np.zeros(0),
            joint_vel=np.zeros(0),
            imu_quat_w=(),
            imu_ang_vel=(),
            last_action=np.zeros(len(spec.action.joint_names)),
            home_joint_pos=np.array(spec.robot.home_joint_pos),
            imu_mounting_quat=tuple(spec.robot.imu_mounting_quat),
        )

    def reset(self, start_phase: float = 0.0) -> None:
        """Begin an episode: history, last action and recurrent state are forgotten.

        Args:
            start_phase: gait phase of the first stride [rad]: 0 to swing the left foot first, pi the right.
        """
        self._observation.reset()
        self._single.reset()
        self._sensors.last_action = np.zeros(len(self._scale))
        self._start_phase = self._phase = start_phase

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
        spec, sensors = self.spec, self._sensors
        sensors.joint_pos, sensors.joint_vel = joint_pos, joint_vel
        sensors.imu_quat_w = _floats(imu_quat_w)
        sensors.imu_ang_vel = _floats(imu_ang_vel)
        sensors.base_lin_vel_b = None if base_lin_vel_b is None else _floats(base_lin_vel_b)
        given = _STANDING if command is None else _floats(command)
        sensors.command = given = given if spec.command is None else spec.command.clip(given)
        if spec.gait is not None:
            sensors.gait_clock = gait_clock(self._phase, given)
            self._phase = advance_phase(
                self._phase, self._start_phase, given, spec.gait.period_s, spec.step_dt
            )
        self._observation.build(sensors)
        output = self._single.run()
        output.clip(self._lower, self._upper, out=output)
        sensors.last_action = action = output.astype(np.float64)
        return PolicyStep(self._single.obs.copy(), action, self._offset + self._scale * action)

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


def _floats(values: np.ndarray) -> tuple[float, ...]:
    return tuple(values.tolist() if isinstance(values, np.ndarray) else values)


def session_network(session: onnxruntime.InferenceSession) -> Advance:
    """The network of an inference session; where it has no second input, states pass by it unchanged."""
    names = [value.name for value in session.get_inputs()]

    def advance(obs: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        outputs = session.run(None, dict(zip(names, (obs, state), strict=False)))
        action, next_state = (*outputs, state)[:2]
        return np.asarray(action), np.asarray(next_state)

    return advance

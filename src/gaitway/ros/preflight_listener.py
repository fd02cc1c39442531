"""Hearing everything that a preflight judges of a running robot."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from sensor_msgs.msg import Imu, JointState

from gaitway.policy import PolicyRuntime
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import steady_s
from gaitway.ros.robot_client import RobotClient
from gaitway.safety.preflight import Readings, Stream

_DRAIN_S = 0.3

Heard = tuple[float, float]
"""When a message came: on the steady and on the wall clock [s]."""


@dataclass
class _Window:
    """Messages of one window, as they came."""

    joints: list[tuple[Heard, JointState]] = field(default_factory=list)
    imu: list[tuple[Heard, Imu]] = field(default_factory=list)


class PreflightListener:
    """Hears a robot through a client's node; changes nothing."""

    def __init__(self, client: RobotClient, runtime: PolicyRuntime):
        """Subscribe.

        Args:
            client: whose spinning serves this.
            runtime: the policy that is to run on the robot.
        """
        self.client = client
        self.runtime = runtime
        self.joint_state: JointState | None = None
        """The newest."""
        self.on_joint_state: Callable[[JointState], None] | None = None
        self.state: DiagnosticStatus | None = None
        """The newest on `/robot/state`."""
        self._window = _Window()
        node = client.node
        node.create_subscription(JointState, names.JOINT_STATES, self._on_joints, names.WATCH_IN)
        node.create_subscription(Imu, names.IMU, self._on_imu, names.WATCH_IN)
        node.create_subscription(DiagnosticStatus, names.ROBOT_STATE, self._on_state, names.LATCHED)

    def find(self, timeout_s: float = 5.0) -> None:
        """Wait until the robot is heard.

        Raises:
            RosError: it is not.
        """
        if not self.client.spin_until(lambda: bool(self._window.joints or self._window.imu), timeout_s):
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            raise RosError(
                f"no robot: nothing on {names.JOINT_STATES} or {names.IMU} within {timeout_s:g} s in ROS domain {domain}; "
                "start its driver, or a simulated one with --simulate"
            )
        self.client.spin_for(0.5)  # so that whatever else there is has been discovered

    def listen(self, seconds: float, on_progress: Callable[[float], None] = lambda share: None) -> Readings:
        """Everything that is heard for a while.

        Args:
            seconds: for how long [s].
            on_progress: told the share that is over.
        """
        positional = self._positional_joints()
        self.client.spin_for(_DRAIN_S)  # what waited while the robot was asked is not late on its account
        self._window = window = _Window()
        started_s = steady_s()
        while (elapsed_s := steady_s() - started_s) < seconds:
            self.client.spin_for(min(0.1, seconds - elapsed_s))
            on_progress(min(1.0, elapsed_s / seconds))
        self._window = _Window()
        return self._readings(window, positional)

    def _on_joints(self, message: JointState) -> None:
        self.joint_state = message
        self._window.joints.append((self._now(), message))
        if self.on_joint_state is not None:
            self.on_joint_state(message)

    def _on_imu(self, message: Imu) -> None:
        self._window.imu.append((self._now(), message))

    def _on_state(self, message: DiagnosticStatus) -> None:
        self.state = message

    def _now(self) -> Heard:
        return steady_s(), self.client.node.get_clock().now().nanoseconds * 1e-9

    def _positional_joints(self) -> tuple[str, ...] | None:
        try:
            (joints,) = self.client.get_parameters(names.ROBOT, ["joints"])
        except RosError:
            return None
        return None if joints is None else tuple(joints)

    def _readings(self, window: _Window, positional: tuple[str, ...] | None) -> Readings:
        spec = self.runtime.spec.robot
        first = tuple(window.joints[0][1].name) if window.joints else ()
        same_joints = sorted(first) == sorted(spec.joint_names)
        by_name = [
            (heard, message, messages.by_name(message, spec.joint_names) if same_joints else None)
            for heard, message in window.joints
        ]
        whole = [(heard, message, pair) for heard, message, pair in by_name if pair is not None]
        lacking = [
            message
            for _, message, pair in by_name
            if tuple(message.name) != first or (same_joints and pair is None)
        ]
        empty = np.empty((0, len(spec.joint_names)))
        obs, error = self._observe(whole, window.imu)
        values = messages.values_of(self.state) if self.state is not None else {}
        acc = [
            [message.linear_acceleration.x, message.linear_acceleration.y, message.linear_acceleration.z]
            for _, message in window.imu
            if message.linear_acceleration_covariance[0] != -1.0
        ]
        return Readings(
            joints=_stream(window.joints),
            joint_names=first,
            malformed=len(lacking),
            joint_pos=np.array([pair[0] for _, _, pair in whole]) if whole else empty,
            joint_vel=np.array([pair[1] for _, _, pair in whole]) if whole else empty,
            imu=_stream(window.imu),
            imu_quat_w=np.array([messages.imu_quat_w(message) for _, message in window.imu]).reshape(-1, 4),
            imu_ang_vel=np.array([messages.imu_ang_vel(message) for _, message in window.imu]).reshape(-1, 3),
            imu_lin_acc=np.array(acc) if acc and any(any(row) for row in acc) else None,
            obs=obs,
            joint_pos_error=error,
            positional_joints=positional,
            mode=self.state.message if self.state is not None else None,
            stop_reason=values.get("reason", "no reason given") if values.get("stopped") == "True" else None,
        )

    def _observe(self, joints: list, imu: list) -> tuple[np.ndarray, np.ndarray]:
        """What the policy would observe and command at its rate, from the newest values of each instant."""
        runtime = self.runtime
        runtime.reset()
        obs, error = [], []
        due_s, place = -np.inf, 0
        for (arrival_s, _), _, (joint_pos, joint_vel) in joints:
            while place < len(imu) and imu[place][0][0] <= arrival_s:
                place += 1
            if place == 0 or arrival_s < due_s:
                continue
            due_s = max(due_s, arrival_s - runtime.spec.step_dt) + runtime.spec.step_dt
            message = imu[place - 1][1]
            step = runtime.step(
                joint_pos, joint_vel, messages.imu_quat_w(message), messages.imu_ang_vel(message)
            )
            obs.append(step.obs)
            error.append(step.joint_pos_target - joint_pos)
        runtime.reset()
        return np.array(obs), np.array(error)


def _stream(heard: list[tuple[Heard, JointState]] | list[tuple[Heard, Imu]]) -> Stream:
    stamps = [messages.nanoseconds(message.header.stamp) for _, message in heard]
    return Stream(
        arrival_s=np.array([arrival_s for (arrival_s, _), _ in heard]),
        clock_s=np.array([clock_s for (_, clock_s), _ in heard]),
        stamp_s=np.array([stamp * 1e-9 if stamp else np.nan for stamp in stamps]),
    )

"""Moving the joints of a held robot gently: to its home pose, and each of them a little."""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

import numpy as np
from rclpy.clock import Clock, ClockType  # pyright: ignore[reportPrivateImportUsage]
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from gaitway.policy import adapted
from gaitway.robots import Robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import steady_s
from gaitway.ros.preflight_listener import PreflightListener
from gaitway.safety import Guard, GuardLimits, RobotMode
from gaitway.safety.preflight.wiggle import (
    AVERAGED_S,
    DURATION_S,
    HOLD_S,
    RAMP_S,
    JointMotion,
    direction,
    displacement,
    velocity_share,
)

BLEND_S = 2.0
"""Time from the measured pose to home [s]."""
_SETTLE_S = 0.5
_OTHERS_S = 0.5
_MEMORY_S = 1.0


@dataclass(frozen=True)
class _Sample:
    """One joint state, in the policy's joint order."""

    heard_s: float
    stamp_s: float
    joint_pos: np.ndarray
    joint_vel: np.ndarray


class GantryCommander:
    """Commands a held robot through a Guard, from the measured pose on.

    As a context manager it holds the home pose until it ends; then the robot rests as it did before.
    """

    def __init__(self, listener: PreflightListener, robot: Robot):
        """Prepare.

        Args:
            listener: who hears the robot.
            robot: its description.
        """
        self._listener = listener
        self._client = listener.client
        self._spec = listener.runtime.spec
        self._guard = Guard(
            GuardLimits.from_robot(adapted(robot, self._spec.robot)), self._spec.step_dt, blend_s=BLEND_S
        )
        self._home = np.array(self._spec.robot.home_joint_pos)
        self._target = self._home
        self._samples: list[_Sample] = []

    def __enter__(self) -> GantryCommander:
        """Begin to command.

        Raises:
            RosError: the robot is not held, or somebody commands it already.
        """
        if not self.held:
            raise RosError(
                "only a robot that says on /robot/state that it is held, and not stopped, is moved; it says "
                f"{self._listener.state.message if self._listener.state else 'nothing'}"
            )
        node = self._client.node
        others: list[object] = []
        topics = ((JointState, names.JOINT_COMMANDS), (Float64MultiArray, names.JOINT_TORQUES))
        subscriptions = [
            node.create_subscription(kind, topic, others.append, names.COMMAND) for kind, topic in topics
        ]
        self._client.spin_for(_OTHERS_S)
        for subscription in subscriptions:
            node.destroy_subscription(subscription)
        if others:
            raise RosError("somebody commands the robot's joints already; deactivate the controller first")
        self._publisher = node.create_publisher(JointState, names.JOINT_COMMANDS, names.COMMAND)
        self._timer = node.create_timer(
            self._spec.step_dt, self._command, clock=Clock(clock_type=ClockType.STEADY_TIME)
        )
        self._listener.on_joint_state = self._on_joint_state
        self._client.spin_for(BLEND_S + _SETTLE_S)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.on_joint_state = None
        self._client.node.destroy_timer(self._timer)
        self._client.node.destroy_publisher(self._publisher)

    @property
    def held(self) -> bool:
        """Whether the robot says that it is held."""
        state = self._listener.state
        return state is not None and state.message == RobotMode.HELD.value

    def wiggle(self, joint: int, amplitude_rad: float) -> JointMotion:
        """Move one joint out, hold it, and take it back.

        Args:
            joint: its place in the policy's joint order.
            amplitude_rad: how far [rad].

        Raises:
            RosError: no joint states came meanwhile.
        """
        away = amplitude_rad * direction(self._spec.robot, joint, self._home[joint])
        started_s = steady_s()
        while (elapsed_s := steady_s() - started_s) < DURATION_S:
            target = self._home.copy()
            target[joint] += away * displacement(elapsed_s)
            self._target = target
            self._client.spin_for(self._spec.step_dt)
        self._target = self._home
        held_s = started_s + RAMP_S + HOLD_S
        before = self._pose_before(started_s, _MEMORY_S)
        out = [sample for sample in self._samples if started_s <= sample.heard_s <= held_s]
        moved = self._pose_before(held_s, HOLD_S) - before
        self._samples = [sample for sample in self._samples if sample.heard_s > held_s]
        share = velocity_share(
            np.array([sample.stamp_s for sample in out]),
            np.array([sample.joint_pos[joint] for sample in out]),
            np.array([sample.joint_vel[joint] for sample in out]),
        )
        return JointMotion(joint, away, moved, share)

    def _pose_before(self, end_s: float, memory_s: float) -> np.ndarray:
        """Mean of the newest positions up to a time; after a stall of this computer, the newest one."""
        found = [sample for sample in self._samples if end_s - memory_s <= sample.heard_s <= end_s]
        if not found:
            raise RosError(f"no joint states of all joints for {memory_s:g} s")
        newest = [sample for sample in found if sample.heard_s >= end_s - AVERAGED_S] or found[-1:]
        return np.mean([sample.joint_pos for sample in newest], axis=0)

    def _on_joint_state(self, message: JointState) -> None:
        measured = messages.by_name(message, self._spec.robot.joint_names)
        if measured is not None:
            heard_s, stamp_ns = steady_s(), messages.nanoseconds(message.header.stamp)
            self._samples.append(_Sample(heard_s, stamp_ns * 1e-9 if stamp_ns else heard_s, *measured))

    def _command(self) -> None:
        message = self._listener.joint_state
        measured = message and messages.by_name(message, self._spec.robot.joint_names)
        if message is None or measured is None:
            return
        target = self._guard.filter(self._target, *measured).joint_pos_target
        joints = self._spec.robot.joint_names
        command = messages.joint_state(message.header.stamp, joints, () if target is None else target)
        self._publisher.publish(command)

"""The newest of what a robot's nodes say, for a node that answers questions about it.

The watch brings a node, an executor and a thread of its own: hundreds of sensor messages a second cost least in the
events executor, and the node that asks can be spun by another.
"""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from nav_msgs.msg import Odometry
from rclpy._rclpy_pybind11 import RCLError
from rclpy.context import Context
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import UInt64

from gaitway import rotation
from gaitway.ros import messages, names
from gaitway.ros.node_main import EventsExecutor, steady_s
from gaitway.safety import RobotMode

_LATELY_S = 1.0
_HEARTBEAT_S = 0.5
_WAKE_S = 0.2

Message = TypeVar("Message")


@dataclass
class Heard(Generic[Message]):
    """The newest message of a topic, and how alive the topic is."""

    message: Message | None = None
    count: int = 0
    """Messages so far."""
    _heard_s: float = -math.inf

    def hear(self, message: Message) -> None:
        """Take a message in."""
        self.message, self._heard_s = message, steady_s()
        self.count += 1

    def age_s(self) -> float:
        """Since the newest message came [s]; infinity where none has."""
        return steady_s() - self._heard_s


class RobotWatch:
    """Hears sensors, modes and stops."""

    def __init__(self, name: str, context: Context):
        """Begin to listen.

        Args:
            name: of the node that hears.
            context: an initialised rclpy context.
        """
        self.joints: Heard[JointState] = Heard()
        self.imu: Heard[Imu] = Heard()
        self.odometry: Heard[Odometry] = Heard()
        self.robot: Heard[DiagnosticStatus] = Heard()
        self.safety: Heard[DiagnosticStatus] = Heard()
        self._heartbeat: Heard[UInt64] = Heard()
        self._controller: Heard[DiagnosticStatus] = Heard()
        self.node = Node(name, context=context, start_parameter_services=False)
        subscriptions: list[Any] = [
            (JointState, names.JOINT_STATES, self.joints.hear, names.SENSOR_IN),
            (Imu, names.IMU, self.imu.hear, names.SENSOR_IN),
            (Odometry, names.ODOM, self.odometry.hear, names.SENSOR_IN),
            (DiagnosticStatus, names.ROBOT_STATE, self.robot.hear, names.LATCHED),
            (DiagnosticStatus, names.SAFETY_STATE, self.safety.hear, names.LATCHED),
            (UInt64, names.SAFETY_HEARTBEAT, self._heartbeat.hear, names.EVENT),
            (DiagnosticArray, names.DIAGNOSTICS, self._on_diagnostics, names.EVENT),
        ]
        for kind, topic, callback, qos in subscriptions:
            self.node.create_subscription(kind, topic, callback, qos)
        self._context = context
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._spin, name=name, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop listening."""
        self._ended.set()
        self._thread.join()
        self.node.destroy_node()

    def _spin(self) -> None:
        executor = EventsExecutor(context=self._context)
        executor.add_node(self.node)
        while not self._ended.is_set():
            try:
                executor.spin_once(timeout_sec=_WAKE_S)
            except (ExternalShutdownException, RCLError):  # the context ended before the watch
                return

    def _on_diagnostics(self, message: DiagnosticArray) -> None:
        for status in message.status:
            if status.name == names.CONTROLLER:
                self._controller.hear(status)

    # What the messages amount to

    def robot_mode(self) -> RobotMode | None:
        """The robot's own mode; None where it has not spoken lately."""
        message = self.robot.message
        return RobotMode(message.message) if message and self.robot.age_s() < _LATELY_S else None

    def obeys_velocities(self) -> bool:
        """Whether the controller says that it follows velocity commands."""
        message = self._controller.message
        return message is not None and messages.values_of(message).get("obeys_velocities") == "True"

    def stop(self) -> dict[str, str] | None:
        """Values of the stop that holds the robot, `reason` among them; None where there is none."""
        for heard in (self.safety, self.robot):
            values = messages.values_of(heard.message) if heard.message else {}
            if values.get("stopped") == "True":
                return values
        return None

    def on_gantry(self) -> bool:
        """Whether the robot says that it hangs on its gantry."""
        message = self.robot.message
        return message is not None and messages.values_of(message).get("on_gantry") == "True"

    def supervised(self) -> bool:
        """Whether the safety supervisor's heartbeat is heard."""
        return self._heartbeat.age_s() < _HEARTBEAT_S

    def pose(self) -> tuple[np.ndarray, float] | None:
        """Position of the base [m], shape (2,), and its heading [rad], by `/odom`; None where that is not fresh."""
        message = self.odometry.message
        if message is None or self.odometry.age_s() > _HEARTBEAT_S:
            return None
        pose = message.pose.pose
        yaw = float(rotation.yaw(messages.quat_wxyz(pose.orientation)))
        return np.array([pose.position.x, pose.position.y]), yaw

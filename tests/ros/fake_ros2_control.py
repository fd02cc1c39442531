"""Joints behind a forward effort or position controller of ros2_control, in a process of their own.

    python tests/ros/fake_ros2_control.py effort

Each joint is a wheel on a shaft with friction; under a position controller it follows like a servo.
"""

from __future__ import annotations

import contextlib
import sys

import numpy as np
import rclpy
from rclpy.executors import ExternalShutdownException
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from gaitway.robots import h23
from gaitway.ros import messages, names
from gaitway.ros.node_main import steady_timer

ROBOT = h23()
JOINTS = sorted(ROBOT.joint_names)
"""The controller's order: neither the robot's nor that of the joint states."""
_DT = 0.005
_INERTIA, _FRICTION = 0.5, 4.0


class FakeRos2Control(Node):
    """The controller's parameter and topic, and the joint state broadcaster."""

    def __init__(self, interface: str):
        super().__init__(f"forward_{interface}_controller")
        self.declare_parameter("joints", JOINTS)
        self.declare_parameter("jammed", False)
        self.declare_parameter("joint_states", "good")  # or "nan", of the first joint; or "none"
        self._interface = interface
        order = [ROBOT.joint_names.index(name) for name in JOINTS]
        self._pos = np.array(ROBOT.home_joint_pos)[order]
        self._vel = np.zeros(len(JOINTS))
        self._command = self._pos.copy() if interface == "position" else np.zeros(len(JOINTS))
        self._states = self.create_publisher(JointState, names.JOINT_STATES, names.SENSOR_OUT)
        self.create_subscription(Float64MultiArray, "~/commands", self._on_command, 1)
        steady_timer(self, _DT, self._tick)

    def _on_command(self, message: Float64MultiArray) -> None:
        self._command = np.array(message.data)

    def _tick(self) -> None:
        torque = self._command
        if self._interface == "position":
            torque = 100.0 * (self._command - self._pos) - 8.0 * self._vel
        self._vel = self._vel + _DT / _INERTIA * (torque - _FRICTION * self._vel)
        if self.get_parameter("jammed").value:
            self._vel = np.zeros(len(JOINTS))
        self._pos = self._pos + _DT * self._vel
        kind = self.get_parameter("joint_states").value
        if kind == "none":
            return
        stamp = self.get_clock().now().to_msg()
        position = self._pos.copy()
        if kind == "nan":
            position[0] = np.nan
        self._states.publish(messages.joint_state(stamp, JOINTS[::-1], position[::-1], self._vel[::-1]))


def main() -> None:
    rclpy.init()
    with contextlib.suppress(KeyboardInterrupt, ExternalShutdownException):
        rclpy.spin(FakeRos2Control(sys.argv[1]))


if __name__ == "__main__":
    main()

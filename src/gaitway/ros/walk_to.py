"""Node `walk_to`: walks to a point by sending `/cmd_vel` from `/odom`, and ends when it is there.

It turns to the goal, walks along its heading, and slows down on the last metre. The process ends with 0 at the goal
and with 1 when its time has run out.
"""

from __future__ import annotations

import sys

import numpy as np
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node

from gaitway import rotation
from gaitway.behaviors import velocity_to
from gaitway.ros import messages, names
from gaitway.ros.node_main import run_node, steady_s, steady_timer

_COMMAND_HZ = 20.0
_STAND_S = 1.0


class WalkTo(Node):
    """The walk's adapter to ROS 2."""

    def __init__(self) -> None:
        super().__init__(names.WALK_TO)
        for name, default, description in (
            ("x", 5.0, "Goal in the frame of /odom [m]."),
            ("y", 0.0, "Goal in the frame of /odom [m]."),
            ("tolerance", 0.25, "Distance from the goal that counts as there [m]."),
            ("timeout_s", 60.0, "Time to give up after [s]."),
        ):
            self.declare_parameter(
                name, default, ParameterDescriptor(description=description, read_only=True)
            )
        self._goal = np.array([self._value("x"), self._value("y")])
        self._tolerance, self._timeout_s = self._value("tolerance"), self._value("timeout_s")
        self._odom: Odometry | None = None
        self._started_s = steady_s()
        self._there_s: float | None = None
        self._velocity = self.create_publisher(Twist, names.CMD_VEL, names.EVENT)
        self.create_subscription(Odometry, names.ODOM, self._on_odom, names.SENSOR_IN)
        steady_timer(self, 1.0 / _COMMAND_HZ, self._tick)

    def _value(self, name: str) -> float:
        value = self.get_parameter(name).value
        assert isinstance(value, float)
        return value

    def _on_odom(self, message: Odometry) -> None:
        self._odom = message

    def _tick(self) -> None:
        now_s = steady_s()
        if now_s - self._started_s > self._timeout_s:
            self.get_logger().error(f"not at the goal within {self._timeout_s} s")
            sys.exit(1)
        if self._odom is None:
            return
        pose = self._odom.pose.pose
        position = np.array([pose.position.x, pose.position.y])
        yaw = float(rotation.yaw(messages.quat_wxyz(pose.orientation)))
        distance = float(np.linalg.norm(self._goal - position))
        if self._there_s is None and distance <= self._tolerance:
            self._there_s = now_s
            self.get_logger().info(
                f"there: {distance:.2f} m from the goal after {now_s - self._started_s:.1f} s"
            )
        velocity = np.zeros(3) if self._there_s is not None else velocity_to(self._goal, position, yaw)
        self._velocity.publish(messages.twist(velocity))
        if self._there_s is not None and now_s - self._there_s > _STAND_S:
            sys.exit(0)


if __name__ == "__main__":
    run_node(WalkTo)

"""Node `pong`: sends back every JointState of `ping`."""

from __future__ import annotations

from rclpy.node import Node
from sensor_msgs.msg import JointState

from gaitway.ros import names
from gaitway.ros.node_main import run_node
from gaitway.ros.ping import PING, PONG


class Pong(Node):
    """Answers."""

    def __init__(self) -> None:
        super().__init__("pong")
        self._pong = self.create_publisher(JointState, PONG, names.COMMAND)
        self.create_subscription(JointState, PING, self._pong.publish, names.SENSOR_IN)


if __name__ == "__main__":
    run_node(Pong)

"""Node `ping`: the least that an exchange of joint states between two processes takes, with `pong`.

Publishes a JointState of 23 joints on `/ping` and says on `/ping/round_trip` how long the answer took.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from rclpy.node import Node
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from gaitway.ros import messages, names
from gaitway.ros.node_main import run_node, steady_s, steady_timer

PING, PONG, ROUND_TRIP = "/ping", "/pong", "/ping/round_trip"

_NUM_JOINTS = 23
_REMEMBERED = 200


class Ping(Node):
    """Asks, and times the answers."""

    def __init__(self) -> None:
        super().__init__("ping")
        rate_hz = self.declare_parameter("rate_hz", 200.0).value
        assert isinstance(rate_hz, float)
        values = np.linspace(-1.0, 1.0, _NUM_JOINTS)
        self._message = messages.joint_state(
            messages.stamp_from(0), [f"joint_{i}" for i in range(_NUM_JOINTS)], values, values, values
        )
        self._sent_s: OrderedDict[int, float] = OrderedDict()
        self._count = 0
        self._ping = self.create_publisher(JointState, PING, names.SENSOR_OUT)
        self._round_trip = self.create_publisher(Float64, ROUND_TRIP, names.EVENT)
        self.create_subscription(JointState, PONG, self._on_pong, names.COMMAND)
        steady_timer(self, 1.0 / rate_hz, self._ask)

    def _ask(self) -> None:
        self._count += 1
        self._message.header.stamp = messages.stamp_from(self._count)
        self._sent_s[self._count] = steady_s()
        self._ping.publish(self._message)
        if len(self._sent_s) > _REMEMBERED:
            self._sent_s.popitem(last=False)

    def _on_pong(self, message: JointState) -> None:
        sent_s = self._sent_s.pop(messages.nanoseconds(message.header.stamp), None)
        if sent_s is not None:
            self._round_trip.publish(Float64(data=steady_s() - sent_s))


if __name__ == "__main__":
    run_node(Ping)

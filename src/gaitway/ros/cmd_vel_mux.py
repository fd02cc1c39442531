"""Node `cmd_vel_mux`: several senders of velocities, of whom the robot obeys the most important one that is speaking.

Each name of the parameter `sources` is a topic `cmd_vel/NAME` with a priority and a timeout, as in twist_mux: a message
goes on to `cmd_vel` unless a source of higher priority has spoken within its timeout. So a person who takes the
joystick interrupts an agent, and the agent goes on when the joystick is let go. `active_source` says who is obeyed.

An agent is put behind it by moving its topic: `--ros-args -r cmd_vel:=cmd_vel/agent`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from geometry_msgs.msg import Twist, TwistStamped
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.node import Node
from std_msgs.msg import String

from gaitway.behaviors import Arbiter, Source
from gaitway.ros import names
from gaitway.ros.node_main import run_node, steady_s, steady_timer

_PRIORITIES = {"teleop": 100, "agent": 10}
_WATCH_HZ = 10.0


class CmdVelMux(Node):
    """Forwards what the arbiter lets through."""

    def __init__(self) -> None:
        super().__init__("cmd_vel_mux")
        sources = self._fixed(
            "sources", list(_PRIORITIES), "Names of the sources; each is a topic cmd_vel/NAME."
        )
        kind = TwistStamped if self._fixed("use_stamped_vel", False, "TwistStamped, not Twist.") else Twist
        self._arbiter = Arbiter([self._source(name) for name in sources])
        self._out = self.create_publisher(kind, "cmd_vel", names.COMMAND)
        self._active_out = self.create_publisher(String, "active_source", names.LATCHED)
        self._active: str | None = None
        self._tell("")
        for name in sources:
            self.create_subscription(kind, f"cmd_vel/{name}", self._forward(name), names.COMMAND)
        steady_timer(self, 1.0 / _WATCH_HZ, self._watch)

    def _fixed(self, name: str, default, description: str, **ranges):
        descriptor = ParameterDescriptor(description=description, read_only=True, **ranges)
        return self.declare_parameter(name, default, descriptor).value

    def _source(self, name: str) -> Source:
        priority = self._fixed(
            f"{name}.priority",
            _PRIORITIES.get(name, 50),
            f"Priority of {name}; the greater, the more important.",
            integer_range=[IntegerRange(from_value=0, to_value=255)],
        )
        timeout_s = self._fixed(
            f"{name}.timeout_s",
            0.5,
            f"Silence after which {name} counts as gone [s].",
            floating_point_range=[FloatingPointRange(from_value=0.05, to_value=60.0)],
        )
        return Source(name=name, priority=priority, timeout_s=timeout_s)

    def _forward(self, name: str) -> Callable[[Twist | TwistStamped], None]:
        def forward(message: Twist | TwistStamped) -> None:
            twist = message.twist if isinstance(message, TwistStamped) else message
            if not math.isfinite(twist.linear.x + twist.linear.y + twist.angular.z):
                self.get_logger().warning(
                    f"{name} sent a velocity that is not finite", throttle_duration_sec=1.0
                )
            elif self._arbiter.heard(name, steady_s()):
                self._out.publish(message)
                self._watch()

        return forward

    def _watch(self) -> None:
        active = self._arbiter.active(steady_s())
        if active != self._active:
            self._active = active
            self._tell(active or "")

    def _tell(self, active: str) -> None:
        self._active_out.publish(String(data=active))
        self.get_logger().info(f"{active} is obeyed" if active else "nobody sends velocities")


if __name__ == "__main__":
    run_node(CmdVelMux)

"""Node `reactive_navigator`: walks straight on, and turns where something is nearer than `stop_distance` ahead.

It decides from `scan` ten times a second and sends `cmd_vel`; without a fresh scan it stands. Where the scan finds left
and right alike, `camera/image_raw` decides, if there is one: the side with fewer edges is the clearer one. `status` says
what it does and how far the nearest thing ahead is.

Pictures are looked at in a thread of their own, the newest first, so that they never delay a scan or a decision. A
lifecycle node, which activates itself unless `autostart` is false.
"""

from __future__ import annotations

import math
from typing import Any

from geometry_msgs.msg import Twist
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Image, LaserScan
from std_msgs.msg import String

from gaitway.behaviors import Reactive, ReactiveConfig, Scan, clearer_side
from gaitway.ros import messages, names
from gaitway.ros.agents.bounded_stage import BoundedStage
from gaitway.ros.node_main import run_node, steady_s, steady_timer

_RATE_HZ = 10.0


class ReactiveNavigator(LifecycleNode):
    """Keeps the newest scan and picture; a timer decides."""

    def __init__(self) -> None:
        super().__init__("reactive_navigator")
        self._looking: BoundedStage[Image] = BoundedStage(self._look, 1)
        self._reactive = Reactive(
            ReactiveConfig(
                stop_distance=self._fixed(
                    "stop_distance", 1.0, "Stop and turn where something is nearer [m].", 0.3, 5.0
                ),
                margin=self._fixed("margin", 0.2, "Walk on when clear for this much more [m].", 0.0, 2.0),
                speed=self._fixed("speed", 0.4, "Speed straight on [m/s].", 0.0, 1.0),
                turn_rate=self._fixed("turn_rate", 0.5, "Turn rate [rad/s].", 0.1, 1.5),
                half_angle=self._fixed(
                    "half_angle", 0.6, "Ahead is what lies within this angle [rad].", 0.2, 1.5
                ),
            )
        )
        self._timeout_s = self._fixed("scan_timeout_s", 0.5, "Age of a scan that is too old [s].", 0.1, 5.0)
        autostart = self._fixed("autostart", True, "Whether to configure and activate at start.")
        self._cmd_vel = self.create_lifecycle_publisher(Twist, "cmd_vel", names.COMMAND)
        self._status = self.create_publisher(String, "status", names.EVENT)
        self._scan: Scan | None = None
        self._scanned_s = -math.inf
        self._clearer = 0.0
        self._active = False
        self.create_subscription(LaserScan, "scan", self._on_scan, qos_profile_sensor_data)
        self.create_subscription(Image, "camera/image_raw", self._looking.offer, qos_profile_sensor_data)
        steady_timer(self, 1.0 / _RATE_HZ, self._tick)
        if autostart:
            self.trigger_configure()
            self.trigger_activate()

    def _fixed(self, name: str, default: Any, description: str, low: float = 0.0, high: float = 0.0) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if high > low:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        return self.declare_parameter(name, default, descriptor).value

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to decide."""
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stand, and fall silent."""
        self._active = False
        self._cmd_vel.publish(Twist())
        return super().on_deactivate(state)

    def _on_scan(self, message: LaserScan) -> None:
        self._scan, self._scanned_s = messages.scan(message), steady_s()

    def _look(self, message: Image) -> bool:
        """In the thread of pictures: finds the clearer side; returns whether the picture could be read."""
        picture = messages.picture(message)
        if picture is None:
            self.get_logger().warning(
                f"a picture as {message.encoding} is left out", throttle_duration_sec=10.0
            )
            return False
        self._clearer = clearer_side(picture)
        return True

    def destroy_node(self) -> None:
        """End with the thread ended."""
        self._looking.close()
        super().destroy_node()

    def _tick(self) -> None:
        self._looking.check()
        if not self._active:
            return
        age_s = steady_s() - self._scanned_s
        if self._scan is None or age_s > self._timeout_s:
            self._cmd_vel.publish(Twist())
            said = "no scan yet" if self._scan is None else f"no scan for {age_s:.1f} s"
            self._status.publish(String(data=f"standing: {said}"))
            return
        decision = self._reactive.decide(self._scan, self._clearer)
        self._cmd_vel.publish(messages.twist(decision.velocity))
        self._status.publish(String(data=f"{decision.steering.value}: {decision.ahead:.2f} m ahead"))


if __name__ == "__main__":
    run_node(ReactiveNavigator)

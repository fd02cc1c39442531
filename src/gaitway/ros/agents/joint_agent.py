"""What agents that move joints share: a lifecycle, fresh joint states, and silence after an emergency stop."""

from __future__ import annotations

from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from gaitway.ros import messages, names
from gaitway.ros.node_main import steady_s

_SENSOR_TIMEOUT_S = 0.1


class JointAgent(LifecycleNode):
    """A lifecycle node that commands joints only while it is active and hears fresh joint states.

    Unless the parameter `autostart` is false it configures and activates itself, at the end of its constructor by
    `start`. An emergency stop ends its activity; deactivate and activate it to go on.
    """

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self._autostart = self.fixed("autostart", True, "Whether to configure and activate at start.")
        self.active = False
        """Whether it may command."""
        self._joint_state: JointState | None = None
        self._heard_s = -np.inf
        self.create_subscription(JointState, "joint_states", self._on_joint_state, names.SENSOR_IN)
        self.create_subscription(Bool, "emergency_stop", self._on_emergency_stop, names.EVENT)

    def reset(self) -> None:
        """Begin anew at what is measured next; called at every activation, and by the agent."""

    def start(self) -> None:
        """Configure and activate, unless somebody else is to."""
        if self._autostart:
            self.trigger_configure()
            self.trigger_activate()

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to command."""
        self.reset()
        self.active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Fall silent; the robot's own watchdog takes over."""
        self.active = False
        return super().on_deactivate(state)

    def fixed(self, name: str, default: Any, description: str) -> Any:
        """Declare a parameter that is read once and return its value."""
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def hears_joints(self) -> bool:
        """Whether joint states are fresh."""
        return steady_s() - self._heard_s <= _SENSOR_TIMEOUT_S

    def measured(self, joints: list[str] | tuple[str, ...]) -> tuple[Time, np.ndarray, np.ndarray] | None:
        """Stamp, positions [rad] and velocities [rad/s] of the newest joint state, each of shape (len(joints),).

        Returns:
            None where it is not fresh, lacks one of the joints, or has a value that is not finite.
        """
        if self._joint_state is None or not self.hears_joints():
            return None
        values = messages.by_name(self._joint_state, joints, among_others=True)
        if values is None or not np.isfinite(values).all():
            self.get_logger().error(
                "a joint state lacks a joint or a finite value", throttle_duration_sec=1.0
            )
            return None
        return self._joint_state.header.stamp, *values

    def _on_joint_state(self, message: JointState) -> None:
        self._joint_state = message
        self._heard_s = steady_s()

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data and self.active:
            self.active = False
            self.get_logger().warning("stopped; deactivate and activate to start again")


def described(description: str, lowest: float, highest: float) -> ParameterDescriptor:
    """A descriptor of a parameter that has a range."""
    span = FloatingPointRange(from_value=float(lowest), to_value=float(highest))
    return ParameterDescriptor(description=description, floating_point_range=[span])

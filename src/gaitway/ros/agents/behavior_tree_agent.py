"""Node `behavior_tree_agent`: a behaviour tree (py_trees) decides what to do, ten times a second.

The first of these that has something to do sends `cmd_vel`: emergency stop, balance check, avoid obstacle, approach
target, wander. A true on `/emergency_stop`, a stop on `/safety_state` or too great a tilt preempts whatever runs within
one tick; it goes on by itself once the supervisor has been reset. A goal comes on `goal_pose`, in the frame of `odom`.
`behavior_status` says what runs, `behavior_tree` shows the whole tree whenever it changes.

A lifecycle node, which activates itself unless `autostart` is false.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import PoseStamped, Twist
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import Imu, LaserScan
from std_msgs.msg import Bool, String

from gaitway import rotation
from gaitway.behaviors import EmergencyLatch, ReactiveConfig
from gaitway.behaviors.situation import Situation
from gaitway.behaviors.tree import TreeConfig, make_tree, tip_text, tree_text
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.node_main import run_node, steady_s, steady_timer

_FRESH_S = 0.5


class BehaviorTreeAgent(LifecycleNode):
    """Fills in what the tree knows, ticks it, and publishes what it decides."""

    def __init__(self) -> None:
        super().__init__("behavior_tree_agent")
        robot = get_robot(
            self._fixed("robot", "h23", "Robot that is sent about; says how its IMU is mounted.")
        )
        self._mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
        rate_hz = self._fixed("rate_hz", 10.0, "Ticks per second [Hz].", 1.0, 100.0)
        self._tilt_limit = self._fixed("emergency_tilt", 0.6, "Tilt that is an emergency [rad].", 0.1, 1.5)
        self._config = TreeConfig(
            balance_tilt=self._fixed(
                "balance_tilt", 0.3, "The robot stands while it leans more [rad].", 0.05, 1.5
            ),
            tolerance=self._fixed(
                "tolerance", 0.3, "Distance from a goal that counts as there [m].", 0.05, 2.0
            ),
            reactive=ReactiveConfig(
                stop_distance=self._fixed(
                    "stop_distance", 1.0, "Turn from what is nearer ahead [m].", 0.3, 5.0
                ),
                speed=self._fixed("speed", 0.4, "Speed while wandering [m/s].", 0.0, 1.0),
                turn_rate=self._fixed("turn_rate", 0.5, "Turn rate [rad/s].", 0.1, 1.5),
            ),
            seed=self._fixed("seed", 0, "Of the bends of wandering."),
        )
        autostart = self._fixed("autostart", True, "Whether to configure and activate at start.")
        self._cmd_vel = self.create_lifecycle_publisher(Twist, "cmd_vel", names.COMMAND)
        self._status = self.create_publisher(String, "behavior_status", names.EVENT)
        self._tree_out = self.create_publisher(String, "behavior_tree", names.LATCHED)
        self._newest: dict[str, tuple[float, Any]] = {}
        for kind, topic in ((Odometry, "odom"), (Imu, "imu/data"), (LaserScan, "scan")):
            self.create_subscription(kind, topic, self._keep(topic), qos_profile_sensor_data)
        self.create_subscription(PoseStamped, "goal_pose", self._on_goal, names.EVENT)
        self.create_subscription(Bool, names.EMERGENCY_STOP, self._on_emergency_stop, names.EVENT)
        self.create_subscription(DiagnosticStatus, names.SAFETY_STATE, self._on_safety_state, names.LATCHED)
        self._emergency = EmergencyLatch(self._tilt_limit)
        self._situation = Situation()
        self._tree = make_tree(self._situation, self._config)
        self._shape = ""
        self._active = False
        steady_timer(self, 1.0 / rate_hz, self._tick)
        if autostart:
            self.trigger_configure()
            self.trigger_activate()

    def _fixed(self, name: str, default: Any, description: str, low: float = 0.0, high: float = 0.0) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        if high > low:
            descriptor.floating_point_range = [FloatingPointRange(from_value=low, to_value=high)]
        return self.declare_parameter(name, default, descriptor).value

    # Lifecycle

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to decide, with the tree as new."""
        self._situation = Situation()
        self._tree = make_tree(self._situation, self._config)
        self._active = True
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stand, and fall silent."""
        self._active = False
        self._cmd_vel.publish(Twist())
        return super().on_deactivate(state)

    # What comes in

    def _keep(self, topic: str) -> Callable[[Any], None]:
        def keep(message: Any) -> None:
            self._newest[topic] = (steady_s(), message)

        return keep

    def _on_goal(self, message: PoseStamped) -> None:
        goal = np.array([message.pose.position.x, message.pose.position.y])
        if message.header.frame_id not in ("", "odom") or not np.isfinite(goal).all():
            self.get_logger().warning(
                f"a goal must be finite and in the frame odom; got {goal} in {message.header.frame_id!r}"
            )
            return
        self._situation.goal = goal

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data:
            self._emergency.requested(steady_s())

    def _on_safety_state(self, message: DiagnosticStatus) -> None:
        values = messages.values_of(message)
        self._emergency.supervisor_said(values.get("stopped") == "True", values.get("reason", ""), steady_s())

    # What is decided

    def _tick(self) -> None:
        if not self._active:
            return
        self._fill_in(self._situation)
        self._tree.tick_once()
        self._cmd_vel.publish(messages.twist(self._situation.velocity))
        self._status.publish(String(data=tip_text(self._tree)))
        shape = " ".join(f"{node.name} {node.status}" for node in self._tree.iterate())
        if shape != self._shape:
            self._shape = shape
            self._tree_out.publish(String(data=tree_text(self._tree)))
            self.get_logger().info("\n" + tree_text(self._tree))

    def _fill_in(self, situation: Situation) -> None:
        situation.now_s = steady_s()
        imu, odom, scan = (self._fresh(topic) for topic in ("imu/data", "odom", "scan"))
        situation.tilt = math.nan if imu is None else self._tilt(imu)
        if imu is not None:
            self._emergency.tilted(situation.tilt)
        situation.emergency = self._emergency.reason
        situation.position = None
        if odom is not None:
            pose = odom.pose.pose
            situation.position = np.array([pose.position.x, pose.position.y])
            situation.yaw = float(rotation.yaw(messages.quat_wxyz(pose.orientation)))
        situation.scan = None if scan is None else messages.scan(scan)

    def _fresh(self, topic: str) -> Any:
        heard_s, message = self._newest.get(topic, (-math.inf, None))
        return message if steady_s() - heard_s <= _FRESH_S else None

    def _tilt(self, imu: Imu) -> float:
        base_quat_w = rotation.multiply(messages.imu_quat_w(imu), self._mounting_inverse)
        up_w = rotation.rotate(base_quat_w, np.array([0.0, 0.0, 1.0]))
        return math.acos(float(np.clip(up_w[2], -1.0, 1.0)))


if __name__ == "__main__":
    run_node(BehaviorTreeAgent)

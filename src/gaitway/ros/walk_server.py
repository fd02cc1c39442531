"""The action `walk_to_goal`: walks to a point, says how far it is, and can be cancelled and preempted."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable

import numpy as np
from gaitway_msgs.action import WalkToGoal
from geometry_msgs.msg import Twist
from rclpy.action.server import ActionServer, CancelResponse, GoalResponse, ServerGoalHandle
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.node import Node

from gaitway.ros import messages, names
from gaitway.ros.node_main import steady_s
from gaitway.ros.robot_watch import RobotWatch
from gaitway.ros.walk_to import velocity_to

_COMMAND_HZ = 20.0
_TOLERANCE_M = 0.25
_TIMEOUT_S = 60.0


class WalkServer:
    """Executes goals one at a time; its node needs a multi-threaded executor, since a walk takes a thread."""

    def __init__(self, node: Node, watch: RobotWatch, why_not: Callable[[], str | None]):
        """Offer the action.

        Args:
            node: that offers it, and publishes `cmd_vel`.
            watch: where the robot is.
            why_not: says why the robot cannot walk now; None where it can.
        """
        self._node, self._watch, self._why_not = node, watch, why_not
        self._lock = threading.Lock()
        self._newest: ServerGoalHandle | None = None
        self._velocity = node.create_publisher(Twist, "cmd_vel", names.EVENT)
        ActionServer(
            node,
            WalkToGoal,
            "walk_to_goal",
            self._walk,
            callback_group=ReentrantCallbackGroup(),
            goal_callback=self._judge,  # pyright: ignore[reportArgumentType]
            handle_accepted_callback=self._begin,
            cancel_callback=lambda handle: CancelResponse.ACCEPT,
        )

    def end(self) -> None:
        """Preempt the walk, if there is one, without a new one."""
        with self._lock:
            self._newest = None

    def _judge(self, goal: WalkToGoal.Goal) -> GoalResponse:
        values = (goal.goal.x, goal.goal.y, goal.tolerance, goal.timeout)
        if all(map(math.isfinite, values)) and goal.tolerance >= 0.0 and goal.timeout >= 0.0:
            return GoalResponse.ACCEPT
        self._node.get_logger().warning(f"a goal is refused: x, y, tolerance and timeout are {values}")
        return GoalResponse.REJECT

    def _begin(self, handle: ServerGoalHandle) -> None:
        with self._lock:
            self._newest = handle  # the walk before this one sees it, and ends
        handle.execute()

    def _walk(self, handle: ServerGoalHandle) -> WalkToGoal.Result:
        goal = np.array([handle.request.goal.x, handle.request.goal.y])
        tolerance = handle.request.tolerance or _TOLERANCE_M
        timeout_s = handle.request.timeout or _TIMEOUT_S
        begun_s = steady_s()
        result = WalkToGoal.Result(distance=math.nan)
        while self._node.context.ok():
            pose = self._watch.pose()
            result.elapsed = steady_s() - begun_s
            if pose is not None:
                result.distance = float(np.linalg.norm(goal - pose[0]))
            if self._newest is not handle:
                handle.abort()
                result.message = "preempted"
                return result  # whoever preempted it commands the robot now
            reason = "no fresh odometry on /odom" if pose is None else self._why_not()
            if reason is None and result.elapsed > timeout_s:
                reason = f"not there within {timeout_s:g} s"
            if handle.is_cancel_requested:
                handle.canceled()
                result.message = "cancelled"
                break
            if reason is not None or pose is None:
                handle.abort()
                result.message = reason or ""
                break
            if result.distance <= tolerance:
                handle.succeed()
                result.reached, result.message = True, "there"
                break
            self._velocity.publish(messages.twist(velocity_to(goal, *pose)))
            handle.publish_feedback(self._feedback(result))  # pyright: ignore[reportArgumentType]
            time.sleep(1.0 / _COMMAND_HZ)
        if self._node.context.ok():
            self._velocity.publish(messages.twist(np.zeros(3)))
            self._node.get_logger().info(
                f"walk ended {result.distance:.2f} m from its goal: {result.message}"
            )
        return result

    def _feedback(self, result: WalkToGoal.Result) -> WalkToGoal.Feedback:
        feedback = WalkToGoal.Feedback(distance=result.distance, elapsed=result.elapsed)
        if self._watch.odometry.message is not None:
            feedback.pose = self._watch.odometry.message.pose.pose
        return feedback

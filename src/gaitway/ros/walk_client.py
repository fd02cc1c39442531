"""A client of the action `walk_to_goal` that pursues at most one goal, which may change at any time."""

from __future__ import annotations

from typing import Any

from gaitway_msgs.action import WalkToGoal
from geometry_msgs.msg import Point
from rclpy.action.client import ActionClient
from rclpy.node import Node

from gaitway.ros.behavior_model import Goal


class WalkClient:
    """Sends goals and cancels them; nothing here waits."""

    def __init__(self, node: Node):
        self.state = "none"
        """In words: how far the newest walk is, or how it ended."""
        self._client = ActionClient(node, WalkToGoal, "walk_to_goal")
        self._goal: Goal | None = None
        self._handle: Any = None

    def pursue(self, goal: Goal | None) -> None:
        """Walk to a goal, or nowhere; does nothing where that is what it does already.

        A goal that was reached, refused or given up is not sent again before another one, or None, was pursued.
        """
        if goal == self._goal:
            return
        if goal is None:
            if self._handle is not None:
                self._handle.cancel_goal_async()
            self._goal = None
        elif self._client.server_is_ready():  # otherwise the next call tries again
            self._goal, self.state = goal, "sent"
            request = WalkToGoal.Goal(goal=Point(x=goal.x, y=goal.y))
            sent = self._client.send_goal_async(
                request, lambda heard: self._on_feedback(goal, heard.feedback)
            )
            sent.add_done_callback(lambda future: self._on_answer(goal, future.result()))

    def _on_answer(self, goal: Goal, handle: Any) -> None:
        if not handle.accepted:
            self.state = "refused"
        elif goal != self._goal:  # it was given up meanwhile
            handle.cancel_goal_async()
        else:
            self._handle = handle
            handle.get_result_async().add_done_callback(
                lambda future: self._on_end(handle, future.result().result)
            )

    def _on_feedback(self, goal: Goal, feedback: WalkToGoal.Feedback) -> None:
        if goal == self._goal:
            self.state = f"{feedback.distance:.2f} m to go"

    def _on_end(self, handle: Any, result: WalkToGoal.Result) -> None:
        if handle is self._handle:
            self._handle, self.state = None, result.message

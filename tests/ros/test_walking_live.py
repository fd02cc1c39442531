"""The walking policy in the box, over ROS 2."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry

from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.ros import messages, names
from gaitway.ros.launching import launch_policy
from gaitway.ros.walking import walk_to


def test_walks_to_a_point_by_the_odometry_that_it_estimates(tmp_path: Path) -> None:
    policy = find_policy("walk")
    with launch_policy(policy, "h23", tmp_path, estimate_odometry=True) as launch:
        result = walk_to(
            launch,
            (1.5, 0.5),
            timeout_s=30.0,
            step_dt=load_policy(policy).spec.step_dt,
            estimated=True,
            on_progress=lambda left_m: None,
        )
    assert result["reached"], result
    assert not result["fell"]
    assert result["distance_to_goal_m"] < 0.5
    assert result["odometry_error_m"] < 0.4


def test_stands_still_when_nobody_asks_for_a_velocity_any_more(tmp_path: Path) -> None:
    positions, modes = [np.zeros(2)], [""]

    def on_odom(message: Odometry) -> None:
        position = message.pose.pose.position
        positions.append(np.array([position.x, position.y]))

    def on_state(message: DiagnosticStatus) -> None:
        modes.append(message.message)

    with launch_policy(find_policy("walk"), "h23", tmp_path) as launch:
        node = launch.client.node
        node.create_subscription(Odometry, names.ODOM, on_odom, names.SENSOR_IN)
        node.create_subscription(DiagnosticStatus, names.ROBOT_STATE, on_state, names.LATCHED)
        publisher = node.create_publisher(Twist, names.CMD_VEL, 1)
        launch.let_go()
        for _ in range(30):
            publisher.publish(messages.twist([0.5, 0.0, 0.0]))
            launch.client.spin_for(0.1)
        walked_m = np.linalg.norm(positions[-1])
        launch.client.spin_for(2.0)
        before = positions[-1]
        launch.client.spin_for(2.0)
    assert modes[-1] == "active"
    assert walked_m > 0.6
    assert np.linalg.norm(positions[-1] - before) < 0.15

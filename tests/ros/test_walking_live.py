"""The walking policy in the box, over ROS 2."""

from __future__ import annotations

from pathlib import Path

from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.ros import messages, names
from gaitway.ros.launching import launch_policy
from gaitway.ros.walking import walk_to
from tests.ros.harness import WAIT_S, Watcher


def test_walks_to_a_point_by_the_odometry_that_it_estimates(tmp_path: Path) -> None:
    policy = find_policy("walk")
    with launch_policy(policy, "h23", tmp_path, estimate_odometry=True) as launch:
        launch.let_go()
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


def test_stands_when_nobody_asks_for_a_velocity_any_more(tmp_path: Path) -> None:
    """One request of 0.5 m/s holds for half a second: the robot walks some way, stops, and stays where it is."""
    with launch_policy(find_policy("walk"), "h23", tmp_path) as launch:
        watch = Watcher(launch.client)
        odometry = []
        node = launch.client.node
        node.create_subscription(messages.Odometry, names.ODOM, odometry.append, names.SENSOR_IN)
        velocity = node.create_publisher(messages.Twist, names.CMD_VEL, names.EVENT)
        launch.let_go()
        watch.wait_for_mode("active")
        assert launch.client.spin_until(
            lambda: velocity.get_subscription_count() > 0 and bool(odometry), WAIT_S
        )
        for _ in range(20):
            velocity.publish(messages.twist((0.5, 0.0, 0.0)))
            launch.client.spin_for(0.1)
        launch.client.spin_for(2.0)
        stopped = odometry[-1].pose.pose.position.x
        assert stopped > 0.4
        launch.client.spin_for(2.0)
        assert abs(odometry[-1].pose.pose.position.x - stopped) < 0.15
        assert watch.mode == "active"

"""The walking policy in the box, over ROS 2."""

from __future__ import annotations

from pathlib import Path

from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.ros.launching import launch_policy
from gaitway.ros.walking import walk_to


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

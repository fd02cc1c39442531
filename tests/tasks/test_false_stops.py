"""Stops that nothing called for are told from those before a fall."""

from __future__ import annotations

from dataclasses import replace

from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from gaitway.tasks import get_task, zero_action
from gaitway.tasks.false_stops import count_false_stops, nominal_task

ROBOT = h23()
WALK = get_task("walk")
RUNTIME = load_policy(find_policy("walk"))


def test_robots_that_fall_are_stopped_before_and_rightly() -> None:
    count = count_false_stops(
        lambda obs: zero_action(obs, ROBOT.num_joints),
        RUNTIME.spec,
        WALK,
        ROBOT,
        robot_s=32 * 9.0,
        num_robots=32,
    )
    assert count.falls > 10
    assert count.falls_stopped == count.falls
    assert count.false_stops == 0
    assert sum(count.by_check.values()) == count.stops >= count.falls


def test_robots_that_walk_are_not_stopped_and_with_limits_that_are_too_tight_falsely() -> None:
    tight = replace(RUNTIME.spec.envelope, base_ang_vel=0.0)
    counts = [
        count_false_stops(RUNTIME.batch(), spec, WALK, ROBOT, robot_s=16 * 5.0, num_robots=16)
        for spec in (RUNTIME.spec, replace(RUNTIME.spec, envelope=tight))
    ]
    assert counts[0].stops == 0
    assert counts[1].false_stops > 5
    assert set(counts[1].false_by_check) == {"base_angular_velocity", "base_yaw_rate"}
    limit = {"base_angular_velocity": 1.0, "base_yaw_rate": 1.5}
    for example in counts[1].examples:
        assert example["value"] > example["limit"] == limit[str(example["check"])]  # type: ignore[operator]
    assert 80.0 <= counts[0].robot_s < 81.0


def test_no_time_limit_hides_whether_a_robot_falls() -> None:
    task = nominal_task(WALK)
    assert task.episode_steps * task.step_dt > 3600.0

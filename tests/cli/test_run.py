from __future__ import annotations

import subprocess
import sys

import pytest

from gaitway.ros.nodes import NODES

pytest.importorskip("rclpy")


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gaitway.cli.main", "run", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60)


def test_run_without_a_node_lists_the_nodes():
    result = run()
    assert result.returncode == 0
    assert all(name in result.stdout for name in NODES)


def test_an_unknown_node_is_refused_with_the_known_ones():
    result = run("joint_pit")
    assert result.returncode == 2
    assert "joint_pit" in result.stderr
    assert "walk_to" in result.stderr


def test_help_says_what_the_node_hears_publishes_and_takes():
    result = run("walk_to", "--help")
    assert result.returncode == 0
    assert "/odom" in result.stdout
    assert "nav_msgs/Odometry" in result.stdout
    assert "/cmd_vel" in result.stdout
    assert "Distance from the goal that counts as there [m]." in result.stdout


def test_arguments_after_the_name_reach_the_node():
    result = run("walk_to", "--ros-args", "-p", "timeout_s:=0.2")
    assert result.returncode == 1
    assert "not at the goal within 0.2 s" in result.stderr + result.stdout


def test_a_world_or_a_rate_that_cannot_be_is_refused_with_what_would_be_right():
    for parameter, said in (
        ("world:=obstacle", "did you mean 'obstacles'"),
        ("camera_hz:=1000.0", "from 0 to 200 Hz"),
        ("camera_width:=3", "8 to 1920 pixels"),
    ):
        result = run("simulated_robot", "--ros-args", "-p", parameter)
        assert result.returncode == 2
        assert said in result.stderr


def test_help_of_every_node_needs_no_robot():
    pytest.importorskip("gaitway_msgs")  # of robot_services, built with tf2_msgs
    ask = f"from gaitway.cli.run import run\nfor name in {tuple(NODES)}:\n    run([name, '--help'])"
    result = subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    for name in NODES:
        assert f"usage: gaitway run {name} " in result.stdout
    for said in ("gains.left_elbow_joint.kp", "/control_commands", "/processed_joints", "/diagnostics"):
        assert said in result.stdout


def test_a_parameter_out_of_its_range_is_refused_without_a_trace():
    result = run("flight_recorder", "--ros-args", "-p", "seconds:=0.0")
    assert result.returncode == 2
    assert "Min: 1.0, Max: 600.0, value: 0.0" in result.stderr
    assert "Traceback" not in result.stderr

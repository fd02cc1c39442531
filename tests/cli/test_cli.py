"""The commands as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from gaitway.cli.main import VERBS


def gaitway(*arguments: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", *arguments],
        capture_output=True, text=True, timeout=300, env={**os.environ, "COLUMNS": "120", **(env or {})},
    )  # fmt: skip


def test_without_arguments_every_command_is_named() -> None:
    done = gaitway()
    assert done.returncode == 0
    for verb in VERBS:
        assert f"\n  {verb} " in done.stdout


@pytest.mark.parametrize("verb", VERBS)
def test_every_command_explains_itself(verb: str) -> None:
    done = gaitway(verb, "--help")
    assert done.returncode == 0, done.stderr
    assert f"usage: gaitway {verb}" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("trainn",), "unknown command 'trainn'; did you mean 'train'? available: bench, compare, demo,"),
        (("train", "stnad"), "unknown task 'stnad'; did you mean 'stand'? available: navigate,"),
        (("train", "--robot", "h32"), "unknown robot 'h32'; did you mean 'h23'? available: h23"),
        (("train", "--algo", "pop"), "unknown algorithm 'pop'; did you mean 'ppo'? available: ddpg, dqn,"),
        (("train", "--num-envs", "0"), "num_envs must be at least 1; got 0"),
        (("train", "--learning-rate", "-0.1"), "learning_rate must be above 0; got -0.1"),
        (("train", "--env-steps", "many"), "env-steps"),
        (("eval", "nowhere.onnx"), "no policy file at nowhere.onnx"),
        (("inspect", "nowhere.onnx"), "no policy file at nowhere.onnx"),
        (("launch", "nowhere.onnx"), "no policy file at nowhere.onnx"),
        (("preflight", "nowhere.onnx"), "no policy file at nowhere.onnx"),
        (("preflight", "walk", "--wiggle", "--amplitude", "3"), "--amplitude above 0 and at most 0.3 rad"),
        (("export", "nowhere"), "nowhere is no run: it has no run.json"),
        (("launch", "h23_walk", "--fault", "imu_nam@1"), "unknown fault 'imu_nam'; did you mean 'imu_nan'"),
        (("launch", "h23_walk", "--fault", "imu_nan"), "NAME@SECONDS, such as imu_nan@3; got 'imu_nan'"),
        (("bench", "safety", "--fault", "imu_nam"), "unknown fault 'imu_nam'; did you mean 'imu_nan'"),
        (("bench", "safety", "--runs", "0"), "--runs must be at least 1"),
        (("bench", "sim", "--task", "stnad"), "unknown task 'stnad'; did you mean 'stand'"),
    ],
)
def test_bad_input_is_refused_with_what_would_be_right(
    arguments: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = gaitway(*arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_preflight_without_a_robot_says_so() -> None:
    done = gaitway("preflight", "walk", env={"ROS_AUTOMATIC_DISCOVERY_RANGE": "OFF"})
    assert done.returncode == 2
    assert "no robot: nothing on /joint_states or /imu/data within 5 s" in done.stderr


def test_list_names_what_is_in_the_box() -> None:
    lists = json.loads(gaitway("list", "--json").stdout)
    assert "h23" in lists["robots"]
    assert "stand" in lists["tasks"]
    assert "ppo" in lists["algorithms"]
    assert "projected_gravity" in lists["terms"]
    assert "projected_gravity" in gaitway("list", "terms").stdout


def test_inspect_shows_the_contract_and_that_it_was_verified(toy_policy: Path) -> None:
    spec = json.loads(gaitway("inspect", str(toy_policy), "--json").stdout)
    assert spec["verification"]["max_difference"] <= spec["verification"]["tolerance"]
    assert len(spec["robot"]["joint_names"]) == 23
    text = gaitway("inspect", str(toy_policy)).stdout
    for part in ("left_knee_joint", "/imu/data", "golden traces of [32, 32] steps replay", "50 Hz"):
        assert part in text


def test_eval_measures_the_policy_beside_doing_nothing(toy_policy: Path) -> None:
    done = gaitway("eval", str(toy_policy), "--episodes", "8", "--episode-s", "1.0", "--json")
    figures = json.loads(done.stdout)
    low, high = figures["survival_interval"]
    assert low <= figures["survival"] <= high
    assert figures["zero_action"]["robots"] == 8


def test_doctor_says_what_is_here() -> None:
    findings = {finding["name"]: finding for finding in json.loads(gaitway("doctor", "--json").stdout)}
    assert set(findings) == {
        "Python", "onnxruntime", "MuJoCo", "torch", "ROS 2", "gaitway_msgs", "tf2_msgs", "rendering",
    }  # fmt: skip
    assert findings["MuJoCo"]["found"].startswith("4")
    assert findings["ROS 2"]["advice"] == ""


@pytest.fixture
def without_ros(tmp_path: Path) -> dict[str, str]:
    """An environment in which the ROS 2 wheels look uninstalled: neither importable nor listed."""
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.abc, importlib.metadata, importlib.util, sys\n"
        "find_spec = importlib.util.find_spec\n"
        "importlib.util.find_spec = lambda name: None if name == 'rclpy' else find_spec(name)\n"
        "class NoRos(importlib.abc.MetaPathFinder):\n"
        "    def find_spec(self, name, path, target=None):\n"
        "        if name.partition('.')[0] == 'rclpy':\n"
        "            raise ModuleNotFoundError('no rclpy here', name=name)\n"
        "sys.meta_path.insert(0, NoRos())\n"
        "version = importlib.metadata.version\n"
        "def hidden(name):\n"
        "    if name == 'ros-rclpy':\n"
        "        raise importlib.metadata.PackageNotFoundError(name)\n"
        "    return version(name)\n"
        "importlib.metadata.version = hidden\n"
    )
    return {"PYTHONPATH": str(tmp_path)}


def test_without_ros_launch_and_doctor_say_how_to_get_it(
    toy_policy: Path, without_ros: dict[str, str]
) -> None:
    done = gaitway("launch", str(toy_policy), env=without_ros)
    assert done.returncode == 2
    assert "pip install 'gaitway[ros]'" in done.stderr
    findings = json.loads(gaitway("doctor", "--json", env=without_ros).stdout)
    ros = next(finding for finding in findings if finding["name"] == "ROS 2")
    assert ros["found"] == ""
    assert "pip install 'gaitway[ros]'" in ros["advice"]


def test_a_sourced_ros_beside_the_wheels_is_refused(toy_policy: Path) -> None:
    mixed = {"ROS_DISTRO": "jazzy", "AMENT_PREFIX_PATH": "/opt/ros/jazzy"}
    done = gaitway("launch", str(toy_policy), env=mixed)
    assert done.returncode == 2
    assert "ROS 2 jazzy is sourced" in done.stderr


def test_a_demo_does_not_cover_a_folder_that_is_no_demo(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    done = gaitway("demo", "--toy", "--out", str(tmp_path))
    assert done.returncode == 2
    assert "holds more than an earlier demo (thesis.tex)" in done.stderr
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.live
def test_launch_runs_and_ends_cleanly(toy_policy: Path, tmp_path: Path) -> None:
    done = gaitway("launch", str(toy_policy), "--seconds", "1", "--log-dir", str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "simulated_robot, safety_supervisor, policy_controller" in done.stdout
    assert {path.name for path in tmp_path.iterdir()} == {
        "simulated_robot.log", "safety_supervisor.log", "policy_controller.log", "flight_recorder.log",
    }  # fmt: skip
    for log in tmp_path.iterdir():
        assert "Traceback" not in log.read_text()

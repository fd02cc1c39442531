"""A ROS 2 workspace builds the package `gaitway`: as far as that shows without an installed ROS 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from gaitway.ros.nodes import NODES

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "ros2" / "gaitway"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `colcon build` installs for the package."""
    workspace = tmp_path_factory.mktemp("workspace")
    done = subprocess.run(
        [sys.executable, "-m", "colcon", "--log-base", "log", "build", "--base-paths", str(PACKAGE)],
        cwd=workspace, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "gaitway" in {path.name for path in (workspace / "install").iterdir()}
    return workspace / "install" / "gaitway"


def test_ros2_finds_the_package_its_nodes_and_its_launch_file(installed: Path) -> None:
    assert (installed / "share/ament_index/resource_index/packages/gaitway").is_file()
    manifest = ElementTree.parse(installed / "share/gaitway/package.xml").getroot()
    assert manifest.findtext("name") == "gaitway"
    launch_file = installed / "share/gaitway/launch/walk.launch.py"
    compile(launch_file.read_text(), str(launch_file), "exec")
    executables = {path.name for path in (installed / "lib/gaitway").iterdir() if os.access(path, os.X_OK)}
    assert executables == {"gaitway", *NODES}


def test_every_executable_of_the_launch_file_is_a_node() -> None:
    text = (PACKAGE / "launch/walk.launch.py").read_text()
    named = {part.split('"')[1] for part in text.split("executable=")[1:]}
    assert named
    assert named <= set(NODES)


def test_an_installed_node_runs_from_the_workspace(installed: Path, tmp_path: Path) -> None:
    (site,) = installed.glob("lib/python3*/site-packages")
    assert (site / "gaitway/policy/shipped/h23_walk.onnx").is_file()
    env = {**os.environ, "PYTHONPATH": str(site), "AMENT_PREFIX_PATH": str(installed)}
    pytest.importorskip("rclpy")
    done = subprocess.run(
        [installed / "lib/gaitway/walk_to", "--ros-args", "-p", "timeout_s:=0.2"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 1
    assert "not at the goal within 0.2 s" in done.stderr + done.stdout

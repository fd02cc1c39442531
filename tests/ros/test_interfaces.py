"""Building gaitway_msgs and tf2_msgs: what it repairs, and what it says where it cannot."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
import pytest

from gaitway.ros.interfaces import repair_includes

pytest.importorskip("rclpy")


def test_the_wheels_include_folders_become_those_of_this_machine(tmp_path: Path) -> None:
    exported = tmp_path / "std_msgs" / "cmake" / "export_std_msgs__rosidl_generator_pyExport.cmake"
    exported.parent.mkdir(parents=True)
    line = 'INTERFACE_INCLUDE_DIRECTORIES "{};{};${{_IMPORT_PREFIX}}/include/std_msgs"\n'
    built = "/opt/python/cp311-cp311"
    exported.write_text(
        line.format(
            f"{built}/include/python3.11", f"{built}/lib/python3.11/site-packages/numpy/_core/include"
        )
    )
    repair_includes(tmp_path)
    assert exported.read_text() == line.format(sysconfig.get_path("include"), np.get_include())
    repair_includes(tmp_path)
    assert exported.read_text() == line.format(sysconfig.get_path("include"), np.get_include())


def interfaces(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "gaitway.cli.main", "interfaces", *arguments]
    env = {**os.environ, "CXX": "no-such-compiler", "COLUMNS": "500"}
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=60)


def test_without_a_compiler_the_build_says_what_it_lacks() -> None:
    done = interfaces()
    assert done.returncode == 2
    assert "a C and C++ compiler (`apt install g++`)" in done.stderr
    allowed = interfaces("--if-possible")
    assert allowed.returncode == 0
    assert "a C and C++ compiler" in allowed.stdout


@pytest.mark.parametrize(
    ("package", "node"), [("gaitway_msgs", "robot_services"), ("tf2_msgs", "robot_state_publisher")]
)
def test_what_needs_the_messages_says_that_they_are_not_built(
    package: str, node: str, tmp_path: Path
) -> None:
    (tmp_path / f"{package}.py").write_text(
        f"raise ModuleNotFoundError(\"No module named '{package}'\", name='{package}')\n"
    )
    path = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", "run", node, "--help"],
        env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 2
    assert f"{package} is not built" in done.stderr

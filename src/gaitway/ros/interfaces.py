"""Building the packages gaitway_msgs and tf2_msgs into an environment whose ROS 2 comes from PyPI.

The wheels' prefix is a complete ROS prefix, so that CMake finds in it what any ROS 2 workspace has. One thing is wrong
there: the exported targets name the include folders of Python and numpy on the machine where the wheels were made.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Callable
from pathlib import Path

from gaitway.files import write_atomically
from gaitway.ros.environment import RosError, find_ros

PACKAGE, TF_PACKAGE = PACKAGES = ("gaitway_msgs", "tf2_msgs")
"""Gaitway's own messages, and the one of `/tf`, which is part of ROS 2 but not on PyPI."""
_TOOLS = ("cmake", "ninja")
_MODULES = ("ament_package", "catkin_pkg")
_CMAKE_PACKAGES = (
    "ament_cmake",
    "python_cmake_module",
    "rosidl_core_generators",
    "rosidl_default_generators",
)
_STEP = re.compile(r"^\[(\d+)/(\d+)\]")
_TAIL = 25
_INCLUDES = re.compile(
    r'(?P<python>[^;"]*/include/python3\.\d+)(?=[;"])|(?P<numpy>[^;"]*/numpy/_?core/include)(?=[;"])'
)


def interfaces_built() -> bool:
    """Whether both packages can be imported here, wherever they were built."""
    return all(importlib.util.find_spec(package) is not None for package in PACKAGES)


def obstacle() -> str | None:
    """Why the packages cannot be built into this environment, and what to do; None where nothing is missing."""
    found = find_ros()
    if found.problem is not None:
        return found.problem
    if found.source != "PyPI wheels":
        return (
            f"ROS 2 is {found.detail}, sourced: build {PACKAGE} in its workspace "
            f"(`colcon build --packages-select {PACKAGE}`) and source that"
        )
    missing = _missing()
    return f"{' and '.join(PACKAGES)} cannot be built without {'; and '.join(missing)}" if missing else None


def interfaces_advice(package: str) -> str:
    """What to do where one of the packages is not there."""
    if package == TF_PACKAGE and find_ros().source == "sourced ROS 2":
        return "install ros-$ROS_DISTRO-tf2-msgs, a part of ROS 2"
    return obstacle() or "`gaitway interfaces` builds it"


def interfaces_missing(package: str = PACKAGE) -> RosError:
    """The error of what needs one of the packages where it is not there."""
    return RosError(f"{package} is not built: {interfaces_advice(package)}")


def _missing() -> list[str]:
    """What the build lacks here, each with what provides it."""
    missing = []
    if shutil.which(os.environ.get("CXX", "c++")) is None or shutil.which(os.environ.get("CC", "cc")) is None:
        missing.append("a C and C++ compiler (`apt install g++`)")
    if not (Path(sysconfig.get_path("include")) / "Python.h").is_file():
        missing.append("Python's headers (`apt install python3-dev`)")
    absent = [tool for tool in _TOOLS if _tool(tool) is None]
    absent += [name for name in _MODULES if importlib.util.find_spec(name) is None]
    absent += [name for name in _CMAKE_PACKAGES if not (Path(sys.prefix) / "share" / name / "cmake").is_dir()]
    if absent:
        missing.append(f"{', '.join(absent)} (`pip install 'gaitway[interfaces]'`)")
    return missing


def source_folder(package: str) -> Path:
    """The sources of a package: in the repository, or as the wheel installs them.

    Raises:
        RosError: they are nowhere.
    """
    candidates = [
        Path(__file__).parents[3] / "interfaces" / package,
        Path(sys.prefix) / "share" / "gaitway" / "interfaces" / package,
    ]
    for folder in candidates:
        if (folder / "package.xml").is_file():
            return folder
    raise RosError(f"the sources of {package} are not in {' or '.join(map(str, candidates))}")


def build_interfaces(on_step: Callable[[int, int], None] = lambda step, steps: None) -> Path:
    """Generate, compile and install the packages into this environment.

    Of tf2_msgs a wheel's own goes before ours.

    Args:
        on_step: told after each command of a package's compilation which one it was, and how many there are.

    Returns:
        The folder that it was installed under.

    Raises:
        RosError: something that the build needs is missing, or it failed; the message says what to do, or how the
            build's output ends.
    """
    reason = obstacle()
    if reason is not None:
        raise RosError(reason)
    prefix = Path(sys.prefix).resolve()
    repair_includes(prefix / "share")
    of_wheels = importlib.metadata.packages_distributions()
    for package in PACKAGES:
        if package not in of_wheels:
            _build(source_folder(package), prefix, on_step)
    importlib.invalidate_caches()
    return prefix


def _build(source: Path, prefix: Path, on_step: Callable[[int, int], None]) -> None:
    cmake = str(_tool("cmake"))
    with tempfile.TemporaryDirectory(prefix=f"{source.name}-") as build:
        _run(
            [
                cmake, "-S", str(source), "-B", build, "-G", "Ninja",
                f"-DCMAKE_MAKE_PROGRAM={_tool('ninja')}",
                "-DCMAKE_BUILD_TYPE=Release",
                "-DBUILD_TESTING=OFF",
                f"-DCMAKE_PREFIX_PATH={prefix}",
                f"-DCMAKE_INSTALL_PREFIX={prefix}",
                f"-DPython3_EXECUTABLE={_executables() / Path(sys.executable).name}",
            ]
        )  # fmt: skip
        _run([cmake, "--build", build], on_step)
        _run([cmake, "--install", build])


def repair_includes(share: Path) -> None:
    """Let CMake's exported targets name the include folders of this Python and its numpy.

    Args:
        share: the environment's folder of that name.
    """
    import numpy as np

    here = {"python": sysconfig.get_path("include"), "numpy": np.get_include()}
    for path in share.glob("*/cmake/*Export.cmake"):
        text = path.read_text()
        repaired = _INCLUDES.sub(lambda match: here[str(match.lastgroup)], text)
        if repaired != text:
            write_atomically(path, repaired)


def _tool(name: str) -> str | None:
    """Beside this Python, else on the path."""
    return shutil.which(name, path=str(_executables())) or shutil.which(name)


def _executables() -> Path:
    """The environment's folder of executables, which need not be on the path."""
    return Path(sys.executable).parent.resolve()


def _run(command: list[str], on_step: Callable[[int, int], None] = lambda step, steps: None) -> None:
    prefix = str(Path(sys.prefix).resolve())
    path = f"{_executables()}{os.pathsep}{os.environ.get('PATH', '')}"
    environment = {**os.environ, "AMENT_PREFIX_PATH": prefix, "CMAKE_PREFIX_PATH": prefix, "PATH": path}
    lines = []
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line.rstrip())
            if step := _STEP.match(line):
                on_step(int(step[1]), int(step[2]))
    if process.returncode:
        tail = "\n".join(lines[-_TAIL:])
        raise RosError(f"{' '.join(command[:2])} ended with {process.returncode}:\n{tail}")

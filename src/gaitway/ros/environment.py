"""Which ROS 2 there is, and how Gaitway's processes find each other on it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from gaitway.errors import GaitwayError

_LOOPBACK = Path(__file__).with_name("loopback.xml")
_USERS_CHOICE = (
    "ROS_AUTOMATIC_DISCOVERY_RANGE",
    "ROS_LOCALHOST_ONLY",
    "FASTDDS_DEFAULT_PROFILES_FILE",
    "FASTRTPS_DEFAULT_PROFILES_FILE",
)


class RosError(GaitwayError):
    """ROS 2 is absent, mixed, or does not answer."""


@dataclass(frozen=True)
class RosInstallation:
    """Where rclpy comes from."""

    source: str
    """"PyPI wheels", "sourced ROS 2", or "none"."""
    detail: str
    problem: str | None
    """What to do about it, if nodes cannot run."""


def find_ros() -> RosInstallation:
    """Look for rclpy without importing it."""
    wheels = _version("ros-rclpy")
    distro = os.environ.get("ROS_DISTRO")
    prefixes = [p for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep) if p]
    sourced = distro and any(os.path.realpath(p) != os.path.realpath(sys.prefix) for p in prefixes)
    if wheels and sourced:
        return RosInstallation(
            "mixed",
            f"wheels {wheels} and sourced {distro}",
            f"ROS 2 {distro} is sourced in an environment that has ROS 2 from PyPI too, and the two would "
            "mix. Use a shell without the sourced ROS, or a venv made with --system-site-packages and "
            "without the extra gaitway[ros]",
        )
    if wheels:
        return RosInstallation("PyPI wheels", f"rclpy {wheels}", None)
    if importlib.util.find_spec("rclpy") is not None:
        return RosInstallation("sourced ROS 2", distro or "unknown distribution", None)
    return RosInstallation(
        "none",
        "rclpy is not importable",
        "install ROS 2 from PyPI with `pip install 'gaitway[ros]'` (Linux x86_64), or source an installed "
        "ROS 2 (`source /opt/ros/<distro>/setup.bash`) before starting",
    )


def require_ros() -> None:
    """Make sure that nodes can run, and keep them on this host unless the user said otherwise.

    Raises:
        RosError: there is no ROS 2, or two that would mix; the message says what to do.
    """
    found = find_ros()
    if found.problem is not None:
        raise RosError(f"ROS 2 cannot be used: {found.problem}")
    if not any(name in os.environ for name in _USERS_CHOICE):
        stay_on_this_host()


def stay_on_this_host() -> None:
    """Have this process and those it starts speak to nobody beyond this host; before rclpy is initialised.

    With Fast DDS by the profile `loopback.xml`. rmw_fastrtps ignores the transports of a profile where the discovery
    range is LOCALHOST, hence the range SYSTEM_DEFAULT, which for Fast DDS is what the profile says.
    """
    for name in _USERS_CHOICE:
        os.environ.pop(name, None)
    if os.environ.get("RMW_IMPLEMENTATION", "rmw_fastrtps_cpp").startswith("rmw_fastrtps"):
        os.environ["FASTDDS_DEFAULT_PROFILES_FILE"] = str(_LOOPBACK)
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "SYSTEM_DEFAULT"
    else:
        os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"


def _version(package: str) -> str | None:
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None

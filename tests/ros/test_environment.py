"""Who can reach Gaitway's processes, and that a user's own choice stands."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from gaitway.ros.environment import require_ros

DISCOVERY = "ROS_AUTOMATIC_DISCOVERY_RANGE"
PROFILES = "FASTDDS_DEFAULT_PROFILES_FILE"
ADDRESSES_OF_A_NODE = """
import psutil, rclpy
from gaitway.ros import require_ros
require_ros()
rclpy.init()
node = rclpy.create_node("alone")
print(*{connection.laddr.ip for connection in psutil.Process().net_connections()})
"""


@pytest.fixture(autouse=True)
def nothing_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(DISCOVERY)
    monkeypatch.delenv(PROFILES)


def test_a_node_listens_on_the_loopback_interface_alone() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ADDRESSES_OF_A_NODE], capture_output=True, text=True, check=True
    )
    addresses = set(done.stdout.split())
    assert "127.0.0.1" in addresses
    assert addresses <= {"127.0.0.1", "239.255.0.1"}  # the latter is the group it joins on that interface


@pytest.mark.parametrize(
    ("name", "value"), [(DISCOVERY, "SUBNET"), (PROFILES, "mine.xml"), ("ROS_LOCALHOST_ONLY", "0")]
)
def test_what_the_user_chose_stands(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(name, value)
    before = dict(os.environ)
    require_ros()
    assert dict(os.environ) == before


def test_other_middleware_keeps_its_discovery_on_this_host(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RMW_IMPLEMENTATION", "rmw_cyclonedds_cpp")
    monkeypatch.setenv(DISCOVERY, "")  # so that it is put back after the test
    monkeypatch.delenv(DISCOVERY)
    require_ros()
    assert os.environ[DISCOVERY] == "LOCALHOST"
    assert PROFILES not in os.environ

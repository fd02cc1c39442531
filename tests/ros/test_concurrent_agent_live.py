"""The concurrent agent, fed by a publisher in another process; and the same node on three executors."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from gaitway.ros.launching import end_process
from gaitway.ros.robot_client import RobotClient
from tests.ros.agent_process import running_agent
from tests.ros.harness import WAIT_S

PUBLISHER = """
import sys, time, rclpy
from rclpy.signals import SignalHandlerOptions
from sensor_msgs.msg import JointState
rclpy.init(signal_handler_options=SignalHandlerOptions.NO)  # a signal ends it at once
node = rclpy.create_node("publisher")
out = node.create_publisher(JointState, "joint_states", 1000)
period_s, count = 1.0 / float(sys.argv[1]), int(sys.argv[2])
while not out.get_subscription_count():
    time.sleep(0.01)
time.sleep(0.3)
message = JointState(name=[f"joint_{i}" for i in range(23)], position=[0.1] * 23, velocity=[0.2] * 23)
begin = time.monotonic()
for k in range(count):
    message.header.stamp = node.get_clock().now().to_msg()
    out.publish(message)
    time.sleep(max(0.0, begin + (k + 1) * period_s - time.monotonic()))
print(count / (time.monotonic() - begin))
time.sleep(30.0)  # so that what is reliable can still be sent again
"""
ON = """
import rclpy.executors
from gaitway.ros.agents.concurrent_agent import ConcurrentAgent
from gaitway.ros.node_main import run_node
run_node(ConcurrentAgent, rclpy.executors.{executor})
"""


@contextmanager
def publishing(rate_hz: float, count: int) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, "-c", PUBLISHER, str(rate_hz), str(count)], stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        end_process(process)


@pytest.fixture
def client() -> Iterator[RobotClient]:
    rclpy.init()
    client = RobotClient("test")
    yield client
    client.close()
    rclpy.try_shutdown()


@pytest.fixture
def statuses(client: RobotClient) -> list[dict]:
    heard: list[dict] = []
    client.node.create_subscription(
        String, "/concurrent_status", lambda message: heard.append(json.loads(message.data)), 10
    )
    return heard


def test_at_1_khz_every_message_is_processed_or_dropped_and_slow_work_holds_up_nothing(
    client: RobotClient, statuses: list[dict], tmp_path: Path
) -> None:
    filtered: list[JointState] = []
    client.node.create_subscription(JointState, "/processed_joints", filtered.append, 50)
    log = tmp_path / "agent.log"
    with running_agent(log, "concurrent_agent"), publishing(1000.0, 3000) as publisher:

        def all_came() -> bool:
            newest = statuses[-1] if statuses else {"received": 0, "lost_by_middleware": 0}
            return (
                newest["received"] + (newest["lost_by_middleware"] or 0) >= 3000 and not newest["in_flight"]
            )

        assert client.spin_until(all_came, 3.0 + WAIT_S)
        assert publisher.stdout is not None
        assert float(publisher.stdout.readline()) > 900.0  # it was 1 kHz
        for status in statuses:
            assert status["received"] == status["processed"] + status["dropped"] + status["in_flight"]
        assert statuses[-1]["received"] == 3000
        assert statuses[-1]["lost_by_middleware"] == 0
        assert statuses[-1]["missed_ticks"] <= 0.05 * statuses[-1]["ticks"]
        assert statuses[-1]["published"] > 50
        assert client.spin_until(lambda: bool(filtered), WAIT_S)
        assert list(filtered[-1].position) == pytest.approx([0.1] * 23)

        before = statuses[-1]
        client.set_parameters("concurrent_agent", {"work_ms": 20.0})
        with publishing(200.0, 400):
            assert client.spin_until(lambda: statuses[-1]["received"] >= 3400, 3.0 + WAIT_S)
        after = statuses[-1]
        assert after["received"] == 3400 == after["processed"] + after["dropped"] + after["in_flight"]
        assert after["dropped"] > 100
        ticks = after["ticks"] - before["ticks"]
        assert ticks > 150
        assert after["missed_ticks"] - before["missed_ticks"] <= 0.05 * ticks
    assert "received 3400 = " in log.read_text()


@pytest.mark.parametrize(
    ("executor", "kept"), [("SingleThreadedExecutor", False), ("MultiThreadedExecutor", True)]
)
def test_a_slow_callback_costs_ticks_unless_its_group_has_a_thread_of_its_own(
    client: RobotClient, statuses: list[dict], tmp_path: Path, executor: str, kept: bool
) -> None:
    command = (sys.executable, "-c", ON.format(executor=executor))
    arguments = ("-p", "inline:=true", "-p", "work_ms:=100.0")
    with (
        running_agent(tmp_path / "agent.log", "concurrent_agent", *arguments, command=command),
        publishing(50.0, 1000),
    ):
        assert client.spin_until(lambda: bool(statuses) and statuses[-1]["processed"] > 5, WAIT_S)
        before = statuses[-1]
        client.spin_for(2.5)
        after = statuses[-1]
        due = after["ticks"] + after["missed_ticks"] - before["ticks"] - before["missed_ticks"]
        missed = after["missed_ticks"] - before["missed_ticks"]
        assert after["processed"] - before["processed"] > 10
        assert missed <= 0.1 * due if kept else missed >= 0.5 * due, (missed, due)

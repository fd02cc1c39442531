"""One node on three executors: missed ticks, lateness and CPU of `concurrent_agent`, fed by a publisher.

Each runs in a process of its own, one after the other on an otherwise idle machine, at 200 Hz and at 1 kHz of joint
states of 23 joints; then at 50 Hz with a callback of 100 ms (`inline`), which costs the ticks of an executor that has no
thread to spare.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from typing import Any

import psutil
import rclpy
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from gaitway.ros.agents.concurrent_agent import PUBLISH_HZ
from gaitway.ros.launching import end_process
from gaitway.ros.robot_client import RobotClient

_RUN = """
import rclpy.executors
from gaitway.ros import node_main
from gaitway.ros.agents.concurrent_agent import ConcurrentAgent
node_main.run_node(ConcurrentAgent, getattr(rclpy.executors, "{name}", None) or node_main.{name})
"""
_SECONDS = 10.0
_EXECUTORS = ("SingleThreadedExecutor", "MultiThreadedExecutor", "EventsExecutor")
_LOADS = ((200.0, ()), (1000.0, ()), (50.0, ("-p", "inline:=true", "-p", "work_ms:=100.0")))


def _publish(client: RobotClient, rate_hz: float, ended: threading.Event) -> None:
    out = client.node.create_publisher(JointState, "joint_states", 1000)
    message = JointState(name=[f"joint_{i}" for i in range(23)], position=[0.1] * 23, velocity=[0.2] * 23)
    due_s = time.monotonic()
    while not ended.is_set():
        message.header.stamp = client.node.get_clock().now().to_msg()
        out.publish(message)
        due_s += 1.0 / rate_hz
        time.sleep(max(0.0, due_s - time.monotonic()))


def measure(executor: str, rate_hz: float, arguments: tuple[str, ...]) -> dict[str, float]:
    """Figures of one run, after two seconds to settle."""
    client, heard, ended = RobotClient("benchmark"), [], threading.Event()
    client.node.create_subscription(
        String, "concurrent_status", lambda message: heard.append(json.loads(message.data)), 10
    )
    command = [sys.executable, "-c", _RUN.format(name=executor), "--ros-args", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    publisher = threading.Thread(target=_publish, args=(client, rate_hz, ended))
    try:
        if not client.spin_until(lambda: bool(heard), 20.0):
            raise SystemExit(f"no status from {executor}")
        publisher.start()
        client.spin_for(2.0)
        use = psutil.Process(process.pid)
        before, cpu_before, begin_s = heard[-1], use.cpu_times(), time.monotonic()
        client.spin_for(_SECONDS)
        after, cpu_after, end_s = heard[-1], use.cpu_times(), time.monotonic()
    finally:
        ended.set()
        if publisher.is_alive():
            publisher.join()
        end_process(process)
        client.close()
    cpu_s = cpu_after.user + cpu_after.system - cpu_before.user - cpu_before.system
    counted = {key: after[key] - before[key] for key in ("received", "dropped", "ticks", "missed_ticks")}
    if after is before:  # not even its timers came to run
        counted["missed_ticks"] = round(_SECONDS * PUBLISH_HZ)
    return counted | {"latest_tick_ms": after["latest_tick_ms"], "cpu_cores": cpu_s / (end_s - begin_s)}


def compare() -> dict[str, Any]:
    """Every executor under every load."""
    rclpy.init()
    runs = []
    try:
        for rate_hz, arguments in _LOADS:
            for executor in _EXECUTORS:
                figures = measure(executor, rate_hz, arguments)
                load = f"{rate_hz:g} Hz" + (", 100 ms of work inline" if arguments else "")
                runs.append({"load": load, "executor": executor, **figures})
    finally:
        rclpy.shutdown()
    return {"seconds": _SECONDS, "runs": runs}

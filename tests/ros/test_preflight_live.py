"""A preflight of a live robot, what it means to a controller, and the recording of a stop."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rosbags.highlevel import AnyReader
from std_msgs.msg import Bool

from gaitway.policy import load_policy
from gaitway.robots import h23
from gaitway.ros import RosError, names
from gaitway.ros.gantry_commander import GantryCommander
from gaitway.ros.launching import Launch, launch_policy
from gaitway.ros.preflight_listener import PreflightListener
from gaitway.ros.recordings import Recordings
from gaitway.safety.preflight.wiggle import check_motion
from tests.ros.harness import WAIT_S, Watcher, nodes


def preflight(policy: Path, code: int) -> dict[str, Any]:
    done = subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", "preflight", str(policy), "--seconds", "1", "--json"],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == code, done.stderr + done.stdout
    return json.loads(done.stdout)


def read(reader: AnyReader, topic: str) -> list[tuple[int, Any]]:
    """Times [ns] and messages of a topic."""
    return [
        (time_ns, reader.deserialize(raw, connection.msgtype))
        for connection, time_ns, raw in reader.messages()
        if connection.topic == topic
    ]


def controller_hears(launch: Launch) -> bool:
    return launch.client.get_parameters(names.CONTROLLER, ["hears_robot"]) == [True]


def test_a_failed_preflight_keeps_the_controller_from_starting_and_a_stop_is_recorded(
    toy_policy: Path, tmp_path: Path
) -> None:
    recordings: list[str] = []
    with launch_policy(
        toy_policy, "h23", tmp_path / "log", blend_s=0.3, stops_dir=tmp_path / "stops"
    ) as launch:
        client, watch = launch.client, Watcher(launch.client)
        Recordings(client, recordings.append)
        watch.wait_for_mode("held")
        assert client.spin_until(lambda: names.FLIGHT_RECORDER in client.node.get_node_names(), WAIT_S)
        client.spin_for(4.0)

        watch.publish_until("damping", lambda: watch.stop_out.publish(Bool(data=True)))
        failed = preflight(toy_policy, 1)
        assert "robot state" in failed["failed"]
        assert failed["kept_by_robot"]
        assert client.spin_until(lambda: bool(recordings), WAIT_S)
        client.trigger(names.ROBOT_RESET)
        client.trigger(names.SUPERVISOR_RESET)
        watch.wait_for_mode("held")

        client.transition(names.CONTROLLER, "configure")
        assert client.spin_until(lambda: controller_hears(launch), WAIT_S)
        with pytest.raises(
            RosError, match=r"the preflight of this policy on this robot .* failed: robot state"
        ):
            client.transition(names.CONTROLLER, "activate")
        client.set_parameters(names.CONTROLLER, {"require_preflight": "off"})
        client.transition(names.CONTROLLER, "activate")
        client.set_parameters(names.CONTROLLER, {"require_preflight": "passed"})

        runtime = load_policy(toy_policy)
        listener = PreflightListener(client, runtime)
        listener.find()
        with (
            pytest.raises(RosError, match="somebody commands the robot's joints"),
            GantryCommander(listener, h23()),
        ):
            pass
        client.transition(names.CONTROLLER, "deactivate")
        elbow = h23().joint_names.index("left_elbow_joint")
        with GantryCommander(listener, h23()) as commander:
            moved = check_motion(h23().joint_names, commander.wiggle(elbow, 0.05))
        assert moved.level in ("pass", "warn"), moved  # on a slow machine it is late

        checks = preflight(toy_policy, 0)["checks"]
        assert {check["level"] for check in checks} <= {"pass", "skip", "warn"}
        client.transition(names.CONTROLLER, "activate")
        launch.check()
        launch.kill("flight_recorder")
        client.spin_for(0.5)
        launch.check()
        (lost,) = launch.lost()
        assert "flight_recorder ended with code -9; the robot goes on without it" in lost
        assert watch.mode == "held"

    assert len(recordings) == 1
    with AnyReader([Path(recordings[0])]) as reader:
        counts = {topic: info.msgcount for topic, info in reader.topics.items()}
        assert reader.topics["/imu/data"].msgtype == "sensor_msgs/msg/Imu"
        assert (
            counts["/joint_states"] > 500
        )  # 4 s before and 3 s after at 200 Hz, on a machine that may be slow
        assert counts["/safety_heartbeat"] > 50
        requests = read(reader, names.EMERGENCY_STOP)
        assert any(request.data for _, request in requests)
        stopped_ns = requests[0][0]
        assert reader.start_time < stopped_ns - 2e9
        assert reader.end_time > stopped_ns + 2e9
        states = [
            {pair.key: pair.value for pair in state.values} for _, state in read(reader, names.SAFETY_STATE)
        ]
        asked = "stop requested by /emergency_stop"
        told = "the robot is stopped: stop requested on /emergency_stop"  # by the robot, which heard it first
        assert {asked, told} & {values.get("reason") for values in states}


def test_a_recorder_that_is_ended_right_after_a_stop_writes_it_first(tmp_path: Path) -> None:
    with nodes({"flight_recorder": [f"folder:={tmp_path / 'stops'}"]}, tmp_path) as (launch, watch):
        heard = launch.client.spin_until(lambda: watch.stop_out.get_subscription_count() > 0, WAIT_S)
        assert heard
        watch.stop_out.publish(Bool(data=True))
        launch.client.spin_for(1.0)
    (path,) = (tmp_path / "stops").iterdir()
    with AnyReader([path]) as reader:
        assert [request.data for _, request in read(reader, names.EMERGENCY_STOP)] == [True]

"""Recordings open in the libraries that people use, each of which reads without the other."""

from __future__ import annotations

from pathlib import Path

import pytest
from mcap_ros2.reader import read_ros2_messages
from rclpy.serialization import serialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool

from gaitway.data.rosbag import write_rosbag
from gaitway.errors import GaitwayError
from gaitway.ros import messages

TOPICS = {"/joint_states": "sensor_msgs/msg/JointState", "/emergency_stop": "std_msgs/msg/Bool"}


def recorded() -> list[tuple[int, str, bytes]]:
    found = []
    for step in range(10):
        time_ns = 10**18 + step * 5_000_000
        state = messages.joint_state(messages.stamp_from(time_ns), ["knee"], [0.1 * step], [0.0], [1.5])
        found.append((time_ns, "/joint_states", serialize_message(state)))
    return [*found, (10**18 + 10**9, "/emergency_stop", serialize_message(Bool(data=True)))]


def test_a_recording_reads_back_in_rosbags_and_in_mcap(tmp_path: Path) -> None:
    path = tmp_path / "folder" / "stop_1"
    write_rosbag(path, TOPICS, recorded(), {"reason": "tilt"})
    assert sorted(file.name for file in path.parent.iterdir()) == ["stop_1"]
    with AnyReader([path]) as reader:
        assert {topic: info.msgtype for topic, info in reader.topics.items()} == TOPICS
        assert {topic: info.msgcount for topic, info in reader.topics.items()} == {
            "/joint_states": 10, "/emergency_stop": 1,
        }  # fmt: skip
        states = [
            reader.deserialize(raw, connection.msgtype)
            for connection, _, raw in reader.messages()
            if connection.topic == "/joint_states"
        ]
    assert [float(state.position[0]) for state in states] == [0.1 * step for step in range(10)]  # pyright: ignore[reportAttributeAccessIssue]
    found = list(read_ros2_messages(path / "stop_1.mcap"))
    assert [message.log_time_ns for message in found] == [time for time, _, _ in recorded()]
    assert found[0].ros_msg.name == ["knee"]
    assert found[-1].ros_msg.data is True
    assert "reason: tilt" in (path / "metadata.yaml").read_text()


def test_a_recording_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    topics = {**TOPICS, "/odd": "no_such_msgs/msg/Odd"}
    with pytest.raises(GaitwayError, match="no definition of no_such_msgs/msg/Odd under share/"):
        write_rosbag(tmp_path / "stop", topics, recorded())

    def breaks():
        yield recorded()[0]
        raise OSError(28, "No space left on device")

    with pytest.raises(GaitwayError, match="cannot write .*: No space left on device"):
        write_rosbag(tmp_path / "stop", TOPICS, breaks())
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "stop").mkdir()
    with pytest.raises(GaitwayError, match="exists already"):
        write_rosbag(tmp_path / "stop", {**TOPICS, "/states": JointState.__name__}, [])

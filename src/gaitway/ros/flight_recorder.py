"""Node `flight_recorder`: remembers the last 30 s of every topic, and writes them down at a stop.

A stop is a `true` on `/emergency_stop`, or a robot or supervisor that says it is stopped. Some seconds later, so that
the fall is seen too, everything that is remembered is written as a rosbag2 folder in MCAP, once per stop, and its path
is published. Messages are kept as they came, in memory that is bounded by time and by bytes. Sensors and commands are
subscribed best effort, so that no publisher ever waits for the recorder or sends anything again for it.
"""

from __future__ import annotations

import importlib
import time
from datetime import datetime
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, QoSProfile
from rclpy.serialization import deserialize_message
from std_msgs.msg import Bool, String

from gaitway.data.flight_buffer import FlightBuffer, StopTrigger
from gaitway.data.rosbag import write_rosbag
from gaitway.errors import GaitwayError
from gaitway.ros import messages, names
from gaitway.ros.node_main import run_node, steady_s, steady_timer

_SCAN_S = 1.0
_TICK_S = 0.25
_MB = 1_000_000
_LATCHES = (names.ROBOT_STATE, names.SAFETY_STATE)


class FlightRecorder(Node):
    """Subscribes to whatever is published, without looking inside except for stops."""

    _unwritten = False
    """Whether there may be a stop to write when the node ends; rclpy ends one that was refused its parameters too."""

    def __init__(self) -> None:
        super().__init__(names.FLIGHT_RECORDER)
        seconds = self._number("seconds", 30.0, "How long every topic is remembered [s].", (1.0, 600.0))
        after_s = self._number("after_s", 3.0, "How long to go on after a stop [s].", (0.0, 60.0))
        max_mb = self._number("max_mb", 100.0, "Bound of the memory for all messages [MB].", (1.0, 10_000.0))
        self._patterns = self._fixed("topics", ["*"], "Topics to remember, as patterns such as /robot/*.")
        self._excluded = self._fixed("exclude", ["/parameter_events"], "Topics to leave out, as patterns.")
        self._folder = Path(self._fixed("folder", "runs/stops", "Folder of the recordings."))
        self._buffer = FlightBuffer(seconds + after_s, round(max_mb * _MB))
        self._trigger = StopTrigger(after_s)
        self._types: dict[str, str] = {}
        self._recording = self.create_publisher(String, names.FLIGHT_RECORDING, names.LATCHED)
        self._subscribe(names.EMERGENCY_STOP, "std_msgs/msg/Bool", names.EVENT)
        for topic in _LATCHES:
            self._subscribe(topic, "diagnostic_msgs/msg/DiagnosticStatus", names.LATCHED)
        self._unwritten = True
        steady_timer(self, _SCAN_S, self._scan)
        steady_timer(self, _TICK_S, self._tick)

    def _fixed(self, name: str, default: Any, description: str) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def _number(self, name: str, default: float, description: str, span: tuple[float, float]) -> float:
        limits = FloatingPointRange(from_value=span[0], to_value=span[1])
        descriptor = ParameterDescriptor(
            description=description, read_only=True, floating_point_range=[limits]
        )
        value = self.declare_parameter(name, default, descriptor).value
        assert isinstance(value, float)
        return value

    # Topics

    def _scan(self) -> None:
        """Subscribe to what has appeared since the last scan."""
        for topic, types in self.get_topic_names_and_types():
            hidden = any(part.startswith("_") for part in topic.split("/"))
            if topic not in self._types and types and not hidden and self._wanted(topic):
                self._subscribe(topic, types[0], self._qos(topic))

    def _wanted(self, topic: str) -> bool:
        return any(fnmatch(topic, pattern) for pattern in self._patterns) and not any(
            fnmatch(topic, pattern) for pattern in self._excluded
        )

    def _qos(self, topic: str) -> QoSProfile:
        """Latched where every publisher is, so that what was said before is heard too; else best effort."""
        publishers = self.get_publishers_info_by_topic(topic)
        latched = [
            publisher.qos_profile.durability == DurabilityPolicy.TRANSIENT_LOCAL for publisher in publishers
        ]
        return names.LATCHED if latched and all(latched) else names.RECORD_IN

    def _subscribe(self, topic: str, kind: str, qos: QoSProfile) -> None:
        self._types[topic] = kind
        package, folder, message = kind.split("/")
        try:
            message_type = getattr(importlib.import_module(f"{package}.{folder}"), message)
        except (ImportError, AttributeError):
            self.get_logger().warning(f"{topic} is not recorded: {kind} is not installed here")
            return
        latched = qos.durability == DurabilityPolicy.TRANSIENT_LOCAL
        look = {names.EMERGENCY_STOP: self._look_at_request}.get(topic)
        if topic in _LATCHES:
            look = self._look_at_latch

        def heard(content: bytes) -> None:
            self._buffer.add(topic, time.monotonic_ns(), content, latched=latched)
            if look is not None:
                look(topic, content)

        self.create_subscription(message_type, topic, heard, qos, raw=True)

    # Stops

    def _look_at_request(self, topic: str, content: bytes) -> None:
        if deserialize_message(content, Bool).data:
            self._trigger.stop_requested(steady_s())

    def _look_at_latch(self, topic: str, content: bytes) -> None:
        values = messages.values_of(deserialize_message(content, DiagnosticStatus))
        reason = "" if values.get("check") == "stop_request" else values.get("reason", "")
        self._trigger.latch(topic, values.get("stopped") == "True", steady_s(), reason)

    def _tick(self) -> None:
        if self._trigger.due(steady_s()):
            self._write()

    def _write(self) -> None:
        """Write what is remembered; its times are of the steady clock, shifted to the wall clock of now."""
        now_ns, wall_ns = time.monotonic_ns(), time.time_ns()
        found = [
            (time_ns + wall_ns - now_ns, topic, content)
            for time_ns, topic, content in self._buffer.messages(now_ns)
        ]
        topics = {topic: self._types[topic] for topic in sorted({topic for _, topic, _ in found})}
        name = datetime.fromtimestamp(wall_ns * 1e-9).strftime("stop_%Y-%m-%d_%H-%M-%S")
        reason = self._trigger.reason or "asked for on /emergency_stop"
        try:
            path = self._folder.resolve() / name
            write_rosbag(path, topics, found, {"reason": reason})
        except GaitwayError as error:
            self.get_logger().error(f"the stop is not recorded: {error}")
            return
        lost = f", without {self._buffer.dropped} for want of memory" if self._buffer.dropped else ""
        self.get_logger().info(f"stop ({reason}): {len(found)} messages{lost} in {path}")
        if self.context.ok():
            self._recording.publish(String(data=str(path)))

    def destroy_node(self) -> None:
        """Write a stop that is not written yet, and end."""
        if self._unwritten and self._trigger.pending:
            self._write()
        super().destroy_node()


if __name__ == "__main__":
    run_node(FlightRecorder)

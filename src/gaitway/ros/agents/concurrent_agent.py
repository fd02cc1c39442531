"""Node `concurrent_agent`: filters every joint state, and never makes a sensor callback or its control callback wait.

    joint_states -> callback -> bounded queue -> thread: low-pass filter -> bounded queue -> 100 Hz timer -> processed_joints

The callback only hands the message over. Where filtering cannot keep up, the oldest message that waits is dropped, and
counted. The timer sends the newest filtered values; those between are thinned out, which the low-pass filter makes
harmless. `concurrent_status` carries the counts as JSON; at any moment received = processed + dropped + in_flight.

`work_ms` makes filtering slow, and `inline` does it in the callback, to see what the queue is good for: the control
callback then misses its ticks, unless the executor has threads, where the callback groups keep the two apart.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections import deque
from collections.abc import Mapping
from typing import Any

import numpy as np
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.clock import Clock, ClockType  # pyright: ignore[reportPrivateImportUsage]
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from gaitway.robots.low_pass import LowPass
from gaitway.ros import messages, names
from gaitway.ros.agents.arrivals import Arrivals, Ticks
from gaitway.ros.agents.bounded_stage import BoundedStage
from gaitway.ros.agents.joint_agent import described
from gaitway.ros.node_main import run_node, steady_s, with_info

PUBLISH_HZ = 100.0
_GAP_S = 1.0
_INTAKE = QoSProfile(depth=1000)
"""Reliable and deep, so that the middleware loses none; what is dropped is dropped here, and counted."""


class ConcurrentAgent(Node):
    """Intake, filter and output, each at its own pace."""

    def __init__(self) -> None:
        super().__init__("concurrent_agent")
        size = ParameterDescriptor(
            description="How many messages may wait for the filter.",
            integer_range=[IntegerRange(from_value=1, to_value=100_000)],
            read_only=True,
        )
        self.declare_parameter("queue_size", 100, size)
        self.declare_parameter("cutoff_hz", 10.0, described("Cut-off of the filter [Hz].", 0.1, 1000.0))
        self.declare_parameter("work_ms", 0.0, described("Time to add to each filtering [ms].", 0.0, 1000.0))
        inline = ParameterDescriptor(description="Filter in the sensor callback.", read_only=True)
        self._inline = bool(self.declare_parameter("inline", False, inline).value)
        capacity = self.get_parameter("queue_size").value
        assert isinstance(capacity, int)
        self._low_pass = LowPass(1.0)
        self._joints: list[str] = []
        self._stamp_ns = 0
        self._arrivals, self._ticks, self._published = Arrivals(), Ticks(1.0 / PUBLISH_HZ), 0
        self._filtered: deque[JointState] = deque(maxlen=capacity)
        self._stage = BoundedStage(self._filter, capacity)
        intake, control = MutuallyExclusiveCallbackGroup(), MutuallyExclusiveCallbackGroup()
        self._out = self.create_publisher(JointState, "processed_joints", names.SENSOR_OUT)
        self._status = self.create_publisher(String, "concurrent_status", names.EVENT)
        heard = with_info(self._on_joint_state)
        self.create_subscription(JointState, "joint_states", heard, _INTAKE, callback_group=intake)
        steady = Clock(clock_type=ClockType.STEADY_TIME)
        self.create_timer(1.0 / PUBLISH_HZ, self._publish, callback_group=control, clock=steady)
        self.create_timer(0.5, self._publish_status, callback_group=control, clock=steady)

    def destroy_node(self) -> None:
        """End the filter's thread, then the node."""
        self._stage.close()
        counts = self._stage.counts()
        if counts.received:
            print(f"received {counts.received} = {counts.done} processed + {counts.dropped} dropped")
        super().destroy_node()

    def _on_joint_state(self, message: JointState, info: Mapping[str, Any]) -> None:
        self._arrivals.note(steady_s(), info)
        if self._inline:
            self._stage.do(message)
        else:
            self._stage.offer(message)

    def _filter(self, message: JointState) -> bool:
        """Filter one message, in the stage's thread unless `inline`; returns whether it could be used."""
        work_s, cutoff_hz = self.get_parameter("work_ms").value, self.get_parameter("cutoff_hz").value
        time.sleep(1e-3 * work_s)  # in place of heavier work; like numpy's, it leaves other threads alone
        columns = message.position, message.velocity, message.effort
        values = np.concatenate(columns)
        if (
            any(len(column) not in (0, len(message.name)) for column in columns)
            or not np.isfinite(values).all()
        ):
            self.get_logger().warning("a malformed joint state is dropped", throttle_duration_sec=1.0)
            return False
        stamp_ns = messages.nanoseconds(message.header.stamp)
        step_dt, self._stamp_ns = 1e-9 * (stamp_ns - self._stamp_ns), stamp_ns
        shape = [*message.name, *map(len, columns)]
        if shape != self._joints or not 0.0 < step_dt < _GAP_S:
            self._low_pass.reset()
            self._joints = shape
        self._low_pass.cutoff_hz = cutoff_hz
        filtered = self._low_pass.step(values, max(step_dt, 0.0))
        ends = np.cumsum([len(column) for column in columns])
        self._filtered.append(
            messages.joint_state(message.header.stamp, list(message.name), *np.split(filtered, ends[:-1]))
        )
        return True

    def _publish(self) -> None:
        """Send the newest filtered values: the control callback, which nothing may hold up."""
        self._ticks.note(steady_s())
        self._stage.check()
        newest = None
        while self._filtered:
            newest = self._filtered.popleft()
        if newest is not None:
            self._out.publish(newest)
            self._published += 1

    def _publish_status(self) -> None:
        counts = dataclasses.asdict(self._stage.counts())
        status = {
            "received": counts["received"],
            "processed": counts["done"],
            "dropped": counts["dropped"],
            "in_flight": counts["in_flight"],
            "lost_by_middleware": self._arrivals.lost,
            "rate_hz": round(self._arrivals.rate_hz(), 1),
            "published": self._published,
            "ticks": self._ticks.count,
            "missed_ticks": self._ticks.missed,
            "latest_tick_ms": round(1e3 * self._ticks.latest_s, 1),
        }
        self._status.publish(String(data=json.dumps(status)))


if __name__ == "__main__":
    run_node(ConcurrentAgent)

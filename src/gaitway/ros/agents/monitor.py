"""Node `monitor`: memory and CPU of processes, rates and losses of topics, and what the camera sees, to `/diagnostics`.

It is built to cost little and to stay small. Messages of `topics` are counted as bytes, never taken apart; everything
that is remembered is bounded. Of the images on `camera/image_raw` every Nth is looked at (`every_nth`), of its pixels
every Mth in both directions (`stride`), through a view of the message instead of a copy; the small image goes out on
`camera/image_decimated`. The looking is done by a thread of a pool, one image at a time: one that comes meanwhile is
skipped, and counted, and the node's other callbacks wait for none of it, which it watches by a 50 Hz tick of its own.
"""

from __future__ import annotations

import functools
import importlib
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from rclpy.callback_groups import MutuallyExclusiveCallbackGroup
from rclpy.node import Node
from sensor_msgs.msg import Image

from gaitway.ros import messages, names
from gaitway.ros.agents.arrivals import Arrivals, Ticks
from gaitway.ros.agents.joint_agent import described
from gaitway.ros.agents.process_watch import ProcessUse, ProcessWatch
from gaitway.ros.node_main import run_node, steady_s, steady_timer, with_info

_TICK_S = 0.02
_NAME = 60  # characters of a command line


class Monitor(Node):
    """Watches the host, topics and the camera."""

    def __init__(self) -> None:
        super().__init__("monitor")
        topics = self._fixed("topics", ["joint_states", "imu/data", "joint_commands"], "Topics to count.")
        words = self._fixed("processes", ["gaitway"], "Processes to watch, by a part of their command line.")
        self.declare_parameter("every_nth", 5, _whole("Which of the images are looked at.", 1, 1000))
        self.declare_parameter("stride", 4, _whole("Which of their pixels, in both directions.", 1, 64))
        for name, default, description in (
            ("max_rss_mib", 2048.0, "Memory of a process above which it is warned of [MiB]."),
            ("max_growth_mib_per_min", 20.0, "Its growth above which it is warned of [MiB/min]."),
            ("max_age_s", 1.0, "Silence of a topic above which it is warned of [s]."),
            ("max_loss", 0.01, "Share of a topic's messages lost in a second above which it is warned of."),
        ):
            self.declare_parameter(name, default, described(description, 0.0, 1e6))
        self._processes = ProcessWatch(list(words))
        self._arrivals = {self.resolve_topic_name(topic): Arrivals() for topic in topics}
        self._before: dict[str, tuple[int, int, int]] = {}
        self._counted: set[str] = set()
        self._ticks = Ticks(_TICK_S)
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._looking: Future | None = None
        self._images = self._skipped = 0
        self._seen: dict[str, object] = {}
        self._small = self.create_publisher(Image, "camera/image_decimated", names.SENSOR_OUT)
        self._diagnostics = self.create_publisher(DiagnosticArray, names.DIAGNOSTICS, 10)
        group = MutuallyExclusiveCallbackGroup()  # on an executor with threads, images wait for images alone
        self.create_subscription(
            Image, "camera/image_raw", self._on_image, names.SENSOR_IN, callback_group=group
        )
        steady_timer(self, _TICK_S, lambda: self._ticks.note(steady_s()))
        steady_timer(self, 1.0, self._report)

    def destroy_node(self) -> None:
        """End the pool, then the node."""
        self._pool.shutdown(cancel_futures=True)
        super().destroy_node()

    def _fixed(self, name: str, default: list[str], description: str) -> list[str]:
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return list(self.declare_parameter(name, default, descriptor).value or ())

    def _value(self, name: str) -> Any:
        return self.get_parameter(name).value

    # Topics

    def _count_new_topics(self) -> None:
        """Subscribe to topics that somebody has begun to publish: only then is their type known."""
        for topic, types in self.get_topic_names_and_types():
            if topic in self._arrivals and topic not in self._counted and self.count_publishers(topic):
                package, _, name = types[0].split("/")
                message_type = getattr(importlib.import_module(f"{package}.msg"), name)
                heard = with_info(functools.partial(self._on_message, topic))
                self.create_subscription(message_type, topic, heard, names.WATCH_IN, raw=True)
                self._counted.add(topic)

    def _on_message(self, topic: str, content: bytes, info: Mapping[str, Any]) -> None:
        self._arrivals[topic].note(steady_s(), info, len(content))

    def _topic_status(self, topic: str, arrivals: Arrivals) -> DiagnosticStatus:
        received, lost, size = arrivals.received, arrivals.lost or 0, arrivals.bytes
        before = self._before.get(topic, (0, 0, 0))
        self._before[topic] = received, lost, size
        received_now, lost_now, size_now = (a - b for a, b in zip(self._before[topic], before, strict=True))
        age_s = arrivals.age_s(steady_s())
        problem = None
        if age_s > self._value("max_age_s"):
            problem = f"silent for {age_s:.1f} s" if arrivals.received else "never heard"
        elif lost_now > self._value("max_loss") * (received_now + lost_now):
            problem = f"{lost_now} of {received_now + lost_now} messages lost"
        values = {
            "rate_hz": f"{arrivals.rate_hz():.1f}",
            "received": received,
            "lost": "not known" if arrivals.lost is None else lost,
            "kbyte_per_s": f"{1e-3 * size_now:.1f}",
            "age_s": f"{age_s:.3f}",
        }
        return _status(f"topic {topic}", problem, f"{arrivals.rate_hz():.0f} Hz", values)

    # Images

    def _on_image(self, message: Image) -> None:
        self._images += 1
        if self._images % self._value("every_nth"):
            return
        if self._looking is not None and not self._looking.done():
            self._skipped += 1
            return
        self._looking = self._pool.submit(self._look, message, self._value("stride"))

    def _look(self, message: Image, stride: int) -> None:
        """In the pool's thread: brightness, contrast and sharpness (the variance of the Laplacian)."""
        small = messages.decimated(message, stride)
        pixels = None if small is None else messages.picture(small)
        if small is None or pixels is None:
            self._seen = {"problem": f"an image of encoding {message.encoding} or of a wrong size"}
            return
        grey = pixels.mean(axis=2)
        inner = grey[1:-1, 1:-1]
        laplacian = grey[:-2, 1:-1] + grey[2:, 1:-1] + grey[1:-1, :-2] + grey[1:-1, 2:] - 4.0 * inner
        sharpness = float(laplacian.var()) if laplacian.size else 0.0
        self._seen = {
            "brightness": f"{grey.mean():.1f}",
            "contrast": f"{grey.std():.1f}",
            "sharpness": f"{sharpness:.1f}",
        }
        self._small.publish(small)

    # Report

    def _report(self) -> None:
        self._count_new_topics()
        if self._looking is not None and self._looking.done():
            self._looking.result()  # raises what the thread has raised
        seen = dict(self._seen)
        problem = seen.pop("problem", None)
        ticks = {
            "ticks": self._ticks.count,
            "missed_ticks": self._ticks.missed,
            "latest_tick_ms": f"{1e3 * self._ticks.latest_s:.1f}",
        }
        images = {"images": self._images, "skipped": self._skipped, **seen}
        report = [
            _status("executor", None, "watching", ticks),
            _status("camera", problem, f"{self._images} images", images),
            *(self._process_status(use) for use in self._processes.measure(steady_s())),
            *(self._topic_status(topic, arrivals) for topic, arrivals in self._arrivals.items()),
        ]
        message = DiagnosticArray(status=report)
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)

    def _process_status(self, use: ProcessUse) -> DiagnosticStatus:
        problem = None
        if use.rss_mib > self._value("max_rss_mib"):
            problem = f"uses {use.rss_mib:.0f} MiB"
        elif use.growth_mib_per_min > self._value("max_growth_mib_per_min"):
            problem = f"grows by {use.growth_mib_per_min:.1f} MiB per minute"
        values = {
            "pid": use.pid,
            "rss_mib": f"{use.rss_mib:.1f}",
            "growth_mib_per_min": f"{use.growth_mib_per_min:.2f}",
            "cpu_cores": f"{use.cpu:.2f}",
            "command": use.command,
        }
        return _status(f"process {use.command[:_NAME]}", problem, f"{use.rss_mib:.0f} MiB", values)


def _status(name: str, problem: object, well: str, values: Mapping[str, object]) -> DiagnosticStatus:
    level = messages.WARN if problem else messages.OK
    return messages.status(f"monitor: {name}", level, str(problem or well), values)


def _whole(description: str, lowest: int, highest: int) -> ParameterDescriptor:
    span = IntegerRange(from_value=lowest, to_value=highest)
    return ParameterDescriptor(description=description, integer_range=[span])


if __name__ == "__main__":
    run_node(Monitor)

"""Running one node as a process: start, spin, end cleanly on Ctrl-C or a termination signal."""

from __future__ import annotations

import functools
import gc
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import rclpy
from rclpy._rclpy_pybind11 import RCLError
from rclpy.callback_groups import CallbackGroup
from rclpy.clock import Clock, ClockType  # pyright: ignore[reportPrivateImportUsage]
from rclpy.exceptions import ParameterException
from rclpy.executors import Executor, ExternalShutdownException, SingleThreadedExecutor
from rclpy.node import Node
from rclpy.signals import SignalHandlerOptions
from rclpy.timer import Timer

try:  # a third less work for each message than the default executor, which builds its wait set anew every time
    from rclpy.experimental.events_executor import EventsExecutor
except ImportError:  # before Kilted
    EventsExecutor = SingleThreadedExecutor

from gaitway.errors import GaitwayError
from gaitway.ros.environment import RosError, require_ros

_WAKE_S = 0.5


def steady_s() -> float:
    """The steady clock that watchdogs and latencies use; the same for all processes of a host [s]."""
    return time.monotonic()


class LateTicks:
    """Tells a periodic callback that came too late to judge how old the newest messages are.

    The executor runs timers before it takes messages. After a stall of the process the messages that came
    meanwhile are still waiting, so their absence means nothing until the next tick. Two late ticks in a row are
    judged all the same.
    """

    def __init__(self, period_s: float):
        self.judged_s = steady_s()
        """The newest tick that might judge: ages as of then are those of messages that were waited for."""
        self._late_s = max(2.0 * period_s, 0.02)
        self._last_s: float | None = None
        self._skipped = False

    def may_judge(self, now_s: float) -> bool:
        """Whether this tick may judge ages; call it once per tick."""
        late = self._last_s is not None and now_s - self._last_s > self._late_s
        self._last_s = now_s
        self._skipped = late and not self._skipped
        if not self._skipped:
            self.judged_s = now_s
        return not self._skipped


def steady_timer(
    node: Node, period_s: float, callback: Callable[[], None], group: CallbackGroup | None = None
) -> Timer:
    """A timer that steps of the wall clock and of simulated time do not disturb."""
    return node.create_timer(period_s, callback, group, Clock(clock_type=ClockType.STEADY_TIME))


def with_info(callback: Callable[[Any, Mapping[str, Any]], None]) -> Callable[..., None]:
    """A subscription's callback that is given a message and what rclpy says of it, whatever the executor."""

    def heard(message: Any, info: Any) -> None:
        callback(message, info)

    @functools.wraps(heard)
    def call(*given: Any) -> None:
        heard(*(given[0] if len(given) == 1 else given))  # rclpy 9.1's EventsExecutor gives both as one pair

    return call


def with_publisher(callback: Callable[[Any, bytes], None]) -> Callable[..., None]:
    """A subscription's callback that is told who published a message: 16 bytes, other for every publisher.

    They are empty where the ROS 2 distribution does not say (before Kilted).
    """

    def heard(message: Any, info: Mapping[str, Any]) -> None:
        gid = info.get("publisher_gid")
        callback(message, gid["data"] if gid else b"")

    return with_info(heard)


def run_node(make_node: Callable[[], Node], make_executor: Callable[[], Executor] = EventsExecutor) -> None:
    """Make a node, spin it until it is told to end, and exit.

    The process exits with 0 after Ctrl-C or SIGTERM, and with 2 where the node refused its input.

    Args:
        make_node: the node's class.
        make_executor: what spins it.
    """
    node = None
    try:
        require_ros()
        _init()
        node = make_node()
        executor = make_executor()
        executor.add_node(node)
        node.get_logger().info("up")  # the first line takes 0.1 s, which no stop should wait for
        gc.collect()
        gc.freeze()  # what start-up made lives on: the collector need not walk it while controlling
        while rclpy.ok():  # the spin() of rclpy 9.1's EventsExecutor fires no timers
            executor.spin_once(timeout_sec=_WAKE_S)
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except RCLError:  # a signal ended the context between two waits
        if rclpy.ok():
            raise
    except (GaitwayError, ParameterException) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        if node is not None:
            node.destroy_node()
        rclpy.try_shutdown()


def _init() -> None:
    try:
        rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.ALL)
    except RuntimeError as error:  # arguments or parameter files that ROS 2 cannot read
        raise RosError(str(error)) from error

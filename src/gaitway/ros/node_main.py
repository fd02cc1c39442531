"""Running one node as a process: start, spin, end cleanly on Ctrl-C or a termination signal."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Callable

from gaitway.errors import GaitwayError
from gaitway.ros.environment import require_ros


def steady_s() -> float:
    """The steady clock that watchdogs and latencies use; the same for all processes of a host [s]."""
    return time.monotonic()


def run_node(make_node: Callable[[], object]) -> None:
    """Make a node, spin it until it is told to end, and exit.

    The process exits with 0 after Ctrl-C or SIGTERM, and with 2 where the node refused its input.
    """
    require_ros()
    import rclpy
    from rclpy.executors import ExternalShutdownException, SingleThreadedExecutor
    from rclpy.node import Node
    from rclpy.signals import SignalHandlerOptions

    rclpy.init(args=sys.argv, signal_handler_options=SignalHandlerOptions.ALL)
    node = None
    try:
        node = make_node()
        assert isinstance(node, Node)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        gc.collect()
        gc.freeze()  # what start-up made lives on: the collector need not walk it while controlling
        executor.spin()
    except (KeyboardInterrupt, ExternalShutdownException):
        pass
    except GaitwayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        if isinstance(node, Node):
            node.destroy_node()
        rclpy.try_shutdown()

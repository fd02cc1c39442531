"""`gaitway run`: one node by name, with the arguments that every ROS 2 node takes."""

from __future__ import annotations

import importlib
import os
import runpy
import sys
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Column, Table
from rich.text import Text

from gaitway.ros.environment import require_ros
from gaitway.ros.nodes import NODES, node_entry_point

_HELP = ("-h", "--help")


def run(arguments: list[str]) -> None:
    """Run the named node until it ends, or explain it.

    Args:
        arguments: the node's name, then what goes to ROS 2.
    """
    if not arguments or arguments[0] in _HELP:
        _print_nodes()
        return
    name, rest = arguments[0], arguments[1:]
    module, node_class = node_entry_point(name)
    require_ros()
    if any(argument in _HELP for argument in rest):
        _print_node(name, module, node_class)
        return
    sys.argv = [f"gaitway run {name}", *rest]
    runpy.run_module(module, run_name="__main__")


def run_named_node() -> None:
    """Run the node that this executable is named after, as `ros2 run gaitway NAME` has it."""
    from gaitway.cli.main import main

    main(["run", Path(sys.argv[0]).name, *sys.argv[1:]])


def _print_nodes() -> None:
    console = Console()
    console.print("usage: gaitway run NODE [--ros-args ...]\n")
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, (_, summary) in NODES.items():
        table.add_row(f"  {name}", Text(summary))
    console.print(table)
    console.print(
        "\n`gaitway run NODE --help` shows a node's topics and parameters. Set a parameter with "
        "`--ros-args -p NAME:=VALUE`, move a topic with `--ros-args -r OLD:=NEW`.",
        markup=False,
    )


def _print_node(name: str, module_name: str, node_class: str) -> None:
    """What the node itself says: it is made, asked, and thrown away."""
    import rclpy

    module = importlib.import_module(module_name)
    console = Console()
    console.print(f"usage: gaitway run {name} [--ros-args ...]\n", markup=False)
    for paragraph in (module.__doc__ or "").strip().split("\n\n"):
        console.print(" ".join(paragraph.split()) + "\n", markup=False, highlight=False)
    os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "OFF"
    rclpy.init(args=[])
    try:
        node = getattr(module, node_class)()
        console.print(_topics(node))
        console.print(_parameters(node))
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


def _topics(node: Any) -> Table:
    table = Table("topic", "", "type", box=None)
    for direction, ends in (("in", node.subscriptions), ("out", node.publishers)):
        for end in ends:
            kind = end.msg_type
            if not end.topic_name.startswith("/parameter_events") and end.topic_name != "/rosout":
                package = kind.__module__.partition(".")[0]
                table.add_row(end.topic_name, direction, f"{package}/{kind.__name__}")
    return table


def _parameters(node: Any) -> Table:
    table = Table(Column("parameter", no_wrap=True), "default", "what it is", box=None)
    for name in sorted(node._parameters):
        if name == "use_sim_time" or name.startswith(("qos_overrides.", "start_type_description")):
            continue
        descriptor = node.describe_parameter(name)
        spans = [*descriptor.floating_point_range, *descriptor.integer_range]
        limits = "".join(f" {span.from_value:g} to {span.to_value:g}." for span in spans)
        value = node._parameters[name].value
        table.add_row(
            Text(name), Text("" if value is None else f"{value}"), Text(descriptor.description + limits)
        )
    return table

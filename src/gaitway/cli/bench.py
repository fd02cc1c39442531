"""`gaitway bench WHAT`: speed, and responses to faults, against stated limits, measured in one run."""

from __future__ import annotations

import importlib

import tyro
from rich.console import Console
from rich.table import Table

from gaitway.errors import UnknownNameError

BENCHES = {
    "sim": "the simulation beside the bare physics and beside other libraries",
    "train": "PPO, part by part, beside the bare physics and Stable-Baselines3",
    "policy": "a control step of a policy file beside a raw onnxruntime call",
    "safety": "every fault against the live processes, and what comes of it",
    "ros": "latency and CPU of the nodes beside a bare exchange of messages",
    "false-stops": "stops by the supervisor of robots that do nothing wrong, in robot-hours",
}
"""What can be measured; module `bench_NAME` holds the COMMAND, which needs what it measures alone."""


def run(arguments: list[str]) -> None:
    """Run the named measurement, or list them.

    Args:
        arguments: the measurement's name, then its options.
    """
    if not arguments or arguments[0] in ("-h", "--help"):
        _print_benches()
        return
    name = arguments[0]
    if name not in BENCHES:
        raise UnknownNameError("measurement", name, BENCHES)
    command = importlib.import_module(f"gaitway.cli.bench_{name.replace('-', '_')}").COMMAND
    tyro.cli(command, prog=f"gaitway bench {name}", args=arguments[1:]).run()


def _print_benches() -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for name, summary in BENCHES.items():
        table.add_row(f"  {name}", summary)
    console = Console()
    console.print("usage: gaitway bench WHAT [OPTIONS]\n")
    console.print(table)
    console.print("\n`gaitway bench WHAT --help` explains one.")

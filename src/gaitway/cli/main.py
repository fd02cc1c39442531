"""`gaitway VERB ...`: imports only the verb that is asked for, so that none needs another's extras."""

from __future__ import annotations

import importlib
import sys
from typing import Any

from rich.console import Console
from rich.table import Table

from gaitway import __version__
from gaitway.errors import GaitwayError, UnknownNameError

VERBS = {
    "list": "what is in the box: robots, policies, tasks, algorithms, observation terms",
    "train": "learn a task in parallel simulation",
    "compare": "plot several runs with mean and spread over seeds",
    "eval": "measure a policy file in simulation, beside doing nothing",
    "export": "pack a training run as one policy file",
    "pack": "make a policy file of a network that was trained elsewhere",
    "robot": "show what a robot's name or TOML file amounts to",
    "inspect": "verify a policy file and show what it says",
    "play": "show a policy in simulation in the browser, to steer and to push it",
    "preflight": "look at a robot before a policy first runs on it",
    "launch": "run a policy over ROS 2: simulated robot, supervisor, controller",
    "run": "run one node by name: the parts of `launch`, and the agents",
    "demo": "train, pack, run, push, stop, report: the whole loop",
    "interfaces": "build the ROS 2 messages and services of Gaitway into this environment",
    "doctor": "what is installed here, and what to do about what is not",
    "bench": "measure speed against a stated limit",
}
_EXTRAS = {
    "mujoco": "sim", "gymnasium": "sim", "scipy": "sim", "torch": "train", "onnx": "train",
    "onnxscript": "train", "tensorboard": "train", "safetensors": "train", "matplotlib": "train",
    "jinja2": "train", "rclpy": "ros", "aiohttp": "ros", "psutil": "ros", "rosbags": "record", "envpool": "bench",
    "viser": "dashboard", "mjviser": "dashboard", "stable_baselines3": "adapters", "rsl_rl": "adapters",
    "tensordict": "adapters",
}  # fmt: skip


def main(arguments: list[str] | None = None) -> None:
    """Run one verb; exits with 2 on input that cannot be used and with 130 on Ctrl-C."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        _print_verbs()
        return
    if arguments[0] == "--version":
        print(__version__)
        return
    try:
        _run(arguments[0], arguments[1:])
    except GaitwayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except ModuleNotFoundError as error:
        if error.name in ("gaitway_msgs", "tf2_msgs"):
            from gaitway.ros.interfaces import interfaces_missing

            print(f"error: {interfaces_missing(error.name)}", file=sys.stderr)
            sys.exit(2)
        extra = _EXTRAS.get((error.name or "").partition(".")[0])
        if extra is None:
            raise
        print(
            f"error: {error.name} is not installed; `pip install 'gaitway[{extra}]'` provides it",
            file=sys.stderr,
        )
        sys.exit(2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        sys.exit(130)


def _run(verb: str, arguments: list[str]) -> None:
    if verb not in VERBS:
        raise UnknownNameError("command", verb, VERBS)
    module: Any = importlib.import_module(f"gaitway.cli.{verb}")
    if hasattr(module, "run"):  # a verb that hands its arguments on
        module.run(arguments)
        return
    import tyro

    options = {"default": module.default_for(arguments)} if hasattr(module, "default_for") else {}
    tyro.cli(module.COMMAND, prog=f"gaitway {verb}", args=arguments, **options).run()


def _print_verbs() -> None:
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 0))
    for verb, summary in VERBS.items():
        table.add_row(f"  {verb}", summary)
    console = Console()
    console.print("gaitway: from simulation to a ROS 2 robot\n\nusage: gaitway COMMAND [OPTIONS]\n")
    console.print(table)
    console.print("\n`gaitway COMMAND --help` explains one; `gaitway --version` prints the version.")


if __name__ == "__main__":
    main()

"""`gaitway doctor`: what is installed here, and what to do about what is not."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import platform
import sys
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gaitway.errors import GaitwayError
from gaitway.ros import find_ros
from gaitway.ros.interfaces import PACKAGES, interfaces_advice


@dataclass(frozen=True)
class Finding:
    """One thing that Gaitway uses."""

    name: str
    found: str
    """What is there; empty if nothing is."""
    advice: str
    """What to do; empty if nothing needs doing."""


@dataclass(frozen=True, kw_only=True)
class DoctorCommand:
    """Look for Python, MuJoCo, torch, ROS 2, its messages of Gaitway, and off-screen rendering."""

    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Look and print."""
        findings = diagnose()
        if self.json:
            print(json.dumps([asdict(finding) for finding in findings], indent=2))
            return
        table = Table(box=None)
        for heading in ("", "what", "found", "what to do"):
            table.add_column(heading)
        for finding in findings:
            mark = "[green]ok[/]" if not finding.advice else "[yellow]no[/]"
            table.add_row(mark, finding.name, Text(finding.found or "nothing"), Text(finding.advice))
        Console().print(table)


def diagnose() -> list[Finding]:
    """Every finding, in the order of the layers."""
    supported = sys.version_info >= (3, 10)
    ros = find_ros()
    return [
        Finding(
            "Python",
            platform.python_version(),
            "" if supported else "Gaitway needs Python 3.10 or newer",
        ),
        _package("onnxruntime", "onnxruntime", "gaitway"),
        _package("MuJoCo", "mujoco", "gaitway[sim]", at_least=4),
        _package("torch", "torch", "gaitway[train]"),
        Finding("ROS 2", "" if ros.source == "none" else f"{ros.source}: {ros.detail}", ros.problem or ""),
        *(_interfaces(package) for package in PACKAGES),
        _rendering(),
    ]


def _package(label: str, package: str, extra: str, at_least: int = 0) -> Finding:
    install = f"pip install '{extra}'"
    try:
        version = importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return Finding(label, "", install)
    if int(version.split(".")[0]) < at_least:
        return Finding(label, version, f"version {at_least} or newer is needed: {install} --upgrade")
    return Finding(label, version, "")


def _interfaces(package: str) -> Finding:
    """Say whether a package of ROS 2 messages is there, and where."""
    spec = importlib.util.find_spec(package)
    if spec is None:
        return Finding(package, "", interfaces_advice(package))
    return Finding(package, f"in {Path(str(spec.origin)).parent}", "")


def _rendering() -> Finding:
    """Draw a robot off-screen."""
    try:
        from gaitway.robots import h23
        from gaitway.sim import render_pictures

        robot = h23()
        qpos = [0.0, 0.0, robot.home_base_height, 1.0, 0.0, 0.0, 0.0, *robot.home_joint_pos]
        render_pictures("h23", [qpos], width=64, height=64)
    except ModuleNotFoundError as error:
        return Finding("rendering", "", f"needs {error.name}: pip install 'gaitway[sim]'")
    except GaitwayError as error:
        return Finding("rendering", "", str(error))
    return Finding("rendering", "off-screen, in a process of its own", "")


COMMAND = DoctorCommand

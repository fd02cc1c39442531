"""`gaitway robot`: show what a robot's name or TOML file amounts to."""

from __future__ import annotations

import json
from dataclasses import dataclass, fields
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gaitway.robots import Robot, get_robot


@dataclass(frozen=True, kw_only=True)
class RobotCommand:
    """Show a robot's joints, limits, gains, sensors and feet, and what was assumed to know them."""

    robot: tyro.conf.Positional[str] = "h23"
    """A robot in the box, a path that ends in `.toml`, or `menagerie:NAME`."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Read and print."""
        robot = get_robot(self.robot)
        if self.json:
            print(json.dumps(_facts(robot), indent=2))
        else:
            _print(robot)


def _facts(robot: Robot) -> dict[str, Any]:
    left_out = ("mjcf", "assets", "joint_mirror", "joint_mirror_sign", "imu")
    facts = {f.name: getattr(robot, f.name) for f in fields(robot) if f.name not in left_out}
    imu = {f.name: getattr(robot.imu, f.name) for f in fields(robot.imu)}
    mirror = {robot.joint_names[i]: _partner(robot, i) for i in range(len(robot.joint_mirror))}
    return {**facts, "model_sha256": robot.model_sha256, "imu": imu, "mirror": mirror}


def _partner(robot: Robot, joint: int) -> str:
    sign = "-" if robot.joint_mirror_sign[joint] < 0.0 else ""
    return sign + robot.joint_names[robot.joint_mirror[joint]]


def _print(robot: Robot) -> None:
    console = Console()
    facts = Table(box=None, show_header=False, title=robot.name, title_justify="left")
    files, size = len(robot.assets), sum(map(len, robot.assets.values()))
    for key, value in (
        ("licence", robot.license),
        ("origin", robot.origin),
        ("model", f"{robot.model_sha256[:12]}, with {files} more files of {size / 1e6:.1f} MB"),
        ("base height", f"{robot.home_base_height:.4f} m at home"),
        ("imu", f"site {robot.imu.site}, on the base at {_numbers(robot.imu.pos)} m"),
        ("imu turned", f"{_numbers(robot.imu.quat)} wxyz"),
        ("feet", ", ".join(robot.foot_geoms)),
        ("camera", robot.camera or "none"),
        ("locked", ", ".join(robot.locked_joints) or "none"),
        ("mirror", "known" if robot.joint_mirror else "unknown"),
        *(("assumed", note) for note in robot.notes),
    ):
        facts.add_row(key, Text(value))
    console.print(facts)

    joints = Table(box=None, title=f"{robot.num_joints} joints", title_justify="left")
    for heading in ("joint", "home", "range, rad", "kp", "kd", "effort", "speed", "stop kd", "mirror"):
        joints.add_column(heading)
    for i, name in enumerate(robot.joint_names):
        low, high = robot.position_limit[i]
        joints.add_row(
            name, f"{robot.home_joint_pos[i]:.2f}", f"{low:.2f} .. {high:.2f}", f"{robot.stiffness[i]:.4g}",
            f"{robot.damping[i]:.4g}", f"{robot.effort_limit[i]:.4g}", f"{robot.velocity_limit[i]:.4g}",
            f"{robot.damping_mode[i]:.4g}", _partner(robot, i) if robot.joint_mirror else "",
        )  # fmt: skip
    console.print(joints)


def _numbers(values: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:.4g}" for value in values) + ")"


COMMAND = RobotCommand

"""Finding a robot by name: in the box, described by a TOML file, or in MuJoCo Menagerie."""

from __future__ import annotations

from collections.abc import Callable

from gaitway.errors import UnknownNameError
from gaitway.robots.h23 import h23
from gaitway.robots.robot import Robot

ROBOTS: dict[str, Callable[[], Robot]] = {"h23": h23}


def get_robot(name: str) -> Robot:
    """The robot of that name.

    Args:
        name: a key of ROBOTS, a path that ends in `.toml`, or `menagerie:` and the name of a model there.

    Raises:
        UnknownNameError: no robot is called that.
        RobotError: a described robot cannot be used; the message names what is wrong.
    """
    if name.endswith(".toml"):
        return Robot.from_toml(name)
    if name.startswith("menagerie:"):
        return Robot.from_menagerie(name)
    if name not in ROBOTS:
        raise UnknownNameError("robot", name, [*ROBOTS, "menagerie:NAME", "path/to/robot.toml"])
    return ROBOTS[name]()

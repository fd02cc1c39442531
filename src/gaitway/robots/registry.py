"""The robots in the box."""

from __future__ import annotations

from collections.abc import Callable

from gaitway.errors import UnknownNameError
from gaitway.robots.h23 import h23
from gaitway.robots.robot import Robot

ROBOTS: dict[str, Callable[[], Robot]] = {"h23": h23}


def get_robot(name: str) -> Robot:
    """The robot of that name.

    Raises:
        UnknownNameError: no robot is called that.
    """
    if name not in ROBOTS:
        raise UnknownNameError("robot", name, ROBOTS)
    return ROBOTS[name]()

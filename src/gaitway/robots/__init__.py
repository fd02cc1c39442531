"""Robots: what each one is, and finding one by name."""

from gaitway.robots.description import ImuSettings, JointSettings, RobotDescription
from gaitway.robots.h23 import h23
from gaitway.robots.registry import ROBOTS, get_robot
from gaitway.robots.robot import ImuMounting, Robot, RobotError

__all__ = [
    "ROBOTS",
    "ImuMounting",
    "ImuSettings",
    "JointSettings",
    "Robot",
    "RobotDescription",
    "RobotError",
    "get_robot",
    "h23",
]

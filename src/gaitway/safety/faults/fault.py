"""What a fault is, where it acts, and how the robot is to respond."""

from __future__ import annotations

import enum
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from gaitway.robots import Robot
from gaitway.safety.faults.samples import Sample, Tamper

JOINT_STATES, IMU, COMMANDS = "joint_states", "imu", "joint_commands"
"""Streams of messages that can be tampered with."""


class Response(enum.Enum):
    """What a robot is to do about a fault."""

    TOLERATE = "tolerate"
    """Go on."""
    LIMIT = "limit"
    """Go on, within its limits whatever is asked."""
    DEGRADE = "degrade"
    """Go on with less: stand where nobody steers any more."""
    STOP = "stop"
    """Damp, and stay so."""
    STOP_IF_FALLING = "stop if it falls"
    """Stop a body that falls of it, and go on with one that stands: which of the two, only physics knows."""


@dataclass(frozen=True, kw_only=True)
class Messages:
    """Streams of messages are tampered with where they are sent."""

    streams: tuple[str, ...]
    make: Callable[[], Tamper]
    """A new fault for each stream of each injection."""


@dataclass(frozen=True, kw_only=True)
class Motors:
    """Motors whose joint's name contains `joint` are weak, or their joints are jammed."""

    joint: str
    strength: float = 1.0
    """Share of the torque that is left."""
    drag: float = 0.0
    """Viscous friction that a jammed joint moves against [N m s/rad]."""


@dataclass(frozen=True, kw_only=True)
class Push:
    """An impulse on the base, in world frame [N s]."""

    impulse: tuple[float, float, float]


@dataclass(frozen=True, kw_only=True)
class ProcessLoss:
    """A process is killed, or hangs until it is freed."""

    process: Literal["robot", "supervisor", "controller"]
    hangs: bool = False


@dataclass(frozen=True, kw_only=True)
class Publisher:
    """Somebody else publishes on a topic."""

    topic: Literal["joint_commands", "joint_torques", "cmd_vel"]
    make: Callable[[Robot], Sample]
    """What it says: columns "position" and "effort" of joints, or "velocity" of /cmd_vel (vx, vy, yaw rate)."""
    rate_hz: float = 50.0
    falls_silent_s: float | None = None
    """When it ends, which is then the fault; None where what it says is the fault [s]."""


Cause = Messages | Motors | Push | ProcessLoss | Publisher


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One fault."""

    name: str
    description: str
    """What happens."""
    magnitude: str
    expected: Response
    cause: Cause
    allowed_s: float | None = None
    """The longest time to damping [s]; None where the robot does not stop, or only when it falls."""
    watch_s: float = 1.2
    """How long a robot that is not to stop is watched [s]."""
    max_speed: float | None = None
    """How fast the base may move in the end, on the average over 0.4 s, where that is the response [m/s]."""

    @property
    def group(self) -> str:
        """What kind of thing fails: sensors, body, commands, processes or publishers."""
        cause = self.cause
        if isinstance(cause, Messages):
            return "commands" if COMMANDS in cause.streams else "sensors"
        return {Motors: "body", Push: "body", ProcessLoss: "processes", Publisher: "publishers"}[type(cause)]

"""What is written down of a network from elsewhere: what its numbers mean."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from gaitway.errors import UnknownNameError
from gaitway.policy import TERMS, CommandSpec, Gait, PolicyError
from gaitway.tasks import Task, get_task

PerJoint = float | list[float] | dict[str, float]
"""One number for all joints, a list in the order of `joint_names`, or a table by joint name."""


@dataclass(frozen=True, kw_only=True)
class TermEntry:
    """One observation term, in its place."""

    term: str
    """Name; `gaitway list terms` shows them all."""
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    """Bounds after scaling."""
    history: int = 1
    """Instants, oldest first, the term's values of one instant together."""


@dataclass(frozen=True, kw_only=True)
class ActionEntry:
    """What the network's output means: `target = offset + scale * clip(output)` per joint."""

    scale: PerJoint
    """[rad]"""
    offset: PerJoint | None = None
    """[rad]; default the home pose."""
    clip: float = 100.0
    """Bound of the absolute output."""
    delay_steps: tuple[float, float] = (0.0, 0.0)
    """Least and most latency in training [control steps]."""


@dataclass(frozen=True, kw_only=True)
class Contract:
    """All that a file of a network's contract may say."""

    observation: tuple[TermEntry, ...]
    """Terms in the order in which the network takes them."""
    action: ActionEntry
    step_dt: float
    """Time of one control step [s]."""
    robot: str = "h23"
    task: str | None = None
    """What to measure it on; default `walk` for a policy that observes a command, else `stand`."""
    joint_names: tuple[str, ...] | None = None
    """The network's joint order; default the robot's."""
    home_joint_pos: PerJoint | None = None
    """What joint positions are relative to [rad]; default the robot's home pose."""
    stiffness: PerJoint | None = None
    """[N m/rad]; default the robot's."""
    damping: PerJoint | None = None
    """[N m s/rad]; default the robot's."""
    command: CommandSpec | None = None
    """Ranges of the velocity commands it was trained on; default those of the task."""
    gait: Gait | None = None
    """The rhythm behind `gait_clock`; default the task's."""
    algorithm: str = "unknown"
    source: str = "unknown"
    """Who trained it, and with what."""
    license: str = "unknown"

    def observes(self, name: str) -> bool:
        """Whether the network takes a term of that name."""
        return any(entry.term == name for entry in self.observation)

    def measured_on(self) -> Task:
        """The task whose evaluation goes into the file.

        Raises:
            UnknownNameError: no task has that name.
        """
        return get_task(self.task or ("walk" if self.observes("command") else "stand"))


def read_contract(path: Path) -> dict[str, Any]:
    """The tables of a TOML file, not yet checked.

    Raises:
        PolicyError: the file is missing or is no TOML.
    """
    try:
        return msgspec.toml.decode(path.read_bytes())
    except OSError as error:
        raise PolicyError(f"cannot read the spec {path}: {error.strerror or error}") from error
    except msgspec.DecodeError as error:
        raise PolicyError(f"{path} is no TOML file: {error}") from error


def make_contract(tables: Mapping[str, Any], name: str) -> Contract:
    """Check the tables that describe a network.

    Args:
        tables: as `read_contract` or `mjlab_contract` give them.
        name: what to call them in messages.

    Raises:
        UnknownNameError: a key or an observation term is unknown.
        PolicyError: a value is missing, or of the wrong kind or range.
    """
    _check_keys(tables, Contract, name)
    for key, kind in (("action", ActionEntry), ("command", CommandSpec), ("gait", Gait)):
        _check_keys(tables.get(key), kind, f"[{key}] of {name}")
    for entry in tables.get("observation") or ():
        _check_keys(entry, TermEntry, f"[[observation]] of {name}")
    try:
        contract = msgspec.convert(tables, Contract)
    except msgspec.ValidationError as error:
        raise PolicyError(f"{name} does not describe a network: {error}") from error
    _check_values(contract, name)
    return contract


def _check_values(contract: Contract, name: str) -> None:
    for entry in contract.observation:
        if entry.term not in TERMS:
            raise UnknownNameError("observation term", entry.term, TERMS)
        if entry.history < 1 or not np.isfinite(entry.scale):
            raise PolicyError(
                f"{name}: {entry.term} needs a history of at least 1 and a finite scale; it has {entry.history} and "
                f"{entry.scale}"
            )
        _check_range(f"{name}: clip of {entry.term}", entry.clip)
    if not contract.observation or not 0.0 < contract.step_dt <= 1.0 or not contract.action.clip > 0.0:
        raise PolicyError(
            f"{name} needs at least one [[observation]], 0 < step_dt <= 1 s and an action clip above 0; it has "
            f"{len(contract.observation)}, {contract.step_dt} and {contract.action.clip}"
        )
    for axis, limits in (vars(contract.command) if contract.command else {}).items():
        _check_range(f"{name}: command.{axis}", limits)
    gait = contract.gait
    if gait is not None and not (gait.period_s > 0.0 and 0.5 <= gait.stance < 1.0):
        raise PolicyError(
            f"{name}: a gait needs period_s above 0 and stance from 0.5 to below 1; it has {gait.period_s} and "
            f"{gait.stance}"
        )


def _check_range(what: str, limits: tuple[float, float] | None) -> None:
    if limits is not None and not (np.isfinite(limits).all() and limits[0] <= limits[1]):
        raise PolicyError(f"{what} must be finite, the lower bound first; got {list(limits)}")


def _check_keys(table: Any, kind: type, where: str) -> None:
    """Refuse a key that nobody would read; what is no table at all is left to the conversion."""
    known = [field.name for field in dataclasses.fields(kind)]
    for key in table if isinstance(table, Mapping) else ():
        if key not in known:
            raise UnknownNameError(f"key in {where}:", key, known)

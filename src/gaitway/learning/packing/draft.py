"""From a network's contract and a robot to the policy spec that follows, as far as it does without a simulation."""

from __future__ import annotations

import difflib
from dataclasses import replace

import numpy as np

from gaitway.errors import UnknownNameError
from gaitway.learning.origin import make_origin
from gaitway.learning.packing.contract import Contract, PerJoint, TermEntry
from gaitway.policy import (
    TERMS,
    ActionSpec,
    Envelope,
    PolicyError,
    PolicySpec,
    RobotSpec,
    TermSpec,
    check_binding,
    robot_spec,
)
from gaitway.policy.binding import joint_set_differences
from gaitway.robots import Robot


def draft_spec(contract: Contract, robot: Robot) -> PolicySpec:
    """The policy spec that follows, still without envelope, evaluation and golden traces.

    Raises:
        PolicyError: joints, per-joint values or ranges do not fit the robot.
    """
    names = contract.joint_names or robot.joint_names
    _check_joints(names, robot)
    on_robot = _robot_spec(contract, names, robot)
    action = contract.action
    offset = on_robot.home_joint_pos
    if action.offset is not None:
        offset = per_joint(action.offset, names, "action.offset")
    task = contract.measured_on()
    moves = contract.observes("command") or contract.observes("gait_clock")
    command = contract.command or (task.commands and task.commands.spec())
    gait = contract.gait or task.gait
    for term, given, table in (("command", command, "command"), ("gait_clock", gait, "gait")):
        if contract.observes(term) and given is None:
            raise PolicyError(f"the network observes {term}, so its contract needs a table [{table}]")
    nothing = (0.0,) * len(names)
    spec = PolicySpec(
        origin=make_origin(
            task=task.name,
            algorithm=contract.algorithm,
            seed=None,
            env_steps=None,
            evaluation={},
            license=contract.license,
            source=contract.source,
        ),
        robot=on_robot,
        step_dt=contract.step_dt,
        observation=tuple(_term_spec(entry, len(names)) for entry in contract.observation),
        action=ActionSpec(
            joint_names=names,
            scale=per_joint(action.scale, names, "action.scale"),
            offset=offset,
            clip=action.clip,
            trained_delay_steps=action.delay_steps,
        ),
        envelope=Envelope(
            quantile=0.0, joint_vel=nothing, joint_pos_target_step=nothing, base_ang_vel=0.0, tilt=0.0,
            initial_joint_pos_error=0.0,
        ),
        command=command if moves else None,
        gait=gait if contract.observes("gait_clock") else None,
    )  # fmt: skip
    check_binding(spec, robot)
    return spec


def per_joint(value: PerJoint, names: tuple[str, ...], what: str) -> tuple[float, ...]:
    """One finite value for each joint.

    Raises:
        PolicyError: too many, too few, or not finite.
        UnknownNameError: a table names a joint that there is not.
    """
    if isinstance(value, dict):
        for name in value:
            if name not in names:
                raise UnknownNameError(f"joint in {what}", name, names)
        missing = [name for name in names if name not in value]
        if missing:
            raise PolicyError(f"{what} has no value for {', '.join(missing)}")
        value = [value[name] for name in names]
    values = value if isinstance(value, list) else [value] * len(names)
    if len(values) != len(names):
        raise PolicyError(
            f"{what} has {len(values)} values; there are {len(names)} joints: {', '.join(names)}"
        )
    if not np.isfinite(values).all():
        raise PolicyError(f"{what} must be finite; got {values}")
    return tuple(float(v) for v in values)


def _robot_spec(contract: Contract, names: tuple[str, ...], robot: Robot) -> RobotSpec:
    """What the file says of the robot: its facts, in the network's joint order, and what is the network's own."""
    nominal = robot_spec(robot)
    order = [robot.joint_names.index(name) for name in names]
    ordered = {
        name: tuple(value[i] for i in order)
        for name, value in vars(nominal).items()
        if name
        in ("effort_limit", "velocity_limit", "position_limit", "home_joint_pos", "stiffness", "damping")
    }
    own = []
    for setting in ("home_joint_pos", "stiffness", "damping"):
        given = getattr(contract, setting)
        value = ordered[setting] if given is None else per_joint(given, names, setting)
        if value != ordered[setting]:
            own.append(setting)
            ordered[setting] = value
    return replace(nominal, joint_names=names, own=tuple(own), **ordered)


def _term_spec(entry: TermEntry, num_joints: int) -> TermSpec:
    term = TERMS[entry.term]
    return TermSpec(
        name=term.name,
        size=term.size or num_joints,
        unit=term.unit,
        frame=term.frame,
        topic=term.topic,
        scale=entry.scale,
        clip=entry.clip,
        history=entry.history,
    )


def _check_joints(names: tuple[str, ...], robot: Robot) -> None:
    found = [f"joint {name} of {robot.name} is missing" for name in robot.joint_names if name not in names]
    for name in names:
        if name not in robot.joint_names:
            nearest = difflib.get_close_matches(name, robot.joint_names, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            found.append(f"joint {name} is unknown to {robot.name}{hint}")
    found += [line for line in joint_set_differences(names, names) if line.endswith("twice")]
    if found:
        raise PolicyError(
            f"the network's joints are not those of {robot.name}:\n" + "\n".join(f"  - {f}" for f in found)
        )

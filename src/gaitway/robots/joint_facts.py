"""What holds each joint: from the description, else from the model, else by a stated rule."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import mujoco
import numpy as np

from gaitway.robots.description import RobotDescription, matching
from gaitway.robots.robot import RobotError

NATURAL_FREQUENCY_HZ = 10.0
DAMPING_RATIO = 2.0
"""Of a servo without gains: a joint's rotor inertia (armature) is held as by a spring of this frequency, as mjlab
does for the Unitree G1."""
VELOCITY_LIMIT = 20.0
"""Of a joint of which nothing states one [rad/s]."""
UNLIMITED = (-math.pi, math.pi)
"""Range of a joint without one [rad]."""
_HINGE = mujoco.mjtJoint.mjJNT_HINGE
_FREE = mujoco.mjtJoint.mjJNT_FREE
_HOME_KEYFRAMES = ("home", "stand", "standing")


@dataclass(frozen=True, kw_only=True)
class JointFacts:
    """One actuated joint; the fields are those of `Robot`."""

    home: float
    stiffness: float
    damping: float
    effort: float
    velocity: float
    range: tuple[float, float]
    damping_mode: float


class Notes:
    """What was assumed, and of which joints."""

    def __init__(self) -> None:
        self._joints: dict[str, list[str]] = {}

    def add(self, text: str, joint: str | None = None) -> None:
        """Note an assumption, of one joint or of the whole robot."""
        joints = self._joints.setdefault(text, [])
        if joint is not None:
            joints.append(joint)

    def lines(self, num_joints: int) -> tuple[str, ...]:
        """One line for each assumption, about a robot of so many joints."""
        about = {
            text: "of all joints" if len(joints) == num_joints else f"of {', '.join(joints)}"
            for text, joints in self._joints.items()
        }
        return tuple(f"{text}, {about[text]}" if joints else text for text, joints in self._joints.items())


def choose_joints(model: mujoco.MjModel, description: RobotDescription) -> tuple[list[str], list[str]]:
    """Which joints have a servo and which are held at zero.

    Args:
        model: the source, compiled as it is.
        description: what was said of it.

    Returns:
        Names of the actuated and of the locked joints, in the model's order.

    Raises:
        RobotError: a joint is neither, or is actuated and no hinge; or a name is in the model of no joint.
    """
    joints = {model.joint(j).name: j for j in range(model.njnt) if model.jnt_type[j] != _FREE}
    if "" in joints:
        body = model.body(model.jnt_bodyid[joints[""]]).name
        raise RobotError(f"a joint of body {body!r} has no name; joints are matched by name, so give it one")
    matching(list(description.joints), joints)
    locked = matching(description.locked, joints)
    free = [name for name in joints if name not in locked]
    if description.actuated:
        actuated = [name for name in matching(description.actuated, joints) if name not in locked]
    elif model.nu:
        driven = {int(model.actuator_trnid[a, 0]) for a in _joint_actuators(model)}
        actuated = [name for name in free if joints[name] in driven]
    else:
        actuated = [name for name in free if model.jnt_type[joints[name]] == _HINGE]
    _refuse_others(model, joints, actuated, [name for name in free if name not in actuated])
    return actuated, locked


def joint_facts(
    model: mujoco.MjModel,
    joints: list[str],
    description: RobotDescription,
    velocity_limit: Mapping[str, float],
    notes: Notes,
) -> list[JointFacts]:
    """What holds each of the joints.

    Args:
        model: the source, compiled as it is.
        joints: the actuated joints.
        description: what was said of them.
        velocity_limit: speeds that the model's file states [rad/s].
        notes: takes what is assumed.

    Raises:
        RobotError: a value is missing or cannot be; the message names the joint.
    """
    keyframe = _home_keyframe(model, description.keyframe)
    return [_facts(model, name, description, velocity_limit, keyframe, notes) for name in joints]


def _facts(
    model: mujoco.MjModel,
    name: str,
    description: RobotDescription,
    velocity_limit: Mapping[str, float],
    keyframe: np.ndarray | None,
    notes: Notes,
) -> JointFacts:
    said, joint = description.settings_of(name), model.joint(name).id
    for field in ("stiffness", "effort", "velocity", "damping_mode"):
        _check_sign(name, field, getattr(said, field), above_zero=True)
    _check_sign(name, "damping", said.damping, above_zero=False)
    limits = _range(model, joint, said.range, notes)
    home = _home(model, joint, said.home, limits, keyframe, notes)
    stiffness, damping = _gains(model, joint, said.stiffness, said.damping, notes)
    velocity = said.velocity or velocity_limit.get(name, 0.0)
    if velocity <= 0.0:
        velocity = VELOCITY_LIMIT
        notes.add(f"velocity limit {VELOCITY_LIMIT:g} rad/s", name)
    return JointFacts(
        home=home,
        stiffness=stiffness,
        damping=damping,
        effort=said.effort or _effort(model, joint),
        velocity=velocity,
        range=limits,
        damping_mode=said.damping_mode or damping,
    )


_UNITS = {
    "stiffness": "N m/rad", "damping": "N m s/rad", "damping_mode": "N m s/rad", "effort": "N m", "velocity": "rad/s",
}  # fmt: skip


def _check_sign(joint: str, field: str, value: float | None, *, above_zero: bool) -> None:
    if value is not None and (value <= 0.0 if above_zero else value < 0.0):
        wanted = "must be above" if above_zero else "must be at least"
        raise RobotError(f"joint {joint!r}: {field} is {value:g}; it {wanted} 0 {_UNITS[field]}")


def _range(
    model: mujoco.MjModel, joint: int, said: tuple[float, float] | None, notes: Notes
) -> tuple[float, float]:
    name, limited = model.joint(joint).name, bool(model.jnt_limited[joint])
    lower, upper = (float(v) for v in model.jnt_range[joint]) if limited else UNLIMITED
    if said is not None:
        if not said[0] < said[1] or (limited and (said[0] < lower - 1e-6 or said[1] > upper + 1e-6)):
            within = f" within the model's {lower:.4g} .. {upper:.4g} rad" if limited else ""
            raise RobotError(
                f"joint {name!r}: range is {said[0]:g} .. {said[1]:g} rad; it must be lower, upper{within}"
            )
        return said
    if not limited:
        notes.add("range -pi .. pi, which the model does not enforce", name)
    return lower, upper


def _home(
    model: mujoco.MjModel,
    joint: int,
    said: float | None,
    limits: tuple[float, float],
    keyframe: np.ndarray | None,
    notes: Notes,
) -> float:
    name = model.joint(joint).name
    if said is not None:
        if not limits[0] <= said <= limits[1]:
            raise RobotError(
                f"joint {name!r}: home is {said:g} rad; it must be in the range {limits[0]:.4g} .. {limits[1]:.4g}"
            )
        return said
    home = 0.0 if keyframe is None else float(keyframe[model.jnt_qposadr[joint]])
    inside = min(max(home, limits[0]), limits[1])
    if abs(inside - home) > 1e-3:
        notes.add(f"home moved from {home:g} rad to the nearest end of the range", name)
    return inside


def _home_keyframe(model: mujoco.MjModel, said: str | None) -> np.ndarray | None:
    """Configuration of the keyframe that is asked for, or of one that is called a home pose. Shape (nq,)."""
    names = [model.key(k).name for k in range(model.nkey)]
    if said is not None:
        (name,) = matching([said], [name for name in names if name], "keyframe")[:1]
        return model.key(name).qpos
    return next((model.key(name).qpos for name in _HOME_KEYFRAMES if name in names), None)


def _gains(
    model: mujoco.MjModel, joint: int, stiffness: float | None, damping: float | None, notes: Notes
) -> tuple[float, float]:
    """Gains from the description, else of the model's position actuators, else from the rotor's inertia."""
    name = model.joint(joint).name
    servo = [a for a in _joint_actuators(model, joint) if model.actuator_biasprm[a, 1] < 0.0]
    if servo:
        gear2 = np.square(model.actuator_gear[servo, 0])
        ours = (
            -(gear2 * model.actuator_biasprm[servo, 1]).sum(),
            -(gear2 * model.actuator_biasprm[servo, 2]).sum(),
        )
    else:
        inertia, omega = model.dof_armature[model.jnt_dofadr[joint]], 2.0 * math.pi * NATURAL_FREQUENCY_HZ
        ours = inertia * omega**2, 2.0 * DAMPING_RATIO * inertia * omega
        if stiffness is None or damping is None:
            if inertia <= 0.0:
                raise RobotError(
                    f"joint {name!r} has no gains: the model has neither a position actuator nor an armature for "
                    "it; give its stiffness [N m/rad] and damping [N m s/rad]"
                )
            notes.add(
                f"gains from the armature at {NATURAL_FREQUENCY_HZ:g} Hz, damping ratio {DAMPING_RATIO:g}",
                name,
            )
    return (
        float(ours[0]) if stiffness is None else stiffness,
        float(ours[1]) if damping is None else damping,
    )


def _effort(model: mujoco.MjModel, joint: int) -> float:
    """Largest torque that the model lets the joint have, the same to both sides [N m]."""
    bounds = []
    if model.jnt_actfrclimited[joint]:
        bounds.append(np.abs(model.jnt_actfrcrange[joint]).min())
    for actuator in _joint_actuators(model, joint):
        gear = abs(model.actuator_gear[actuator, 0])
        if model.actuator_forcelimited[actuator]:
            bounds.append(gear * np.abs(model.actuator_forcerange[actuator]).min())
        elif model.actuator_ctrllimited[actuator] and not model.actuator_biasprm[actuator].any():
            gain = abs(model.actuator_gainprm[actuator, 0])
            bounds.append(gear * gain * np.abs(model.actuator_ctrlrange[actuator]).min())
    if not bounds or min(bounds) <= 0.0:
        raise RobotError(
            f"joint {model.joint(joint).name!r} has no effort limit: the model states no actuatorfrcrange, "
            "forcerange or motor's ctrlrange for it; give its effort [N m]"
        )
    return float(min(bounds))


def _joint_actuators(model: mujoco.MjModel, joint: int | None = None) -> list[int]:
    """Actuators that act on a joint directly: on the given one, or on any."""
    on_joint = (mujoco.mjtTrn.mjTRN_JOINT.value, mujoco.mjtTrn.mjTRN_JOINTINPARENT.value)
    return [
        a
        for a in range(model.nu)
        if int(model.actuator_trntype[a]) in on_joint and joint in (None, int(model.actuator_trnid[a, 0]))
    ]


def _refuse_others(
    model: mujoco.MjModel, joints: Mapping[str, int], actuated: list[str], others: list[str]
) -> None:
    """Refuse actuated joints that are no hinges, and joints that nothing moves."""
    types = {
        name: mujoco.mjtJoint(model.jnt_type[j]).name.removeprefix("mjJNT_").lower()
        for name, j in joints.items()
    }
    wrong = [f"{name} ({types[name]})" for name in actuated if types[name] != "hinge"]
    if wrong:
        raise RobotError(
            f"only hinges can be actuated; list under `locked` what is to be held: {', '.join(wrong)}"
        )
    if others:
        passive = ", ".join(f"{name} ({types[name]})" for name in others)
        raise RobotError(
            f"joints without an actuator: {passive}; list hinges that have a servo all the same under `actuated` "
            "(with those that have one already), and what is to be held at zero under `locked`"
        )
    if not actuated:
        raise RobotError("the model has no hinge that could be actuated")

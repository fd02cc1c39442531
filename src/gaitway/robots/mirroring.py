"""Which joint is which joint's mirror image: from the names, proved on the model's geometry.

Reflection in the plane y = 0 takes an axis a to R a, with R = diag(1, -1, 1), and turns the sense of rotation
about it. The reflected joint thus turns about -R a by the same angle, which is its partner's axis or the opposite.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import mujoco
import numpy as np

from gaitway.errors import UnknownNameError
from gaitway.robots.joint_facts import JointFacts, Notes
from gaitway.robots.robot import RobotError

_SIDE = re.compile(r"(?<![a-zA-Z])(left|right|l|r)(?![a-z])", re.IGNORECASE)
_OTHER_SIDE = {"left": "right", "right": "left", "l": "r", "r": "l"}
_SAME_PLACE = 0.005
_SAME_AXIS = 0.05
_SAME_GAIN = 0.01
_PER_JOINT = ("stiffness", "damping", "effort")


def derive_mirror(
    model: mujoco.MjModel, joints: Sequence[str], facts: Sequence[JointFacts], notes: Notes
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Partner of each joint and the sign of its angle, or nothing where left and right are not alike.

    Args:
        model: the robot's model.
        joints: names of the actuated joints.
        facts: home pose, gains and limits of each; all must be mirror images too.
        notes: takes why nothing was derived.
    """
    order = [_partner(i, joints) for i in range(len(joints))]
    signs = _signs(model, joints, order)
    for i, (j, sign) in enumerate(zip(order, signs, strict=True)):
        unlike = "axis or place" if sign == 0.0 else _unlike(facts[i], facts[j], sign)
        if unlike:
            notes.add(f"no mirror symmetry, for {joints[i]} and its image {joints[j]} differ in {unlike}")
            return (), ()
    return tuple(order), tuple(signs)


def given_mirror(
    model: mujoco.MjModel, joints: Sequence[str], pairs: Mapping[str, str], facts: Sequence[JointFacts]
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """As `derive_mirror`, from a description's pairs: each joint is named once, on either side of a pair.

    Args:
        model: the robot's model.
        joints: names of the actuated joints.
        pairs: partner by joint, with a minus before it where the angle changes sign.
        facts: what holds each joint.

    Raises:
        UnknownNameError: there is no such joint.
        RobotError: a joint is in no pair or in two, or its partner's home pose or gains are no mirror image.
    """
    order, signs = list(range(len(joints))), [0.0] * len(joints)
    for left, partner in pairs.items():
        right = partner.removeprefix("-")
        for name in (left, right):
            if name not in joints:
                raise UnknownNameError("joint in [mirror]", name, joints)
        i, j = joints.index(left), joints.index(right)
        if any(signs[k] and order[k] != other for k, other in ((i, j), (j, i))):
            raise RobotError(f"[mirror] pairs {left!r} with {right!r} and one of them with another joint too")
        order[i], order[j] = j, i
        signs[i] = signs[j] = -1.0 if partner.startswith("-") else 1.0
    if missing := [name for name, sign in zip(joints, signs, strict=True) if not sign]:
        raise RobotError(
            f"[mirror] must name every joint, a middle one as its own partner; missing: {', '.join(missing)}"
        )
    for i, j in enumerate(order):
        if unlike := _unlike(facts[i], facts[j], signs[i]):
            raise RobotError(f"[mirror] pairs {joints[i]!r} with {joints[j]!r}, but they differ in {unlike}")
    return tuple(order), tuple(signs)


def _partner(index: int, joints: Sequence[str]) -> int:
    """Index of the joint whose name has the other side in it; the joint itself if there is none."""
    name = joints[index]
    found = _SIDE.search(name)
    if found is None:
        return index
    side = found.group()
    other = _OTHER_SIDE[side.lower()]
    other = other.upper() if side.isupper() else other.capitalize() if side[0].isupper() else other
    renamed = name[: found.start()] + other + name[found.end() :]
    return joints.index(renamed) if renamed in joints else index


def _signs(model: mujoco.MjModel, joints: Sequence[str], order: Sequence[int]) -> list[float]:
    """Sign of each partner's angle; 0 where the partner is no mirror image. Judged with all joints at zero."""
    data = mujoco.MjData(model)
    data.qpos[:] = 0.0
    data.qpos[3] = 1.0
    mujoco.mj_kinematics(model, data)
    ids = [model.joint(name).id for name in joints]
    place, axis = data.xanchor[ids], data.xaxis[ids]
    reflected_place, reflected_axis = place * [1.0, -1.0, 1.0], axis * [-1.0, 1.0, -1.0]
    signs = []
    for i, j in enumerate(order):
        along = float(reflected_axis[i] @ axis[j])
        alike = abs(abs(along) - 1.0) < 0.5 * _SAME_AXIS**2
        near = float(np.abs(reflected_place[i] - place[j]).max()) < _SAME_PLACE
        signs.append(float(np.sign(along)) if alike and near else 0.0)
    return signs


def _unlike(left: JointFacts, right: JointFacts, sign: float) -> str:
    """What keeps two joints from being each other's image."""
    if abs(right.home - sign * left.home) > 1e-6:
        return "home pose"
    values = {field: (getattr(left, field), getattr(right, field)) for field in _PER_JOINT}
    return " and ".join(field for field, (a, b) in values.items() if abs(a - b) > _SAME_GAIN * max(a, b))

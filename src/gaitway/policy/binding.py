"""Whether a policy fits a robot, difference by difference.

Most of what a policy file says of its robot are facts of the machine: joints, limits, IMU, model. A robot must have
them. Gains and home pose are not: a controller sets the gains when it activates, and takes joint positions relative to
the policy's home pose. As a rule they are the robot's nominal values, and a difference means that one of the two was
changed after training, so it is refused like any other. A policy from elsewhere may need other values; its file then
lists these fields as the policy's own, after it was measured with them on the same model.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from gaitway.policy.spec import PolicyError, PolicySpec, RobotSpec
from gaitway.robots import Robot

START_MARGIN = 3.0
"""How many times as far from home as in evaluation a robot may be let go."""
_PER_JOINT = (
    ("home_joint_pos", "home position", "rad"),
    ("stiffness", "stiffness", "N m/rad"),
    ("damping", "damping", "N m s/rad"),
    ("effort_limit", "effort limit", "N m"),
    ("velocity_limit", "velocity limit", "rad/s"),
)


def robot_spec(robot: Robot) -> RobotSpec:
    """What a policy file records of the robot it is trained on."""
    return RobotSpec(
        name=robot.name,
        model_sha256=robot.model_sha256,
        joint_names=robot.joint_names,
        home_joint_pos=robot.home_joint_pos,
        stiffness=robot.stiffness,
        damping=robot.damping,
        effort_limit=robot.effort_limit,
        velocity_limit=robot.velocity_limit,
        position_limit=robot.position_limit,
        imu_mounting_quat=robot.imu.quat,
    )


def differences(spec: PolicySpec, robot: Robot) -> list[str]:
    """How the robot differs from the one the policy was trained on; empty where it fits.

    Joints are matched by name, so their order may differ.
    """
    return robot_differences(spec.robot, robot)


def robot_differences(trained: RobotSpec, robot: Robot) -> list[str]:
    """The same, from what was recorded of the robot in training alone."""
    given = robot_spec(robot)
    found = []
    if given.name != trained.name:
        found.append(f"the robot is {given.name!r}; the policy is for {trained.name!r}")
    found += joint_set_differences(trained.joint_names, given.joint_names)
    index = {name: i for i, name in enumerate(given.joint_names)}
    for i, name in enumerate(trained.joint_names):
        if name not in index:
            continue
        for field, label, unit in _PER_JOINT:
            ours, theirs = getattr(trained, field)[i], getattr(given, field)[index[name]]
            if field in trained.own:
                found += _own_problems(name, field, ours, given.position_limit[index[name]])
            elif not math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9):
                found.append(f"{name}: {label} is {theirs:g} {unit}; the policy needs {ours:g}")
        for side, ours, theirs in zip(
            ("lower", "upper"), trained.position_limit[i], given.position_limit[index[name]], strict=True
        ):
            if not math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9):
                found.append(f"{name}: {side} position limit is {theirs:g} rad; the policy needs {ours:g}")
    if given.imu_mounting_quat != trained.imu_mounting_quat:
        found.append(
            f"the IMU is mounted at {given.imu_mounting_quat} (wxyz); the policy needs "
            f"{trained.imu_mounting_quat}"
        )
    if given.model_sha256 != trained.model_sha256:
        found.append(
            f"the robot model has SHA-256 {given.model_sha256[:12]}...; the policy was trained on "
            f"{trained.model_sha256[:12]}..."
        )
    return found


def _own_problems(joint: str, field: str, value: float, position_limit: tuple[float, float]) -> list[str]:
    """Why a robot cannot be given a policy's own value; empty where it can."""
    if field == "home_joint_pos":
        lower, upper = position_limit
        within = lower <= value <= upper
        return [] if within else [f"{joint}: the policy's home position {value:g} rad is outside its range"]
    sound = math.isfinite(value) and (value > 0.0 if field == "stiffness" else value >= 0.0)
    return [] if sound else [f"{joint}: {value:g} is no {field}"]


def adapted(robot: Robot, spec: RobotSpec) -> Robot:
    """The robot as a controller of the policy sees it: joints in the policy's order, its gains, its home pose.

    The base's height at home and what mirroring does to joints are not the policy's to say: the first stays the
    robot's, the second is left out where anything else changed.

    Args:
        robot: a robot that the policy fits.
        spec: what the policy file says of its robot.
    """
    if (robot.joint_names, robot.home_joint_pos, robot.stiffness, robot.damping) == (
        spec.joint_names, spec.home_joint_pos, spec.stiffness, spec.damping,
    ):  # fmt: skip
        return robot
    order = [robot.joint_names.index(name) for name in spec.joint_names]
    effort_limit, velocity_limit, damping_mode = (
        tuple(values[i] for i in order)
        for values in (robot.effort_limit, robot.velocity_limit, robot.damping_mode)
    )
    return replace(
        robot,
        joint_names=spec.joint_names,
        home_joint_pos=spec.home_joint_pos,
        stiffness=spec.stiffness,
        damping=spec.damping,
        effort_limit=effort_limit,
        velocity_limit=velocity_limit,
        position_limit=tuple(robot.position_limit[i] for i in order),
        damping_mode=damping_mode,
        joint_mirror=(),
        joint_mirror_sign=(),
    )


def home_distance(robot: Robot, spec: RobotSpec) -> float:
    """Largest distance of a joint between the policy's home pose and the robot's own [rad]."""
    home = dict(zip(robot.joint_names, robot.home_joint_pos, strict=True))
    return max(abs(pos - home[name]) for name, pos in zip(spec.joint_names, spec.home_joint_pos, strict=True))


def check_measured(spec: PolicySpec) -> None:
    """Refuse a policy that observes what no robot measures; it runs in simulation only.

    Raises:
        PolicyError: with each such term.
    """
    found = [f"no robot measures its observation {term.name}" for term in spec.observation if not term.topic]
    if found:
        raise PolicyError(refusal("any robot, only a simulation", found))


def joint_set_differences(expected: Sequence[str], given: Sequence[str]) -> list[str]:
    """Missing, extra and repeated joint names, one message each."""
    found = [f"joint {name} is missing" for name in expected if name not in given]
    found += [f"joint {name} is unknown to the policy" for name in given if name not in expected]
    found += [
        f"joint {name} appears twice" for name in sorted({n for n in given if list(given).count(n) > 1})
    ]
    return found


def check_binding(spec: PolicySpec, robot: Robot) -> None:
    """Refuse a robot that the policy does not fit.

    Raises:
        PolicyError: with every difference.
    """
    found = differences(spec, robot)
    if found:
        raise PolicyError(refusal(f"robot {robot.name!r}", found))


def refusal(subject: str, found: Sequence[str]) -> str:
    """The message that lists why a policy does not run on something."""
    lines = "\n".join(f"  - {difference}" for difference in found)
    return f"the policy does not fit {subject}; {len(found)} differences:\n{lines}"

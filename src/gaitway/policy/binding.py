"""Whether a policy fits a robot, difference by difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

from gaitway.policy.spec import PolicyError, PolicySpec, RobotSpec
from gaitway.robots import Robot

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
    trained, given = spec.robot, robot_spec(robot)
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
            if not math.isclose(ours, theirs, rel_tol=1e-6, abs_tol=1e-9):
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

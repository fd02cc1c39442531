"""A task as a given policy needs it: with the policy's own observation, action, rate, gains and home pose.

Policies trained on one of Gaitway's tasks find everything as it was. Policies from elsewhere are put on a task whose
rewards, pushes, noise and differences between robots measure them.
"""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from gaitway.policy import TERMS, CommandSpec, PolicySpec, adapted
from gaitway.robots import Robot
from gaitway.robots.kinematics import FootKinematics
from gaitway.tasks.commands import VelocityCommands
from gaitway.tasks.task import ObservationTerm, Task


def as_trained(spec: PolicySpec, task: Task, robot: Robot) -> tuple[Task, Robot]:
    """Put a policy on a task.

    Args:
        spec: the policy's contract.
        task: what to measure it on.
        robot: a robot that it fits.

    Returns:
        The task and the robot, changed where the policy wants them otherwise.
    """
    trained = adapted(robot, spec.robot)
    if trained.home_joint_pos != robot.home_joint_pos:
        height = robot.home_base_height + _lowest_foot(robot) - _lowest_foot(trained)
        trained = replace(trained, home_base_height=height)
    if _fits(spec, task, trained):
        return task, trained
    known = {term.term.name: term for term in task.observation}
    observation = tuple(
        replace(
            known.get(term.name, ObservationTerm(term=TERMS[term.name])),
            scale=term.scale, clip=term.clip, history=term.history,
        )
        for term in spec.observation
    )  # fmt: skip
    action = replace(
        task.action,
        scale=spec.action.scale,
        of_effort_limit=False,
        offset=spec.action.offset,
        clip=spec.action.clip,
    )
    decimation = math.ceil(spec.step_dt / task.physics_dt - 1e-9)
    task = replace(
        task,
        observation=observation,
        action=action,
        gait=spec.gait or task.gait,
        decimation=decimation,
        physics_dt=spec.step_dt / decimation,
    )
    return (task if spec.command is None else _with_commands(task, spec.command)), trained


def _fits(spec: PolicySpec, task: Task, robot: Robot) -> bool:
    """Whether a policy finds everything on a task that it needs."""
    action = replace(task.action.spec(robot), trained_delay_steps=spec.action.trained_delay_steps)
    return (
        tuple(term.spec(robot) for term in task.observation) == spec.observation
        and action == spec.action
        and (task.step_dt, task.gait) == (spec.step_dt, spec.gait)
        and (task.commands and task.commands.spec()) == spec.command
    )


def _with_commands(task: Task, command: CommandSpec) -> Task:
    """The task with the policy's commands, measured on those of the task's own that lie within them."""
    measured = task.evaluation_commands or task.commands
    if task.commands is None or measured is None:
        still = VelocityCommands(
            lin_vel_x=(0.0, 0.0), lin_vel_y=(0.0, 0.0), ang_vel_z=(0.0, 0.0), interval_s=None
        )
        ranges = replace(still, **vars(command))
        return replace(task, commands=ranges, evaluation_commands=still)
    within = {
        name: (float(np.clip(lower, *limits)), float(np.clip(upper, *limits)))
        for name, limits in vars(command).items()
        for lower, upper in [getattr(measured, name)]
    }
    return replace(
        task,
        commands=replace(task.commands, **vars(command)),
        evaluation_commands=replace(measured, **within),
    )


def _lowest_foot(robot: Robot) -> float:
    """Height of the lowest foot geom's centre in base frame at the home pose [m]."""
    still = np.zeros(robot.num_joints)
    points, _ = FootKinematics(robot).points(np.array(robot.home_joint_pos), still, np.zeros(3))
    return float(points[:, 2].min())

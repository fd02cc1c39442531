from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaitway.policy import CommandSpec, Envelope, Origin, PolicySpec, robot_spec
from gaitway.robots import h23
from gaitway.tasks import Task, VectorEnv, as_trained, get_task

ROBOT = h23()


def spec_of(task: Task) -> PolicySpec:
    """The contract of a policy trained on the task."""
    nothing = (0.0,) * ROBOT.num_joints
    return PolicySpec(
        origin=Origin(
            gaitway_version="0", created="", source_commit=None, task=task.name, algorithm="ppo", seed=0,
            env_steps=0, evaluation={},
        ),
        robot=robot_spec(ROBOT),
        step_dt=task.step_dt,
        observation=tuple(term.spec(ROBOT) for term in task.observation),
        action=task.action.spec(ROBOT),
        envelope=Envelope(
            quantile=0.0, joint_vel=nothing, joint_pos_target_step=nothing, base_ang_vel=0.0, tilt=0.0,
            initial_joint_pos_error=0.0,
        ),
        command=task.commands and task.commands.spec(),
        gait=task.gait,
    )  # fmt: skip


@pytest.mark.parametrize("name", ["stand", "walk"])
def test_a_policy_of_the_tasks_own_finds_everything_as_it_was(name: str) -> None:
    task, robot = as_trained(spec_of(get_task(name)), get_task(name), ROBOT)
    assert task is get_task(name)
    assert robot is ROBOT


def test_a_policy_that_observes_otherwise_meets_the_tasks_noise_and_pushes() -> None:
    stand, spec = get_task("stand"), spec_of(get_task("stand"))
    spec = replace(
        spec, observation=tuple(replace(term, scale=3.0, history=2) for term in spec.observation[::-1])
    )
    task, robot = as_trained(spec, stand, ROBOT)
    assert VectorEnv(task, robot, 2).observation_spec == spec.observation
    assert [term.noise for term in task.observation] == [term.noise for term in stand.observation[::-1]]
    assert (task.pushes, task.rewards, task.step_dt) == (stand.pushes, stand.rewards, stand.step_dt)


@pytest.mark.parametrize("step_dt", [0.02, 0.01, 0.008, 0.03])
def test_physics_is_at_least_as_fine_as_the_tasks_at_any_rate(step_dt: float) -> None:
    stand = get_task("stand")
    task, _ = as_trained(replace(spec_of(stand), step_dt=step_dt), stand, ROBOT)
    assert task.step_dt == pytest.approx(step_dt)
    assert task.physics_dt <= stand.physics_dt


def test_actions_mean_what_the_policy_says() -> None:
    stand, spec = get_task("stand"), spec_of(get_task("stand"))
    offset = tuple(np.array(ROBOT.home_joint_pos) + 0.02)
    spec = replace(
        spec, action=replace(spec.action, offset=offset, scale=(0.01,) * ROBOT.num_joints, clip=2.0)
    )
    task, robot = as_trained(spec, stand, ROBOT)
    assert task.action.spec(robot) == spec.action


def test_commands_are_the_policys_and_measured_on_those_the_task_shares_with_it() -> None:
    walk, spec = get_task("walk"), spec_of(get_task("walk"))
    spec = replace(
        spec, command=CommandSpec(lin_vel_x=(0.2, 3.0), lin_vel_y=(0.0, 0.0), ang_vel_z=(-1.0, -0.9))
    )
    task, _ = as_trained(spec, walk, ROBOT)
    assert task.commands is not None
    assert task.commands.spec() == spec.command
    measured = task.for_evaluation().commands
    assert measured is not None
    assert (measured.lin_vel_x, measured.lin_vel_y) == ((0.2, 1.0), (0.0, 0.0))
    assert measured.ang_vel_z == (-0.9, -0.9), "where they share none, the nearest that the policy knows"

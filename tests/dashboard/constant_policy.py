"""A policy whose network answers the same to everything: enough to see what stands around the network."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np

from gaitway.policy import Envelope, Origin, PolicyRuntime, PolicySpec, robot_spec
from gaitway.robots import Robot, h23
from gaitway.tasks import VectorEnv, get_task

_PER_JOINT = (
    "joint_names", "home_joint_pos", "stiffness", "damping", "effort_limit", "velocity_limit", "position_limit",
)  # fmt: skip


class ConstantNetwork:
    """What a PolicyRuntime uses of an inference session."""

    def __init__(self, action: np.ndarray):
        self._action = action.astype(np.float32)

    def get_inputs(self) -> list[SimpleNamespace]:
        return [SimpleNamespace(name="obs")]

    def run(self, names: None, inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        return [np.tile(self._action, (len(inputs["obs"]), 1))]


def constant_policy(task_name: str = "walk", action: np.ndarray | None = None) -> PolicyRuntime:
    """A policy for h23 on a task that acts the same always; without an action it holds the home pose."""
    task, robot = get_task(task_name), h23()
    env = VectorEnv(task, robot, 1)
    count = robot.num_joints
    spec = PolicySpec(
        origin=Origin(
            gaitway_version="0", created="", source_commit=None, task=task_name, algorithm="none", seed=0,
            env_steps=0, evaluation={"survival": 0.0},
        ),
        robot=robot_spec(robot),
        step_dt=task.step_dt,
        observation=env.observation_spec,
        action=env.action_spec,
        envelope=Envelope(
            quantile=0.999, joint_vel=(1.0,) * count, joint_pos_target_step=(1.0,) * count, base_ang_vel=1.0,
            tilt=0.1, initial_joint_pos_error=0.1,
        ),
        command=task.commands and task.commands.spec(),
        gait=task.gait,
    )  # fmt: skip
    return _runtime(spec, np.zeros(count) if action is None else action)


def reordered(runtime: PolicyRuntime, action: np.ndarray, order: np.ndarray) -> PolicyRuntime:
    """The same policy with its joints in another order."""

    def sort(values: Any) -> tuple:
        return tuple(values[i] for i in order)

    spec = runtime.spec
    robot = replace(spec.robot, **{name: sort(getattr(spec.robot, name)) for name in _PER_JOINT})
    fields = {name: sort(getattr(spec.action, name)) for name in ("joint_names", "scale", "offset")}
    return _runtime(replace(spec, robot=robot, action=replace(spec.action, **fields)), action[order])


def _runtime(spec: PolicySpec, action: np.ndarray) -> PolicyRuntime:
    network: Any = ConstantNetwork(action)
    return PolicyRuntime(spec, network)


ROBOT: Robot = h23()

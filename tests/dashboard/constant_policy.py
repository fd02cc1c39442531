"""A policy whose network answers the same to everything: enough to see what stands around the network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

from gaitway.policy import Envelope, Origin, PolicyRuntime, PolicySpec, robot_spec
from gaitway.robots import Robot, h23
from gaitway.tasks import VectorEnv, get_task

_PER_JOINT = (
    "joint_names", "home_joint_pos", "stiffness", "damping", "effort_limit", "velocity_limit", "position_limit",
)  # fmt: skip


def constant_network(obs_size: int, action: np.ndarray) -> onnxruntime.InferenceSession:
    """A network that gives an action whatever it observes."""
    weight = numpy_helper.from_array(np.zeros((obs_size, len(action)), dtype=np.float32), "weight")
    bias = numpy_helper.from_array(action.astype(np.float32), "bias")
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["obs", "weight", "bias"], ["action"])],
        "constant",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["n", obs_size])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["n", len(action)])],
        [weight, bias],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


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
    return PolicyRuntime(spec, constant_network(spec.obs_size, action))


ROBOT: Robot = h23()

"""Starting a training from a policy that exists.

A policy file holds normaliser and actor as an ONNX graph, not the critic, nor how far its training explored: those begin
anew. Only networks of the form that is trained here can be taken over: (x - mean) * scale, then linear layers with ELU
between them. That the actions are the file's own is proved on its golden traces before the training begins. Away from
these they may differ where an observation is more than 10 deviations from the mean, which is clipped here.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import nn

from gaitway.learning.networks import GaussianActorCritic
from gaitway.learning.normalizer import Normalizer
from gaitway.policy import PolicyError, PolicySpec, load_policy
from gaitway.tasks import VectorEnv

_WORTH = 1_000_000
"""How many observations the statistics of a given policy count as."""
_TOLERANCE = 1e-4
"""Largest difference of an action a from the file's, relative to max(1, |a|)."""
_EPSILON = 1e-8  # what the normaliser adds to a variance


def start_from(policy: GaussianActorCritic, path: str, env: VectorEnv) -> None:
    """Give a new policy the network of a policy file: normaliser and actor.

    Args:
        policy: the policy at the start of a training; where this raises, it is not to be used.
        path: a policy file for the same observation and action.
        env: the training's environment.

    Raises:
        PolicyError: the file cannot be read, observes or acts otherwise than the task, or holds a network of
            another form.
    """
    spec = load_policy(path).spec
    given = _read_network(onnx.load_from_string(Path(path).read_bytes()).graph)
    actor = policy.plain_actor()
    layers = [module for module in actor if isinstance(module, nn.Linear)]
    found = _contract_differences(spec, env)
    if spec.state is not None:
        given.obstacle = "it is recurrent"
    shapes = [weight.shape for weight, _ in given.layers], [tuple(layer.weight.shape) for layer in layers]
    if given.obstacle is not None:
        found.append(
            f"its network is not (x - mean) * scale and linear layers with ELU between: {given.obstacle}"
        )
    elif shapes[0] != shapes[1]:
        found.append(
            f"its layers have shapes {shapes[0]}, those to be trained {shapes[1]} (--hidden sets them)"
        )
    if found:
        raise _refusal(path, found)
    _copy(given, policy.normalizer, layers)
    policy.take_over(actor)
    difference = _difference(policy, spec)
    if not difference <= _TOLERANCE:
        raise _refusal(
            path,
            [
                f"its actions cannot be kept: they would change by {difference:.3g}. A network that was not trained "
                "to be symmetric needs --no-symmetric"
            ],
        )


@dataclass
class _Given:
    """The arrays of a network: its normaliser, and layers of weight (out, in) and bias."""

    mean: np.ndarray | float = 0.0
    scale: np.ndarray | float = 1.0
    layers: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)
    obstacle: str | None = None
    """Why the network cannot be read; None where it can."""


def _read_network(graph: onnx.GraphProto) -> _Given:
    """Read a multilayer perceptron with its normaliser, following the one value from input to output."""
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    given, value, activated = _Given(), graph.input[0].name, True
    for node in graph.node:
        if value not in node.input:
            given.obstacle = f"{node.op_type} does not follow from what stands before it"
            return given
        constants = [arrays[name] for name in node.input if name in arrays]
        if node.op_type == "Gemm":
            if not activated:
                given.obstacle = "two linear layers follow each other"
                return given
            given.layers.append(_linear(node, constants))
            activated = False
        elif node.op_type == "Elu" and not activated:
            activated = True
        elif given.layers or not _normalises(given, node, constants):
            given.obstacle = f"{node.op_type} after {len(given.layers)} layers"
            return given
        value = node.output[0]
    if activated or value != graph.output[0].name:
        given.obstacle = "its output is not that of a linear layer"
    return given


def _linear(node: onnx.NodeProto, constants: list[np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Weight (out, in) and bias; exporters leave out a bias of zeros."""
    transposed = any(attribute.name == "transB" and attribute.i for attribute in node.attribute)
    weight = constants[0] if transposed else constants[0].T
    return weight, constants[1].reshape(-1) if len(constants) > 1 else np.zeros(
        len(weight), dtype=weight.dtype
    )


def _normalises(given: _Given, node: onnx.NodeProto, constants: list[np.ndarray]) -> bool:
    """Take in a step of the normaliser; false where it is none."""
    if node.op_type == "Clip":
        return True
    if len(constants) != 1:
        return False
    if node.op_type == "Sub":
        given.mean = given.mean + constants[0].reshape(-1) / given.scale
    elif node.op_type == "Mul":
        given.scale = given.scale * constants[0].reshape(-1)
    elif node.op_type == "Div":
        given.scale = given.scale / constants[0].reshape(-1)
    else:
        return False
    return True


@torch.no_grad()
def _copy(given: _Given, normalizer: Normalizer, layers: list[nn.Linear]) -> None:
    for layer, (weight, bias) in zip(layers, given.layers, strict=True):
        layer.weight.copy_(torch.from_numpy(weight.copy()))
        layer.bias.copy_(torch.from_numpy(bias.copy()))
    variance = np.maximum(np.square(1.0 / np.asarray(given.scale, dtype=np.float64)) - _EPSILON, 0.0)
    size = given.layers[0][0].shape[1]
    normalizer.mean[:size] = torch.from_numpy(np.broadcast_to(given.mean, size).copy())
    normalizer.var[:size] = torch.from_numpy(np.broadcast_to(variance, size).copy())
    normalizer.count[:size] = _WORTH


@torch.no_grad()
def _difference(policy: GaussianActorCritic, spec: PolicySpec) -> float:
    """Largest |action - record| / max(1, |record|) over the golden traces."""
    worst = 0.0
    for trace in spec.golden_traces:
        record = np.array(trace.action)
        action = policy(torch.from_numpy(np.array(trace.obs, dtype=np.float32))).numpy()
        action = np.clip(action, -spec.action.clip, spec.action.clip)
        worst = max(worst, float((np.abs(action - record) / np.maximum(1.0, np.abs(record))).max()))
    return worst


def _contract_differences(spec: PolicySpec, env: VectorEnv) -> list[str]:
    found = []
    if spec.observation != env.observation_spec:
        names = [[term.name for term in terms] for terms in (spec.observation, env.observation_spec)]
        found.append(f"it observes {names[0]}, the task {names[1]} (each with size, scale, clip and history)")
    ours, theirs = env.action_spec, spec.action
    for name in ("joint_names", "scale", "offset", "clip"):
        if getattr(ours, name) != getattr(theirs, name):
            found.append(f"its action has another {name} than the task's")
    for name in ("home_joint_pos", "stiffness", "damping"):
        if theirs.joint_names == ours.joint_names and getattr(spec.robot, name) != getattr(env.robot, name):
            found.append(f"it runs with another {name} than the robot's")
    if spec.step_dt != env.task.step_dt:
        found.append(f"its control step is {spec.step_dt} s, the task's {env.task.step_dt} s")
    return found


def _refusal(path: str, found: list[str]) -> PolicyError:
    return PolicyError(
        f"{path} cannot be trained further here:\n" + "\n".join(f"  - {line}" for line in found)
    )

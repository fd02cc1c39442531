"""Networks from elsewhere: reading an ONNX file, and freeing its batch dimension."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import TensorProto, helper, numpy_helper

from gaitway.policy import PolicyError
from gaitway.policy.file import METADATA_KEY, open_session

_CHECKED_ROWS = 5
_TOLERANCE = 1e-5


@dataclass(frozen=True)
class Network:
    """A network that maps observations (n, obs_size) to actions (n, num_actions), for any n."""

    model: onnx.ModelProto
    obs_size: int
    num_actions: int
    metadata: dict[str, str]
    """What its file says of it, as text by key."""


def read_network(path: Path) -> Network:
    """Read an ONNX file, its external data included, and free its batch dimension.

    A network whose batch dimension is fixed at 1 gets a free one where that computes the same; where it does not, it is
    wrapped so that it runs row by row.

    Raises:
        PolicyError: the file is missing or damaged, is a policy file already, or its network is not one from
            observations to actions.
    """
    model = _load(path)
    metadata = {entry.key: entry.value for entry in model.metadata_props}
    if METADATA_KEY in metadata:
        raise PolicyError(
            f"{path} is a Gaitway policy file already; `gaitway inspect {path}` shows what it says"
        )
    obs_size = _check_interface(model.graph, path)
    rows = np.random.default_rng(0).normal(size=(_CHECKED_ROWS, obs_size)).astype(np.float32)
    session = open_session(model.SerializeToString(), str(path))
    name = session.get_inputs()[0].name
    try:
        expected = np.concatenate([np.asarray(session.run(None, {name: row[None]})[0]) for row in rows])
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise PolicyError(f"{path} does not run on an observation of {obs_size} values: {error}") from error
    if expected.ndim != 2 or len(expected) != _CHECKED_ROWS:
        raise PolicyError(
            f"{path} gives an output of shape {expected.shape[1:]} for one observation, not a row"
        )
    if not np.isfinite(expected).all():
        raise PolicyError(f"{path} gives values that are not finite for ordinary observations")
    size = expected.shape[1]
    for candidate in (_freed(model, obs_size, size), _row_by_row(model, obs_size, size)):
        if _computes(candidate, rows, expected):
            return Network(candidate, obs_size, size, metadata)
    raise PolicyError(f"{path} gives other actions for several observations at once than for each alone")


def _load(path: Path) -> onnx.ModelProto:
    try:
        model = onnx.load(path)  # with the data of its neighbours, as recent PyTorch writes them
        onnx.checker.check_model(model)
    except FileNotFoundError as error:
        raise PolicyError(f"no ONNX file at {error.filename or path}") from error
    except (DecodeError, onnx.checker.ValidationError, OSError, ValueError) as error:
        raise PolicyError(f"{path} is not a whole ONNX file: {error}") from error
    return model


def _check_interface(graph: onnx.GraphProto, path: Path) -> int:
    """Refuse anything but one observation in and one action out; returns the observation's size."""
    constants = {tensor.name for tensor in graph.initializer}
    inputs = [value for value in graph.input if value.name not in constants]
    names = [value.name for value in inputs], [value.name for value in graph.output]
    if len(inputs) != 1 or len(graph.output) != 1:
        raise PolicyError(
            f"{path} has inputs {names[0]} and outputs {names[1]}; a network from one observation to one action can "
            "be packed, but none with a state of its own or a motion inside"
        )
    tensor = inputs[0].type.tensor_type
    shape = [dim.dim_value for dim in tensor.shape.dim]
    if tensor.elem_type != TensorProto.FLOAT or len(shape) != 2 or shape[1] < 1 or shape[0] > 1:
        kind = TensorProto.DataType.Name(tensor.elem_type)
        raise PolicyError(
            f"{path}: input {inputs[0].name!r} is {kind} of shape {shape} (0 is free); needed is FLOAT of shape "
            "(batch, observation size)"
        )
    return shape[1]


def _freed(model: onnx.ModelProto, obs_size: int, num_actions: int) -> onnx.ModelProto:
    """A copy that declares its batch dimension free."""
    freed = onnx.ModelProto()
    freed.CopyFrom(model)
    graph = freed.graph
    constants = {tensor.name for tensor in graph.initializer}
    source = next(value.name for value in graph.input if value.name not in constants)
    output = graph.output[0].name
    del graph.input[:], graph.output[:], graph.value_info[:]
    graph.input.append(helper.make_tensor_value_info(source, TensorProto.FLOAT, ["batch", obs_size]))
    graph.output.append(helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", num_actions]))
    return freed


def _row_by_row(model: onnx.ModelProto, obs_size: int, num_actions: int) -> onnx.ModelProto:
    """A copy that scans over the rows of a batch and runs the network, unchanged, on each."""
    wrapped = onnx.ModelProto()
    wrapped.CopyFrom(model)
    body = wrapped.graph
    constants = {tensor.name for tensor in body.initializer}
    source = next(value.name for value in body.input if value.name not in constants)
    output = body.output[0].name
    nodes = list(body.node)
    del body.input[:], body.output[:], body.node[:]
    for name, shape in (("gaitway_one_row", [1, obs_size]), ("gaitway_flat", [num_actions])):
        body.initializer.append(numpy_helper.from_array(np.array(shape, dtype=np.int64), name))
    body.node.append(helper.make_node("Reshape", ["gaitway_obs_row", "gaitway_one_row"], [source]))
    body.node.extend(nodes)
    body.node.append(helper.make_node("Reshape", [output, "gaitway_flat"], ["gaitway_action_row"]))
    body.input.append(helper.make_tensor_value_info("gaitway_obs_row", TensorProto.FLOAT, [obs_size]))
    body.output.append(helper.make_tensor_value_info("gaitway_action_row", TensorProto.FLOAT, [num_actions]))
    scan = helper.make_node("Scan", ["obs"], ["action"], body=body, num_scan_inputs=1)
    graph = helper.make_graph(
        [scan],
        "row_by_row",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, ["batch", obs_size])],
        [helper.make_tensor_value_info("action", TensorProto.FLOAT, ["batch", num_actions])],
    )
    wrapped.graph.CopyFrom(graph)
    return wrapped


def _computes(model: onnx.ModelProto, rows: np.ndarray, expected: np.ndarray) -> bool:
    """Whether a model gives the expected actions for all rows at once."""
    try:
        session = open_session(model.SerializeToString(), "a network")
        (given,) = session.run(None, {session.get_inputs()[0].name: rows})
    except Exception:  # it does not run on several rows; onnxruntime's classes share no base of their own
        return False
    given = np.asarray(given)
    tolerance = _TOLERANCE * np.maximum(1.0, np.abs(expected))
    return given.shape == expected.shape and bool((np.abs(given - expected) <= tolerance).all())

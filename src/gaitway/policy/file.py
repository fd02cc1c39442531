"""The policy file: one ONNX file that holds the network and its contract, and refuses to load if they disagree.

Loading replays the golden traces it carries, from raw sensor values to joint targets; whatever changed
since export (an operator, an observation term, an order, a sign) shows as a difference there.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import onnxruntime

from gaitway.policy.runtime import PolicyRuntime
from gaitway.policy.spec import GoldenTrace, PolicyError, PolicySpec

METADATA_KEY = "gaitway"
REPLAY_TOLERANCE = 1e-4
"""Largest difference of a replayed value a from its record, relative to max(1, |a|)."""
MIN_TRACES = 2
MIN_TRACE_STEPS = 32


def load_policy(path: Path | str) -> PolicyRuntime:
    """Read a policy file and prove that it computes what it computed when it was exported.

    Raises:
        PolicyError: the file is missing, is not a whole ONNX file, is not Gaitway's, has a spec that this
            version cannot read, or does not replay its golden traces.
    """
    path = Path(path)
    if not path.is_file():
        raise PolicyError(f"no policy file at {path}; `gaitway export RUN` writes one")
    return verify_policy(path.read_bytes(), str(path))


def policy_sha256(path: Path | str) -> str:
    """SHA-256 of a policy file, by which it is told from others. Hexadecimal digits."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest()


def verify_policy(model: bytes, name: str) -> PolicyRuntime:
    """Prove that a policy file's bytes compute what they computed when it was exported.

    Args:
        model: the file's content.
        name: what to call it in messages.

    Raises:
        PolicyError: as `load_policy`.
    """
    session = open_session(model, name)
    metadata = session.get_modelmeta().custom_metadata_map
    if METADATA_KEY not in metadata:
        raise PolicyError(
            f"{name} is an ONNX file without the metadata entry {METADATA_KEY!r}, so nothing says what its "
            "inputs mean; a file written by `gaitway export` has it"
        )
    spec = PolicySpec.from_json(metadata[METADATA_KEY])
    _check_shapes(spec, session, name)
    runtime = PolicyRuntime(spec, session)
    difference = replay_difference(runtime)
    if not difference <= REPLAY_TOLERANCE:
        raise PolicyError(
            f"{name} does not compute what it computed at export: golden traces differ by {difference:.3g} "
            f"(tolerance {REPLAY_TOLERANCE:g}); the file was edited, or this Gaitway or onnxruntime reads it "
            "differently"
        )
    return runtime


def open_session(model: bytes, name: str) -> onnxruntime.InferenceSession:
    """An inference session on one thread that never spins.

    Raises:
        PolicyError: the bytes are no ONNX model.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's classes share no base of their own
        raise PolicyError(f"{name} is not a whole ONNX file ({len(model)} bytes): {error}") from error


def replay_difference(runtime: PolicyRuntime) -> float:
    """Replay all golden traces.

    Returns:
        The largest |value - record| / max(1, |record|) over observations, actions and joint targets; NaN
        where a value is.
    """
    worst = 0.0
    for trace in runtime.spec.golden_traces:
        steps = replay(runtime, trace)
        for field in ("obs", "action", "joint_pos_target"):
            record = np.array(getattr(trace, field), dtype=np.float64)
            difference = np.abs(np.array([getattr(step, field) for step in steps]) - record)
            worst = np.maximum(worst, (difference / np.maximum(1.0, np.abs(record))).max())
    runtime.reset()
    return float(worst)


def replay(runtime: PolicyRuntime, trace: GoldenTrace) -> list:
    """Run a trace's sensor values through the runtime from a fresh start; one PolicyStep per record."""
    runtime.reset(trace.start_phase)
    nothing = [[0.0, 0.0, 0.0]] * len(trace.joint_pos)
    columns = (
        trace.joint_pos, trace.joint_vel, trace.imu_quat_w, trace.imu_ang_vel, trace.command or nothing,
        trace.base_lin_vel_b or nothing,
    )  # fmt: skip
    return [runtime.step(*(np.array(value) for value in values)) for values in zip(*columns, strict=True)]


def _check_network(spec: PolicySpec, session: onnxruntime.InferenceSession, name: str) -> None:
    """Refuse a network whose inputs and outputs are not those that its spec describes."""
    inputs, outputs = session.get_inputs(), session.get_outputs()
    given = [tuple(value.shape[1:]) for value in (*inputs, *outputs)]
    obs, action = (spec.obs_size,), (len(spec.action.joint_names),)
    expected, said = [obs, action], f"observation {obs} and action {action}"
    if spec.state is not None:
        shape = spec.state.shape
        expected, said = [obs, shape, action, shape], f"{said}, recurrent state {shape} in and out"
    if given != expected:
        raise PolicyError(
            f"{name}: the network's inputs and outputs have shapes {given} after the batch; its spec says {said}"
        )
    if spec.state is not None:
        names, wanted = (inputs[1].name, outputs[1].name), (spec.state.name, spec.state.next_name)
        if names != wanted:
            raise PolicyError(
                f"{name}: the network's second input and output are called {names}; its spec says {wanted}"
            )


def _check_shapes(spec: PolicySpec, session: onnxruntime.InferenceSession, name: str) -> None:
    _check_network(spec, session, name)
    sizes = {
        "joint_pos": len(spec.robot.joint_names), "joint_vel": len(spec.robot.joint_names), "imu_quat_w": 4,
        "imu_ang_vel": 3, "obs": spec.obs_size, "action": len(spec.action.joint_names),
        "joint_pos_target": len(spec.robot.joint_names),
    }  # fmt: skip
    if spec.command is not None:
        sizes["command"] = 3
    if any(term.name == "base_lin_vel" for term in spec.observation):
        sizes["base_lin_vel_b"] = 3
    for trace in spec.golden_traces:
        for field, size in sizes.items():
            rows = getattr(trace, field) or []
            if len(rows) != len(trace.joint_pos) or any(len(row) != size for row in rows):
                raise PolicyError(
                    f"{name}: a golden trace's {field} is not of shape ({len(trace.joint_pos)}, {size})"
                )
    lengths = [len(trace.joint_pos) for trace in spec.golden_traces]
    if len(lengths) < MIN_TRACES or min(lengths) < MIN_TRACE_STEPS:
        raise PolicyError(
            f"{name} has golden traces of {lengths} steps; at least {MIN_TRACES} of {MIN_TRACE_STEPS} are "
            "needed to verify it"
        )

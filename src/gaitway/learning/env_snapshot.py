"""What a Gymnasium environment is at an instant, written down so that it goes on from there to the same bits.

Gymnasium has no interface for this. But an environment is the attributes of its objects: where each of them is a number,
a string, an array, a random generator or a list, tuple or dictionary of such, they are everything, and can be put back.
MuJoCo's `MjData` counts among them: its integration state, and the derived arrays that environments read before they
step. Where something else is among the attributes, such as the bodies of another physics engine, nothing is saved.
State outside the attributes (a global, numpy's global generator) is not seen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import gymnasium
import mujoco
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec

_CONSTANT_TYPES = (spaces.Space, EnvSpec, mujoco.MjModel)
_CONSTANT_NAMES = {"env", "_saved_kwargs", "_ezpickle_args", "_ezpickle_kwargs", "mujoco_renderer"}
_DERIVED = (
    "xpos", "xquat", "xmat", "xipos", "ximat", "xanchor", "xaxis", "geom_xpos", "geom_xmat", "site_xpos", "site_xmat",
    "cinert", "cvel", "cacc", "cfrc_int", "cfrc_ext", "subtree_com", "subtree_linvel", "subtree_angmom", "sensordata",
    "qacc", "qfrc_actuator", "qfrc_constraint", "qfrc_passive", "qfrc_bias", "actuator_force", "actuator_length",
    "actuator_velocity", "ten_length", "ten_velocity", "energy",
)  # fmt: skip
"""Arrays of MjData that are as old as its last step, unlike its state."""
_STATE = mujoco.mjtState.mjSTATE_INTEGRATION.value


class UnsaveableError(Exception):
    """An attribute that is no plain value; the message names it."""


def take_snapshot(env: gymnasium.Env) -> bytes:
    """All attributes of an environment and of the wrappers around it.

    Raises:
        UnsaveableError: one of them cannot be written down.
    """
    return json.dumps([_encode_object(layer) for layer in _layers(env)]).encode()


def restore_snapshot(env: gymnasium.Env, snapshot: bytes) -> None:
    """Let an environment of the same id go on from where another was."""
    for layer, values in zip(_layers(env), json.loads(snapshot), strict=True):
        for name, value in values.items():
            if isinstance(value, dict) and "mujoco" in value:
                _restore_mujoco(layer.model, getattr(layer, name), value["mujoco"])
            else:
                setattr(layer, name, _decode(value))


def _layers(env: gymnasium.Env) -> Iterator[Any]:
    """The environment's wrappers, outermost first, and the environment."""
    while env is not env.unwrapped:
        yield env
        env = env.env  # type: ignore[attr-defined]
    yield env


def _encode_object(layer: Any) -> dict[str, Any]:
    encoded = {}
    for name, value in vars(layer).items():
        if name in _CONSTANT_NAMES or isinstance(value, _CONSTANT_TYPES):
            continue
        try:
            encoded[name] = (
                {"mujoco": _mujoco_state(layer.model, value)}
                if isinstance(value, mujoco.MjData)
                else _encode(value)
            )
        except UnsaveableError as error:
            raise UnsaveableError(f"{type(layer).__name__}.{name} is a {error}") from None
    return encoded


def _encode(value: Any) -> Any:
    """A plain value as JSON has it; what JSON does not have becomes an object of one entry, its kind."""
    if value is None or type(value) in (bool, int, float, str):
        return value
    if type(value) is list:
        return [_encode(each) for each in value]
    if type(value) is tuple:
        return {"tuple": [_encode(each) for each in value]}
    if type(value) is dict:
        return {"dict": [[_encode(key), _encode(each)] for key, each in value.items()]}
    if isinstance(value, np.random.Generator):
        return {"generator": [type(value.bit_generator).__name__, _encode(value.bit_generator.state)]}
    if isinstance(value, (np.ndarray, np.generic)) and value.dtype.kind in "biufSU":
        kind = "array" if isinstance(value, np.ndarray) else "scalar"
        return {kind: [value.dtype.str, list(value.shape), value.tobytes().hex()]}
    raise UnsaveableError(type(value).__name__)


def _decode(value: Any) -> Any:
    if isinstance(value, list):
        return [_decode(each) for each in value]
    if not isinstance(value, dict):
        return value
    ((kind, content),) = value.items()
    if kind == "tuple":
        return tuple(_decode(each) for each in content)
    if kind == "dict":
        return {_decode(key): _decode(each) for key, each in content}
    if kind == "generator":
        generator = np.random.Generator(getattr(np.random, content[0])())
        generator.bit_generator.state = _decode(content[1])
        return generator
    dtype, shape, data = content
    array = np.frombuffer(bytes.fromhex(data), dtype=dtype).reshape(shape).copy()
    return array if kind == "array" else array[()]


def _mujoco_state(model: mujoco.MjModel, data: mujoco.MjData) -> Any:
    state = np.empty(mujoco.mj_stateSize(model, _STATE))
    mujoco.mj_getState(model, data, state, _STATE)
    return _encode({"state": state, **{name: getattr(data, name) for name in _DERIVED}})


def _restore_mujoco(model: mujoco.MjModel, data: mujoco.MjData, saved: Any) -> None:
    arrays = _decode(saved)
    mujoco.mj_resetData(model, data)
    mujoco.mj_setState(model, data, arrays.pop("state"), _STATE)
    for name, value in arrays.items():
        getattr(data, name)[:] = value

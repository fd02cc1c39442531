"""Reading what mjlab writes into the metadata of the ONNX files it exports.

mjlab's `attach_metadata_to_onnx` writes text by key, lists joined by commas, numbers with three decimals: `run_path`,
`joint_names`, `joint_stiffness`, `joint_damping`, `default_joint_pos`, `command_names`, `observation_names`,
`action_scale`, and since April 2026 `observation_terms_scale`, `observation_terms_clip`,
`observation_terms_history_length` and `observation_terms_flatten_history_dim`. Exporters for Isaac Lab that it descends
from write the first eight, and `observation_history_lengths`.

A number that is the robot's own at three decimals is taken to be exactly the robot's own. What the metadata does not
hold (the control step, command ranges, bounds of the action) has mjlab's defaults, or comes from a user's spec file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from gaitway.policy import PolicyError
from gaitway.robots import Robot

REQUIRED = (
    "joint_names", "joint_stiffness", "joint_damping", "default_joint_pos", "observation_names", "action_scale",
)  # fmt: skip
TERM_NAMES = {
    "base_ang_vel": "base_ang_vel",
    "projected_gravity": "projected_gravity",
    "joint_pos": "joint_pos_rel",
    "joint_pos_rel": "joint_pos_rel",
    "joint_vel": "joint_vel",
    "joint_vel_rel": "joint_vel",
    "actions": "last_action",
    "last_action": "last_action",
    "command": "command",
    "velocity_commands": "command",
    "base_lin_vel": "base_lin_vel",
}
"""Ours by the names that mjlab's and Isaac Lab's velocity tasks use."""
STEP_DT = 0.02
"""Control step of mjlab's tasks [s]: 4 steps of 5 ms."""
_VELOCITY_COMMANDS = ("twist", "base_velocity")
_ROUNDING = 0.5e-3


def is_mjlab(metadata: Mapping[str, str]) -> bool:
    """Whether metadata has all that is needed of mjlab's."""
    return all(key in metadata for key in REQUIRED)


def mjlab_contract(metadata: Mapping[str, str], robot: Robot) -> dict[str, Any]:
    """The tables that mjlab's metadata amounts to, for `make_contract`.

    Args:
        metadata: of the ONNX file.
        robot: the robot that the network is for.

    Raises:
        PolicyError: an entry is missing, cannot be read, or means something that cannot be written in our terms.
    """
    missing = [key for key in REQUIRED if key not in metadata]
    if missing:
        raise PolicyError(
            f"the file lacks mjlab's metadata entries {', '.join(missing)}; it has "
            f"{', '.join(sorted(metadata)) or 'none'}. Describe the network in a file and give it with --spec"
        )
    names = [name.rpartition("/")[2] for name in _entries(metadata["joint_names"])]
    settings = {
        ours: _restored(_numbers(metadata, theirs), names, robot, ours)
        for ours, theirs in (
            ("home_joint_pos", "default_joint_pos"), ("stiffness", "joint_stiffness"), ("damping", "joint_damping"),
        )
    }  # fmt: skip
    scale = _numbers(metadata, "action_scale")
    run_path = metadata.get("run_path", "")
    return {
        "robot": robot.name,
        "joint_names": names,
        **settings,
        "step_dt": STEP_DT,
        "observation": _observation(metadata),
        "action": {"scale": scale[0] if len(scale) == 1 else scale},
        "algorithm": "ppo",
        "source": f"mjlab {run_path}".strip(),
    }


def _observation(metadata: Mapping[str, str]) -> list[dict[str, Any]]:
    theirs = _entries(metadata["observation_names"])
    unknown = [name for name in theirs if name not in TERM_NAMES]
    if unknown:
        raise PolicyError(
            f"mjlab's observations {', '.join(unknown)} have no counterpart among our terms; known are "
            f"{', '.join(TERM_NAMES)}. If one is ours by another name, describe the observation with --spec"
        )
    commands = _entries(metadata.get("command_names", ""))
    if "command" in theirs and commands and not any(name in _VELOCITY_COMMANDS for name in commands):
        raise PolicyError(
            f"the network observes mjlab's command {', '.join(commands)}; only a velocity command "
            f"({' or '.join(_VELOCITY_COMMANDS)}) can be given to it here"
        )
    count = len(theirs)
    scales = [
        _uniform(entry, name)
        for entry, name in zip(_of_terms(metadata, "scale", "1", count), theirs, strict=True)
    ]
    clips = [_bounds(entry) for entry in _of_terms(metadata, "clip", "[-inf, inf]", count)]
    flat = _of_terms(metadata, "flatten_history_dim", "1", count)
    if "observation_history_lengths" in metadata:
        histories = _entries(metadata["observation_history_lengths"])
    else:
        histories = _of_terms(metadata, "history_length", "1", count)
    _check_count("observation_history_lengths", histories, count)
    observation = []
    for name, scale, clip, history, flattened in zip(theirs, scales, clips, histories, flat, strict=True):
        length = max(1, round(_number(history)))
        if length > 1 and not _number(flattened):
            raise PolicyError(f"the history of {name} is not flattened, so the network takes no plain vector")
        entry: dict[str, Any] = {"term": TERM_NAMES[name], "scale": scale, "history": length}
        if clip is not None:  # theirs are bounds before scaling
            entry["clip"] = sorted(bound * scale for bound in clip)
        observation.append(entry)
    return observation


def _of_terms(metadata: Mapping[str, str], what: str, default: str, count: int) -> list[str]:
    key = f"observation_terms_{what}"
    entries = _entries(metadata[key]) if key in metadata else [default] * count
    _check_count(key, entries, count)
    return entries


def _check_count(key: str, entries: Sequence[str], count: int) -> None:
    if len(entries) != count:
        raise PolicyError(f"mjlab's metadata entry {key} has {len(entries)} values for {count} observations")


def _entries(text: str) -> list[str]:
    """What stands between commas, a list in brackets as one entry."""
    return [entry.strip() for entry in re.findall(r"\[[^\]]*\]|[^,]+", text) if entry.strip()]


def _numbers(metadata: Mapping[str, str], key: str) -> list[float]:
    try:
        return [float(entry) for entry in _entries(metadata[key])]
    except ValueError as error:
        raise PolicyError(f"mjlab's metadata entry {key} cannot be read: {error}") from error


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError as error:
        raise PolicyError(f"mjlab's metadata cannot be read: {text!r} is no number") from error


def _uniform(entry: str, name: str) -> float:
    """The scale of a term; one scale for each value is accepted where all are the same."""
    values = {_number(part) for part in _entries(entry.strip("[]"))}
    if len(values) != 1:
        raise PolicyError(
            f"mjlab scales the values of {name} by different factors, {entry}; ours have one per term"
        )
    return values.pop()


def _bounds(entry: str) -> tuple[float, float] | None:
    parts = [_number(part) for part in _entries(entry.strip("[]"))]
    if len(parts) != 2:
        raise PolicyError(f"mjlab's metadata cannot be read: {entry!r} is no pair of bounds")
    if np.isinf(parts).all():
        return None
    limit = float(np.finfo(np.float32).max)
    lower, upper = np.clip(parts, -limit, limit).tolist()
    return lower, upper


def _restored(values: list[float], names: list[str], robot: Robot, setting: str) -> list[float]:
    """The values with the robot's own in place of those that are the same at three decimals."""
    own = dict(zip(robot.joint_names, getattr(robot, setting), strict=True))
    if len(values) != len(names):
        return values
    return [
        own[name] if name in own and abs(value - own[name]) <= _ROUNDING * (1.0 + 1e-6) else value
        for name, value in zip(names, values, strict=True)
    ]

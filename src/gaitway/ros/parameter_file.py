"""Parameter files of ROS 2: YAML with `ros__parameters` under the name of a node, as `--params-file` takes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from gaitway.files import write_atomically
from gaitway.ros.environment import RosError


def read_parameters(path: Path | str, node: str) -> dict[str, Any]:
    """Values of a node's parameters by dotted name.

    Args:
        path: the file.
        node: the node's name, without its namespace; `/**` in the file stands for every node.

    Raises:
        RosError: there is no such file, it is broken, or says nothing of the node; the message says which.
    """
    try:
        content = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise RosError(f"cannot read parameters from {path}: {reason}") from error
    values: dict[str, Any] = {}
    for key in ("/**", node, f"/{node}"):
        section = content.get(key) if isinstance(content, dict) else None
        given = section.get("ros__parameters") if isinstance(section, dict) else None
        if isinstance(given, dict):
            values |= dict(_flattened(given))
    if not values:
        raise RosError(f"{path} has no parameters under {node}: ros__parameters:")
    return values


def write_parameters(path: Path | str, node: str, values: Mapping[str, Any]) -> None:
    """Replace a file by one with a node's parameters, atomically.

    Raises:
        GaitwayError: it could not be written.
    """
    nested: dict[str, Any] = {}
    for name, value in sorted(values.items()):
        *groups, last = name.split(".")
        section = nested
        for group in groups:
            section = section.setdefault(group, {})
        section[last] = value
    write_atomically(path, yaml.safe_dump({node: {"ros__parameters": nested}}))


def _flattened(section: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in section.items():
        if isinstance(value, dict):
            yield from _flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value

"""Policy files by name: those in the package, and any by its path."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from gaitway.errors import UnknownNameError

SHIPPED = Path(str(resources.files("gaitway.policy"))) / "shipped"
"""Folder of the policy files in the package."""


def shipped_policies() -> dict[str, Path]:
    """The policy files in the package, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.onnx"))}


def find_policy(name_or_path: str | Path) -> Path:
    """The policy file at a path, or the one in the package of that name.

    A policy in the package is called ROBOT_TASK; the task alone will do where only one robot has it.

    Raises:
        UnknownNameError: it is no path of an ONNX file, and no policy in the package is called that.
    """
    path = Path(name_or_path)
    if path.suffix == ".onnx" or path.is_file():
        return path  # whoever reads it says what is wrong with it
    shipped = shipped_policies()
    name = str(name_or_path)
    found = [policy for full, policy in shipped.items() if full == name or full.endswith(f"_{name}")]
    if len(found) != 1:
        raise UnknownNameError("policy file or name", name, shipped)
    return found[0]

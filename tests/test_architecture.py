"""The house: which room may use which, and what importing a room may do."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import gaitway

ROOMS = (
    "robots", "policy", "safety", "sim", "tasks", "behaviors", "data", "learning", "ros", "dashboard", "cli",
)  # fmt: skip
ROBOT_SIDE = ("robots", "policy", "safety", "behaviors", "data", "ros")
SOURCE = Path(gaitway.__file__).parent
FILES = sorted(SOURCE.rglob("*.py"))


def _imports(path: Path) -> set[str]:
    """Absolute names that a file imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def _room(name: str) -> str | None:
    parts = name.split(".")
    return parts[1] if len(parts) > 1 and parts[0] == "gaitway" and parts[1] in ROOMS else None


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_imports_run_one_way(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    if room not in ROOMS:
        assert {_room(name) for name in _imports(path)} <= {None}, "a module of all may use no room"
        return
    for name in _imports(path):
        other = _room(name)
        if other is not None:
            assert ROOMS.index(other) <= ROOMS.index(room), f"{room} may not use {other} ({name})"


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCE)))
def test_robot_side_needs_no_training_side(path: Path) -> None:
    room = path.relative_to(SOURCE).parts[0]
    if room in ROBOT_SIDE:
        for name in _imports(path):
            assert name.split(".")[0] != "torch"
            assert _room(name) not in ("tasks", "learning")
            assert _room(name) != "sim" or path.name.startswith("simulated_")


_IMPORT_ALL = """
import importlib, importlib.abc, os, sys
class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("no torch here", name=name)
sys.meta_path.insert(0, NoTorch())
import gymnasium  # sets a variable of its own
before = dict(os.environ)
for name in {names!r}:
    try:
        importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in ("gaitway_msgs", "tf2_msgs"):  # not built where there is no compiler
            raise
assert dict(os.environ) == before, "importing changed the environment"
"""


def test_robot_side_and_simulation_import_without_torch_or_side_effects() -> None:
    names = [
        module.name
        for room in (*ROBOT_SIDE, "sim", "tasks")
        if (SOURCE / room).is_dir()
        for module in pkgutil.walk_packages([str(SOURCE / room)], f"gaitway.{room}.")
    ]
    assert len(names) > 20
    done = subprocess.run(
        [sys.executable, "-c", _IMPORT_ALL.format(names=names)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("room", [room for room in ROOMS if (SOURCE / room).is_dir()])
def test_exported_names_exist(room: str) -> None:
    package = importlib.import_module(f"gaitway.{room}")
    exported = getattr(package, "__all__", [])
    assert sorted(exported) == sorted(set(exported))
    assert [name for name in exported if not hasattr(package, name)] == []

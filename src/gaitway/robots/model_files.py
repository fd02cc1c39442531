"""The files that a robot's model is made of: finding them, and taking in what they name."""

from __future__ import annotations

import importlib
import importlib.util
import os
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import mujoco

from gaitway.errors import UnknownNameError
from gaitway.robots.robot import RobotError

_MENAGERIE = "menagerie:"
_PACKAGE = "package:"


@dataclass(frozen=True, kw_only=True)
class ModelFiles:
    """A model's text with all that it names."""

    text: str
    assets: Mapping[str, bytes]
    name: str
    """What to call the robot if nothing else does."""
    license: str = ""
    origin: str = ""
    velocity_limit: Mapping[str, float] = field(default_factory=dict)
    """Joint speeds that only a URDF states [rad/s]."""


def open_model(reference: str, folder: Path, packages: Mapping[str, str]) -> ModelFiles:
    """Find and read the model that a description names.

    Args:
        reference: as `RobotDescription.model`.
        folder: what a relative path is relative to.
        packages: folders of ROS packages, relative to `folder`.

    Raises:
        RobotError: there is no such model, or a file that it names is missing.
    """
    if not reference:
        raise RobotError('model is missing: name the MJCF or URDF file, model = "robot.xml"')
    if reference.startswith(_MENAGERIE):
        return menagerie_files(reference)
    path = _in_package(reference) if reference.startswith(_PACKAGE) else folder / reference
    if _root(path).tag == "robot":
        return urdf_files(path, {name: folder / place for name, place in packages.items()})
    return mjcf_files(path)


def mjcf_files(path: Path) -> ModelFiles:
    """Read an MJCF file with its includes, meshes and textures.

    Raises:
        RobotError: it, or a file that it names, is missing or no MJCF.
    """
    if (tag := _root(path).tag) != "mujoco":
        raise RobotError(f"{path} is no MJCF file: its root is <{tag}>, not <mujoco>")
    try:
        named = [Path(name) for name in mujoco.mju_getXMLDependencies(str(path))]
    except (ValueError, mujoco.FatalError) as error:
        raise RobotError(f"{path}: {' '.join(str(error).split())}") from error
    others = sorted(Path(os.path.relpath(name, path.parent)) for name in named if not _same(name, path))
    _refuse_missing([str(name) for name in others if not (path.parent / name).is_file()], path)
    assets = {name.as_posix(): (path.parent / name).read_bytes() for name in others}
    return ModelFiles(text=_text(path), assets=assets, name=path.stem)


def urdf_files(path: Path, packages: Mapping[str, Path]) -> ModelFiles:
    """Read a URDF file with the meshes that MuJoCo takes from it: of visuals only where it is told to keep them.

    A `package://NAME/...` is looked for under `packages`, under folders above the file, and in the ROS 2
    environment that is sourced.

    Raises:
        RobotError: it, or a mesh, is missing, or it is no URDF.
    """
    root = _root(path)
    if root.tag != "robot":
        raise RobotError(f"{path} is no URDF file: its root is <{root.tag}>, not <robot>")
    compiler = root.find("mujoco/compiler")
    keep_visuals = compiler is not None and compiler.get("discardvisual") == "false"
    queries = ["link/collision/geometry/mesh", *(["link/visual/geometry/mesh"] if keep_visuals else [])]
    named = sorted({mesh.get("filename", "") for query in queries for mesh in root.iterfind(query)})
    places = {name: _find_mesh(name, path, packages) for name in named}
    _refuse_missing([name for name, place in places.items() if place is None], path)
    assets: dict[str, bytes] = {}
    for name, place in places.items():
        assert place is not None
        content = place.read_bytes()
        if assets.setdefault(place.name, content) != content:
            raise RobotError(
                f"{path}: {name} shares its file name with another mesh; MuJoCo needs them to differ"
            )
    velocity = {joint.get("name", ""): _velocity(joint, path) for joint in root.iterfind("joint")}
    return ModelFiles(
        text=_text(path), assets=assets, name=root.get("name", path.stem), velocity_limit=velocity
    )


def menagerie_files(reference: str) -> ModelFiles:
    """Read a model of MuJoCo Menagerie, downloaded by its package on first use.

    Args:
        reference: `menagerie:NAME`, or `menagerie:NAME/ENTRY` for another than the model's default file.

    Raises:
        RobotError: the package is missing, knows no such model, or cannot get it.
    """
    name, _, entry = reference.removeprefix(_MENAGERIE).partition("/")
    try:
        menagerie: Any = importlib.import_module("mujoco_menagerie")
    except ModuleNotFoundError as error:
        if error.name != "mujoco_menagerie":
            raise
        raise RobotError(
            f"{reference} needs a package: `pip install mujoco-menagerie` provides it"
        ) from error
    if name not in menagerie.names():
        raise UnknownNameError("model of MuJoCo Menagerie", name, menagerie.names())
    model = menagerie.get(name)
    if entry and entry not in model.entry_names:
        raise UnknownNameError(f"file of {_MENAGERIE}{name}", entry, model.entry_names)
    try:
        path = model.xml(entry or model.default_model)
    except menagerie.MenagerieError as error:
        raise RobotError(f"cannot get {reference}: {error}") from error
    files = mjcf_files(path)
    return ModelFiles(
        text=files.text,
        assets=files.assets,
        name=reference,
        license=model.license,
        origin=f"{model.display_name}, from MuJoCo Menagerie",
    )


def _in_package(reference: str) -> Path:
    """The file of `package:NAME/PATH`, without importing the package."""
    name, _, rest = reference.removeprefix(_PACKAGE).partition("/")
    found = importlib.util.find_spec(name) if re.fullmatch(r"\w+", name) else None
    if found is None or not found.submodule_search_locations:
        raise RobotError(f"{reference} is in the Python package {name!r}, which is not installed")
    return Path(found.submodule_search_locations[0]) / rest


def _find_mesh(name: str, urdf: Path, packages: Mapping[str, Path]) -> Path | None:
    if not name.startswith("package://"):
        path = urdf.parent / name.removeprefix("file://")
        return path if path.is_file() else None
    package, _, rest = name.removeprefix("package://").partition("/")
    above = urdf.resolve().parents
    folders = [
        *([packages[package]] if package in packages else []),
        *(folder for folder in above if folder.name == package),
        *(folder / package for folder in above),
        *(
            Path(p) / "share" / package
            for p in os.environ.get("AMENT_PREFIX_PATH", "").split(os.pathsep)
            if p
        ),
    ]
    return next((folder / rest for folder in folders if (folder / rest).is_file()), None)


def _velocity(joint: ElementTree.Element, path: Path) -> float:
    """The speed that a URDF lets a joint have; 0 where it says none [rad/s]."""
    limit = joint.find("limit")
    text = "0" if limit is None else limit.get("velocity", "0")
    try:
        return float(text)
    except ValueError:
        raise RobotError(
            f"{path}: joint {joint.get('name')!r}: velocity is {text!r}, not a number; expand a xacro before it is read"
        ) from None


def _refuse_missing(missing: list[str], path: Path) -> None:
    if missing:
        raise RobotError(f"{path} names files that are missing ({len(missing)}): {', '.join(missing)}")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise RobotError(f"no model file at {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise RobotError(f"cannot read the model file {path}: {error}") from error


def _root(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.fromstring(_text(path))
    except ElementTree.ParseError as error:
        raise RobotError(f"{path} is not XML: {error}") from error


def _same(left: Path, right: Path) -> bool:
    return left.is_file() and left.samefile(right)

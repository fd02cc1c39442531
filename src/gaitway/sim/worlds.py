"""What stands around a robot: level ground with upright boxes and cylinders on it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import mujoco
import numpy as np

from gaitway.errors import UnknownNameError
from gaitway.sim.errors import SimError

START_CLEARANCE = 0.6
"""Robots start at the origin; obstacles begin at least this far from it [m]."""
_CONTACT_FIELDS = ("contype", "conaffinity", "condim", "friction", "solref", "solimp", "margin", "gap")
_TYPES = {"box": mujoco.mjtGeom.mjGEOM_BOX, "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER}


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """An upright body that stands on the ground and never moves."""

    shape: Literal["box", "cylinder"]
    pos: tuple[float, float]
    """Middle in world frame [m]."""
    size: tuple[float, float, float]
    """Length, width and height [m]; a cylinder's length and width are both its diameter."""
    yaw: float = 0.0
    """Angle from the world's x axis to its length [rad]."""
    color: tuple[float, float, float] = (0.80, 0.42, 0.20)
    """Red, green and blue, 0 to 1."""

    def __post_init__(self) -> None:
        numbers = (*self.pos, *self.size, self.yaw, *self.color)
        if not all(math.isfinite(number) for number in numbers) or min(self.size) <= 0.0:
            raise SimError(f"an obstacle needs finite numbers and a size above 0; got {self}")
        if self.shape == "cylinder" and self.size[0] != self.size[1]:
            raise SimError(f"a cylinder's length and width are both its diameter; got {self.size[:2]}")
        if float(self.distance(np.zeros(2))) < START_CLEARANCE:
            raise SimError(
                f"the obstacle at {self.pos} comes within {START_CLEARANCE} m of the origin, where robots start"
            )

    def distance(self, points_w: np.ndarray) -> np.ndarray:
        """Horizontal distance of points from its surface, 0 inside [m]. Shapes (..., 2) and (...)."""
        offset = np.asarray(points_w)[..., :2] - np.array(self.pos)
        if self.shape == "cylinder":
            return np.maximum(np.linalg.norm(offset, axis=-1) - 0.5 * self.size[0], 0.0)
        cos, sin = math.cos(self.yaw), math.sin(self.yaw)
        along = np.abs(cos * offset[..., 0] + sin * offset[..., 1]) - 0.5 * self.size[0]
        across = np.abs(cos * offset[..., 1] - sin * offset[..., 0]) - 0.5 * self.size[1]
        return np.hypot(np.maximum(along, 0.0), np.maximum(across, 0.0))


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything that stands around a robot."""

    obstacles: tuple[Obstacle, ...] = ()

    def add_to(self, spec: mujoco.MjSpec) -> None:
        """Put the obstacles into a model, with its floor's contacts; without obstacles the model stays as it is."""
        if not self.obstacles:
            return
        floor = next(geom for geom in spec.worldbody.geoms if geom.type == mujoco.mjtGeom.mjGEOM_PLANE)
        for obstacle in self.obstacles:
            length, width, height = obstacle.size
            is_box = obstacle.shape == "box"
            geom = spec.worldbody.add_geom(
                type=_TYPES[obstacle.shape],
                pos=[*obstacle.pos, 0.5 * height],
                size=[0.5 * length, 0.5 * width, 0.5 * height]
                if is_box
                else [0.5 * length, 0.5 * height, 0.0],
                quat=[math.cos(0.5 * obstacle.yaw), 0.0, 0.0, math.sin(0.5 * obstacle.yaw)],
                rgba=[*obstacle.color, 1.0],
            )
            for name in _CONTACT_FIELDS:
                setattr(geom, name, getattr(floor, name))

    def distance(self, points_w: np.ndarray) -> np.ndarray:
        """Horizontal distance of points from the nearest obstacle [m]. Shapes (..., 2) and (...)."""
        nothing = np.full(np.asarray(points_w).shape[:-1], np.inf)
        return np.minimum.reduce([nothing, *(obstacle.distance(points_w) for obstacle in self.obstacles)])


def _wall(pos: tuple[float, float], length: float, yaw: float) -> Obstacle:
    return Obstacle(shape="box", pos=pos, size=(length, 0.1, 1.2), yaw=yaw, color=(0.55, 0.60, 0.66))


_RIGHT_ANGLE = 0.5 * math.pi
WORLDS = {
    "flat": World(),
    "obstacles": World(
        obstacles=(
            Obstacle(shape="cylinder", pos=(2.6, 0.1), size=(0.5, 0.5, 1.3)),
            Obstacle(shape="box", pos=(1.2, 2.3), size=(0.9, 0.4, 1.2), yaw=0.4, color=(0.20, 0.50, 0.35)),
            Obstacle(shape="box", pos=(0.9, -2.2), size=(0.5, 0.5, 1.2), yaw=0.8, color=(0.70, 0.20, 0.25)),
            Obstacle(shape="cylinder", pos=(-1.8, 1.2), size=(0.4, 0.4, 1.3), color=(0.25, 0.35, 0.70)),
            Obstacle(shape="box", pos=(-2.0, -1.6), size=(0.6, 0.6, 1.2), color=(0.75, 0.65, 0.20)),
            _wall((4.5, 0.0), 9.1, _RIGHT_ANGLE),
            _wall((-4.5, 0.0), 9.1, _RIGHT_ANGLE),
            _wall((0.0, 4.5), 9.1, 0.0),
            _wall((0.0, -4.5), 9.1, 0.0),
        )
    ),
}
"""Worlds by name; `obstacles` is a room of 9 m by 9 m with five obstacles."""


def get_world(name: str) -> World:
    """The world of that name.

    Args:
        name: a key of WORLDS, or a path that ends in `.toml`, a file with a table `[[obstacles]]` for each obstacle.

    Raises:
        UnknownNameError: no world is called that.
        SimError: the file cannot be used; the message names what is wrong.
    """
    if name.endswith(".toml"):
        return _read_world(Path(name))
    if name not in WORLDS:
        raise UnknownNameError("world", name, [*WORLDS, "path/to/world.toml"])
    return WORLDS[name]


def _read_world(path: Path) -> World:
    try:
        content = msgspec.toml.decode(path.read_bytes())
        unknown = [key for key in content if key != "obstacles"]
        if unknown:
            raise SimError(f"{path}: a world has only [[obstacles]]; got {', '.join(unknown)}")
        world = msgspec.convert(content, World)
    except OSError as error:
        raise SimError(f"cannot read the world {path}: {error.strerror or error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SimError(f"{path}: {error}") from error
    return world

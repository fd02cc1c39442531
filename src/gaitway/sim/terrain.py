"""Terrain: tiles of ground, from easy to hard, in one height field.

The field is a grid of square tiles. Along x lie the levels, the easiest first; along y lie the kinds of ground, each
with some tiles side by side. Every tile has a level rim at height zero, so that tiles join, and a platform in its
middle where robots start. Around the field the ground goes on, level at height zero, as an apron of boxes: wide
enough that a robot does not come to its end within an episode, without costing memory.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import mujoco
import numpy as np

from gaitway.sim.errors import SimError

Range = tuple[float, float]

MEMORY_SHARE = 0.25
"""Share of the available memory that making and holding a terrain may take."""
BYTES_PER_POINT = 40
"""Of a field while its model is compiled: double and single precision heights, and the compiler's copies."""
_RIM = 0.5
_BASE = 0.5
_FLOOR_FIELDS = (
    "contype", "conaffinity", "condim", "priority", "friction", "solmix", "solref", "solimp", "margin", "gap", "group",
    "material", "rgba",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One tile, as a kind of ground is asked to shape it."""

    depth: np.ndarray
    """Cells from each grid point to the tile's nearest edge, at most to its platform's. Shape (n + 1, n + 1), int."""
    resolution: float
    """Size of a cell [m]."""
    difficulty: float
    """From 0, the easiest level, to 1."""
    rises: bool
    """Whether the middle is to be the tile's top, else its bottom."""

    def within(self, limits: Range) -> float:
        """The value of a range (easiest, hardest) at this difficulty."""
        return limits[0] + (limits[1] - limits[0]) * self.difficulty


class Kind(Protocol):
    """A kind of ground."""

    @property
    def tiles(self) -> int:
        """Tiles side by side at each level; every other one has its middle as the bottom."""
        ...

    def heights(self, tile: Tile, rng: np.random.Generator) -> np.ndarray:
        """Heights of a tile, zero at its edges [m]. Shape (n + 1, n + 1)."""
        ...


@dataclass(frozen=True, kw_only=True)
class Flat:
    """Level ground."""

    tiles: int = 1

    def heights(self, tile: Tile, rng: np.random.Generator) -> np.ndarray:
        """Zero everywhere."""
        return np.zeros(tile.depth.shape)


@dataclass(frozen=True, kw_only=True)
class Rough:
    """Uneven ground: heights drawn on a coarse grid, linear in between."""

    tiles: int = 2
    amplitude: Range = (0.0, 0.05)
    """Largest distance from zero at the easiest and the hardest level [m]."""
    spacing: float = 0.25
    """Distance of the points of the coarse grid [m]."""

    def heights(self, tile: Tile, rng: np.random.Generator) -> np.ndarray:
        """Uniform noise that fades out towards the edges."""
        along = np.arange(len(tile.depth)) * tile.resolution / self.spacing
        coarse = rng.uniform(-1.0, 1.0, (math.ceil(along[-1]) + 1,) * 2)
        knots = np.arange(len(coarse))
        rows = np.stack([np.interp(along, knots, column) for column in coarse.T], axis=1)
        noise = np.stack([np.interp(along, knots, row) for row in rows])
        fade = np.minimum(tile.depth * tile.resolution / _RIM, 1.0)
        return tile.within(self.amplitude) * fade * noise


@dataclass(frozen=True, kw_only=True)
class Slopes:
    """Pyramids and pits with straight sides."""

    tiles: int = 2
    angle: Range = (0.02, 0.3)
    """Slope of the sides at the easiest and the hardest level [rad]."""

    def heights(self, tile: Tile, rng: np.random.Generator) -> np.ndarray:
        """A height that grows with the distance from the edge."""
        slope = math.tan(tile.within(self.angle))
        return (slope if tile.rises else -slope) * tile.resolution * tile.depth


@dataclass(frozen=True, kw_only=True)
class Stairs:
    """Pyramids and pits with stepped sides; a riser is as steep as the resolution lets it be."""

    tiles: int = 2
    rise: Range = (0.01, 0.1)
    """Height of a step at the easiest and the hardest level [m]."""
    tread: float = 0.3
    """Depth of a step [m]."""

    def heights(self, tile: Tile, rng: np.random.Generator) -> np.ndarray:
        """A height that grows step by step with the distance from the edge."""
        rise = tile.within(self.rise)
        return (rise if tile.rises else -rise) * (tile.depth // max(1, round(self.tread / tile.resolution)))


@dataclass(frozen=True, kw_only=True)
class TerrainConfig:
    """What ground to make."""

    kinds: tuple[Kind, ...] = field(default_factory=lambda: (Flat(), Rough(), Slopes(), Stairs()))
    """The kinds of ground, along y."""
    levels: int = 10
    """Levels of difficulty, along x."""
    tile_size: float = 8.0
    """Side of a tile [m]."""
    platform: float = 2.0
    """Side of the platform in the middle of a tile [m]."""
    resolution: float = 0.05
    """Distance of two points of the field [m]."""
    apron: float = 25.0
    """Width of the level ground around the field [m]."""

    def __post_init__(self) -> None:
        lengths = (self.tile_size, self.platform, self.resolution, self.apron)
        if self.levels < 1 or self.columns < 1 or not all(0.0 < length < math.inf for length in lengths):
            raise SimError(
                "a terrain needs at least one level and one tile, and tile_size, platform, resolution and apron above "
                f"0; got {self.levels} levels, {self.columns} tiles and {', '.join(f'{x:g}' for x in lengths)} m"
            )
        if self.cells * self.resolution <= self.platform or not self.resolution <= 0.5 * self.platform:
            raise SimError(
                f"a terrain's tiles must be larger than their platforms, and those at least two cells wide; got tiles "
                f"of {self.tile_size:g} m, platforms of {self.platform:g} m and cells of {self.resolution:g} m"
            )

    @property
    def columns(self) -> int:
        """Tiles of one level."""
        return sum(kind.tiles for kind in self.kinds)

    @property
    def cells(self) -> int:
        """Cells along the side of a tile."""
        return round(self.tile_size / self.resolution)

    @property
    def shape(self) -> tuple[int, int]:
        """Points of the field along y and x, the order MuJoCo keeps them in."""
        return self.columns * self.cells + 1, self.levels * self.cells + 1

    @property
    def memory_bytes(self) -> int:
        """An estimate of what making the terrain and its model takes."""
        return BYTES_PER_POINT * self.shape[0] * self.shape[1]


class Terrain:
    """A generated terrain, its field's middle at the world's origin.

    Attributes:
        config: what it was made from.
        field: heights as MuJoCo holds them, from 0 at the lowest to 1 at the highest. Shape `config.shape`, float32.
        lowest: height of the lowest point [m].
        extent: height of the highest point above the lowest [m].
        origins: middle of each tile in world frame, x and y [m]. Shape (levels, columns, 2).
    """

    def __init__(self, config: TerrainConfig, rng: np.random.Generator, memory_limit: int | None = None):
        """Generate a terrain.

        Args:
            config: what ground to make.
            rng: source of what is drawn; the same state gives the same field.
            memory_limit: bytes that it may take; default MEMORY_SHARE of the available memory.

        Raises:
            SimError: it would take more; nothing has been allocated.
        """
        _check_memory(config, memory_limit)
        self.config = config
        heights = _generate(config, rng)
        self.lowest = float(heights.min())
        self.extent = float(heights.max()) - self.lowest or 1.0  # MuJoCo wants a volume of level ground too
        self.field = ((heights - self.lowest) / self.extent).astype(np.float32)
        rows, columns = np.meshgrid(np.arange(config.levels), np.arange(config.columns), indexing="ij")
        side = config.cells * config.resolution
        self.origins = (np.stack([rows, columns], axis=-1) + 0.5) * side - self.half_size

    @property
    def half_size(self) -> np.ndarray:
        """Half the field's length along x and y [m]. Shape (2,)."""
        rows, columns = self.config.shape
        return 0.5 * self.config.resolution * np.array([columns - 1.0, rows - 1.0])

    def row(self, level: np.ndarray) -> np.ndarray:
        """The row of `origins` for a place in a curriculum, 0 to 1. Shapes (n,)."""
        return np.rint(level * (self.config.levels - 1)).astype(np.int64)

    def height(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Height of the ground, exactly as MuJoCo's triangles have it; zero outside the field.

        Each cell is cut from its corner of lowest x and y to the opposite one.

        Args:
            x: in world frame [m]. Any shape.
            y: in world frame [m]. The same shape.

        Returns:
            Heights in world frame [m]. The same shape.
        """
        row, column, along_y, along_x = self._locate(x, y)
        near, far = self._at(row, column), self._at(row + 1, column + 1)
        across = np.where(along_x >= along_y, self._at(row, column + 1), self._at(row + 1, column))
        longer, shorter = np.maximum(along_x, along_y), np.minimum(along_x, along_y)
        return near + longer * (across - near) + shorter * (far - across)

    def highest(self, x: np.ndarray, y: np.ndarray, radius: float) -> np.ndarray:
        """Height of the highest point of all cells that a square of half side `radius` [m] touches.

        Args:
            x: middle of the square in world frame [m]. Any shape.
            y: in world frame [m]. The same shape.
            radius: half of the square's side [m].

        Returns:
            Heights in world frame [m]. The same shape.
        """
        row, column, _, _ = self._locate(x - radius, y - radius)
        reach = math.floor(2.0 * radius / self.config.resolution) + 3
        rows, columns = self.config.shape
        return np.max(
            [
                self._at(np.minimum(row + i, rows - 1), np.minimum(column + j, columns - 1))
                for i in range(reach)
                for j in range(reach)
            ],
            axis=0,
        )

    def contains(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        """Whether points are on the ground, field or apron, half a metre from its end or more. Any shape, bool."""
        limit = self.half_size + self.config.apron - _RIM
        return (np.abs(x) < limit[0]) & (np.abs(y) < limit[1])

    def add_to(self, spec: mujoco.MjSpec) -> None:
        """Put the terrain into a model in place of its floor plane, with the floor's contacts and material."""
        floor = next(geom for geom in spec.worldbody.geoms if geom.type == mujoco.mjtGeom.mjGEOM_PLANE)
        rows, columns = self.config.shape
        spec.add_hfield(
            name="terrain", nrow=rows, ncol=columns, userdata=self.field.ravel(),
            size=[*self.half_size, self.extent, _BASE],
        )  # fmt: skip
        floor.type = mujoco.mjtGeom.mjGEOM_HFIELD
        floor.hfieldname = "terrain"
        floor.pos = [0.0, 0.0, self.lowest]
        half, width = self.half_size, 0.5 * self.config.apron
        for side in (-1.0, 1.0):
            for pos, size in (
                ((side * (half[0] + width), 0.0), (width, half[1] + 2.0 * width)),
                ((0.0, side * (half[1] + width)), (half[0], width)),
            ):
                apron = spec.worldbody.add_geom(
                    type=mujoco.mjtGeom.mjGEOM_BOX, pos=[*pos, -0.5 * _BASE], size=[*size, 0.5 * _BASE]
                )
                for name in _FLOOR_FIELDS:
                    setattr(apron, name, getattr(floor, name))

    def _locate(self, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """The cells (row, column) that hold points, and the points' places in them, 0 to 1 along y and x.

        A point outside is taken to the field's edge, which is at height zero as all around is; so is one that is
        not finite, whose robot has diverged.
        """
        rows, columns = self.config.shape
        v = np.fmin(np.fmax((y + self.half_size[1]) / self.config.resolution, 0.0), rows - 1.0)
        u = np.fmin(np.fmax((x + self.half_size[0]) / self.config.resolution, 0.0), columns - 1.0)
        row = np.minimum(v.astype(np.int64), rows - 2)
        column = np.minimum(u.astype(np.int64), columns - 2)
        return row, column, v - row, u - column

    def _at(self, row: np.ndarray, column: np.ndarray) -> np.ndarray:
        """Heights of the field's points in world frame [m]."""
        return self.lowest + self.extent * self.field[row, column].astype(np.float64)


def _generate(config: TerrainConfig, rng: np.random.Generator) -> np.ndarray:
    """Heights of the whole field [m]. Shape `config.shape`."""
    n = config.cells
    edge = np.minimum(np.arange(n + 1), n - np.arange(n + 1))
    to_platform = round(0.5 * (n - config.platform / config.resolution))
    depth = np.minimum(np.minimum(edge[:, None], edge), to_platform)
    heights = np.zeros(config.shape)
    column = 0
    for kind in config.kinds:
        for tile_of_kind in range(kind.tiles):
            for level in range(config.levels):
                tile = Tile(
                    depth=depth,
                    resolution=config.resolution,
                    difficulty=level / max(1, config.levels - 1),
                    rises=tile_of_kind % 2 == 0,
                )
                y, x = column * n, level * n
                heights[y : y + n + 1, x : x + n + 1] = kind.heights(tile, rng)
            column += 1
    return heights


def _check_memory(config: TerrainConfig, memory_limit: int | None) -> None:
    limit = int(MEMORY_SHARE * _available_memory()) if memory_limit is None else memory_limit
    if config.memory_bytes > limit:
        rows, columns = config.shape
        raise SimError(
            f"the terrain has {columns} x {rows} points and takes about {config.memory_bytes / 2**20:,.0f} MiB; at most "
            f"{limit / 2**20:,.0f} MiB may be taken; make the resolution ({config.resolution:g} m) coarser, or levels "
            f"({config.levels}), tiles per kind ({config.columns} in all) or tile_size ({config.tile_size:g} m) smaller"
        )


def _available_memory() -> int:
    """Memory that can be had without swapping, where the system says so; else a modest guess [bytes]."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 4 * 2**30
    values = {name: value for name, _, value in (line.partition(":") for line in lines)}
    return 1024 * int(values["MemAvailable"].split()[0])

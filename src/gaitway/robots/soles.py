"""What a robot stands on: its foot geoms, and the height at which they touch the ground."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import mujoco
import numpy as np

from gaitway.errors import UnknownNameError
from gaitway.robots.robot import RobotError

_SAME_HEIGHT = 0.02
"""A body is taken for a foot if a geom of it comes this near to the lowest of all [m]."""
_GEOM = mujoco.mjtGeom


def foot_geoms(model: mujoco.MjModel, data: mujoco.MjData, feet: Sequence[str]) -> list[str]:
    """Names of the geoms that the robot stands on, those of the left foot first.

    Args:
        model: the robot's model; every geom has a name.
        data: at the home pose.
        feet: bodies, all of whose collision geoms count, or geoms; empty for the bodies that reach lowest.

    Raises:
        UnknownNameError: the model has no such body or geom.
        RobotError: a body or geom cannot touch the ground.
    """
    solid = [g for g in range(model.ngeom) if _collides(model, g) and model.geom_bodyid[g] != 0]
    if feet:
        chosen = [geom for name in feet for geom in _named(model, name, solid)]
    else:
        height = {g: lowest_point(model, data, g) for g in solid}
        if not height:
            raise RobotError("the model has no geom that can touch the ground")
        bodies = {model.geom_bodyid[g] for g in solid if height[g] < min(height.values()) + _SAME_HEIGHT}
        chosen = [g for g in solid if model.geom_bodyid[g] in bodies]
    chosen.sort(key=lambda g: -data.xpos[model.geom_bodyid[g], 1])
    return [model.geom(g).name for g in dict.fromkeys(chosen)]


def sole_height(model: mujoco.MjModel, data: mujoco.MjData, geoms: Sequence[str]) -> float:
    """Height of the lowest point of some geoms in world frame [m]."""
    return min(lowest_point(model, data, model.geom(name).id) for name in geoms)


def lowest_point(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> float:
    """Height of a geom's lowest point in world frame [m]."""
    up = data.geom_xmat[geom].reshape(3, 3)[2]
    return float(data.geom_xpos[geom, 2] - reach_down(model, geom)(up))


def reach_down(model: mujoco.MjModel, geom: int) -> Callable[[np.ndarray], np.ndarray]:
    """How far below its centre a geom reaches [m], shape (...), from the vertical in its frame, shape (..., 3).

    Raises:
        RobotError: the geom is of a kind that no foot can be.
    """
    size, kind = model.geom_size[geom].copy(), model.geom_type[geom]
    if kind == _GEOM.mjGEOM_SPHERE:
        return lambda up: size[0]
    if kind == _GEOM.mjGEOM_CAPSULE:
        return lambda up: size[0] + size[1] * np.abs(up[..., 2])
    if kind == _GEOM.mjGEOM_CYLINDER:
        return lambda up: size[0] * np.hypot(up[..., 0], up[..., 1]) + size[1] * np.abs(up[..., 2])
    if kind == _GEOM.mjGEOM_ELLIPSOID:
        return lambda up: np.linalg.norm(size * up, axis=-1)
    if kind == _GEOM.mjGEOM_BOX:
        return lambda up: np.abs(up) @ size
    if kind == _GEOM.mjGEOM_MESH:
        mesh = model.geom_dataid[geom]
        first = model.mesh_vertadr[mesh]
        vertices = model.mesh_vert[first : first + model.mesh_vertnum[mesh]].copy()
        return lambda up: -(up @ vertices.T).min(axis=-1)
    raise RobotError(f"geom {model.geom(geom).name!r} is of a kind that no foot can be: {_GEOM(kind).name}")


def _collides(model: mujoco.MjModel, geom: int) -> bool:
    return bool(model.geom_contype[geom] or model.geom_conaffinity[geom])


def _named(model: mujoco.MjModel, name: str, solid: Sequence[int]) -> list[int]:
    """The collision geoms of the body of that name, or the geom of that name."""
    bodies = {model.body(b).name: b for b in range(1, model.nbody)}
    geoms = {model.geom(g).name: g for g in range(model.ngeom) if model.geom_bodyid[g] != 0}
    if name in bodies:
        found = [g for g in solid if model.geom_bodyid[g] == bodies[name]]
        if not found:
            solid_bodies = sorted({model.body(model.geom_bodyid[g]).name for g in solid})
            raise RobotError(
                f"foot {name!r} is a body without collision geoms; bodies with some: {', '.join(solid_bodies)}"
            )
        return found
    if name not in geoms:
        raise UnknownNameError("foot (a body or a geom)", name, {*bodies, *geoms})
    if geoms[name] not in solid:
        raise RobotError(f"foot {name!r} is a geom that collides with nothing: contype and conaffinity are 0")
    return [geoms[name]]

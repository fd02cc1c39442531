"""Rotations by unit quaternions wxyz, on any array library.

`quat` turns vectors from the frame it is the orientation of into the frame it is given in: with
`base_quat_w` the orientation of the base in the world, `rotate(base_quat_w, v_b)` is `v_w`. One rotation or
vector for all may also be given as a tuple of floats, which is the same to the last bit and spares what small arrays
cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from array_api_compat import array_namespace

Array = Any
"""An array of any library that array-api-compat knows; for one robot also a tuple of floats."""

_IDENTITY = (1.0, 0.0, 0.0, 0.0)


def rotate(quat: Array, vector: Array) -> Array:
    """Rotate vectors: q v q*, by the Euler-Rodrigues formula v + 2 w (u x v) + 2 u x (u x v).

    Args:
        quat: unit quaternions wxyz. Shape (..., 4).
        vector: vectors. Shape (..., 3).

    Returns:
        The rotated vectors, a tuple where both are one. Shape (..., 3).
    """
    if isinstance(quat, tuple) and quat == _IDENTITY:
        return vector
    w, x, y, z = _components(quat)
    a, b, c = _components(vector)
    tx, ty, tz = 2.0 * (y * c - z * b), 2.0 * (z * a - x * c), 2.0 * (x * b - y * a)  # 2 u x v
    rotated = (a + w * tx + y * tz - z * ty, b + w * ty + z * tx - x * tz, c + w * tz + x * ty - y * tx)
    return _joined(rotated, quat, vector)


def conjugate(quat: Array) -> Array:
    """The inverse rotation of unit quaternions wxyz. Shape (..., 4)."""
    if isinstance(quat, tuple):
        w, x, y, z = quat
        return w, -x, -y, -z
    xp = array_namespace(quat)
    return xp.concat([quat[..., :1], -quat[..., 1:]], axis=-1)


def multiply(left: Array, right: Array) -> Array:
    """Hamilton product: the rotation `right` followed by `left`. Shapes (..., 4)."""
    if isinstance(right, tuple) and right == _IDENTITY:
        return left
    a, b, c, d = _components(left)
    w, x, y, z = _components(right)
    product = (
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    )
    return _joined(product, left, right)


def yaw(quat: Array) -> Array:
    """Heading of unit quaternions wxyz: the angle of the turned x axis in the plane [rad]. Shape (...,)."""
    xp = array_namespace(quat)
    w, x, y, z = _components(quat)
    return xp.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def about_z(vector: Array, angle: Array) -> Array:
    """Vectors (..., 3) turned about the z axis by angles (...,) [rad]."""
    xp = array_namespace(vector, angle)
    cos, sin = xp.cos(angle), xp.sin(angle)
    x, y, z = _components(vector)
    return xp.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)


def _components(array: Array) -> Sequence[Array]:
    return array if isinstance(array, tuple) else [array[..., i] for i in range(array.shape[-1])]


def _joined(components: tuple[Array, ...], *operands: Array) -> Array:
    arrays = [operand for operand in operands if not isinstance(operand, tuple)]
    return array_namespace(*arrays).stack(components, axis=-1) if arrays else components

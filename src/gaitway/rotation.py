"""Rotations by unit quaternions wxyz, on any array library.

`quat` turns vectors from the frame it is the orientation of into the frame it is given in: with
`base_quat_w` the orientation of the base in the world, `rotate(base_quat_w, v_b)` is `v_w`.
"""

from __future__ import annotations

from typing import Any

from array_api_compat import array_namespace

Array = Any
"""An array of any library that array-api-compat knows."""


def rotate(quat: Array, vector: Array) -> Array:
    """Rotate vectors: q v q*, by the Euler-Rodrigues formula v + 2 w (u x v) + 2 u x (u x v).

    Args:
        quat: unit quaternions wxyz. Shape (..., 4).
        vector: vectors. Shape (..., 3).

    Returns:
        The rotated vectors. Shape (..., 3).
    """
    xp = array_namespace(quat, vector)
    w, u = quat[..., :1], quat[..., 1:]
    uv = _cross(u, vector, xp)
    return vector + 2.0 * (w * uv + _cross(u, uv, xp))


def conjugate(quat: Array) -> Array:
    """The inverse rotation of unit quaternions wxyz. Shape (..., 4)."""
    xp = array_namespace(quat)
    return xp.concat([quat[..., :1], -quat[..., 1:]], axis=-1)


def multiply(left: Array, right: Array) -> Array:
    """Hamilton product: the rotation `right` followed by `left`. Shapes (..., 4)."""
    xp = array_namespace(left, right)
    lw, lv = left[..., :1], left[..., 1:]
    rw, rv = right[..., :1], right[..., 1:]
    w = lw * rw - xp.sum(lv * rv, axis=-1, keepdims=True)
    return xp.concat([w, lw * rv + rw * lv + _cross(lv, rv, xp)], axis=-1)


def yaw(quat: Array) -> Array:
    """Heading of unit quaternions wxyz: the angle of the turned x axis in the plane [rad]. Shape (...,)."""
    xp = array_namespace(quat)
    w, x, y, z = quat[..., 0], quat[..., 1], quat[..., 2], quat[..., 3]
    return xp.atan2(2.0 * (w * z + x * y), 1.0 - 2.0 * (y * y + z * z))


def about_z(vector: Array, angle: Array) -> Array:
    """Vectors (..., 3) turned about the z axis by angles (...,) [rad]."""
    xp = array_namespace(vector, angle)
    cos, sin = xp.cos(angle), xp.sin(angle)
    x, y, z = vector[..., 0], vector[..., 1], vector[..., 2]
    return xp.stack([cos * x - sin * y, sin * x + cos * y, z], axis=-1)


def _cross(a: Array, b: Array, xp: Any) -> Array:
    ax, ay, az = a[..., 0], a[..., 1], a[..., 2]
    bx, by, bz = b[..., 0], b[..., 1], b[..., 2]
    return xp.stack([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx], axis=-1)

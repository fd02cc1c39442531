"""How high a robot's base is above its feet, from joints and orientation alone. Needs MuJoCo (the extra `sim`).

Only heights are asked for, so nothing but the vertical is carried down the legs, all legs at once: turned from a frame
into the next one and multiplied with what lies between. That is exact, and the same arithmetic for one robot and many.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import mujoco
import numpy as np

from gaitway.robots.model_spec import model_spec
from gaitway.robots.robot import Robot
from gaitway.robots.soles import reach_down


@dataclass(frozen=True, eq=False)
class _Segment:
    """From one frame to the next one down a leg, which turns with a hinge where there is one."""

    parent: _Segment | None
    """None for the base."""
    depth: int
    """How many segments lie above it."""
    joint: int
    """Place of the hinge in the robot's joints; without one any, since it turns nothing."""
    carry: np.ndarray
    """What the vertical in the parent's frame is multiplied with. Its columns give the height between the frames, the
    part of the turned vertical that is constant, and those that go with cosine and sine of the angle. Shape (3, 10)."""
    anchor: np.ndarray
    """Where the hinge is in the frame that it turns [m]. Shape (3,)."""


class _Level:
    """The segments of one depth, which are passed together."""

    def __init__(self, segments: list[_Segment], above: list[_Segment]):
        parents = [above.index(segment.parent) if segment.parent else 0 for segment in segments]
        self.parents = None if parents == list(range(len(above) or 1)) else np.array(parents)
        """Where each one's parent is on the level above; None where each has its own there, in the same order."""
        self.joints = [segment.joint for segment in segments]
        self.carry = np.stack([segment.carry for segment in segments])
        anchors = np.stack([segment.anchor for segment in segments])[:, :, None]
        self.anchors = anchors if anchors.any() else None


class _Soles:
    """The geoms on segments of one depth that the robot stands on."""

    def __init__(self, model: mujoco.MjModel, geoms: list[int], segments: list[int]):
        self._segments = np.array(segments)
        self._carry = np.stack(
            [np.column_stack([model.geom_pos[geom], _matrix(model.geom_quat[geom])]) for geom in geoms]
        )
        round_ = [model.geom_type[geom] == mujoco.mjtGeom.mjGEOM_SPHERE for geom in geoms]
        self._radius = np.where(round_, model.geom_size[geoms, 0], 0.0)[:, None]
        self._reach = {
            i: reach_down(model, geom)
            for i, (geom, is_round) in enumerate(zip(geoms, round_, strict=True))
            if not is_round
        }

    def lowest(self, up: np.ndarray, height: np.ndarray) -> np.ndarray:
        """The lowest point under each robot's base [m], from frames of shapes (segments, n, 3), (segments, n)."""
        carried = up[self._segments] @ self._carry
        bottom = height[self._segments] + carried[..., 0] - self._radius
        for i, reach in self._reach.items():
            bottom[i] -= reach(carried[i, :, 1:])
        return bottom.min(axis=0)


class FootHeight:
    """Height of the base's origin above the lowest point of the feet [m].

    Where a foot stands on level ground, that is the height above the ground.
    """

    def __init__(self, robot: Robot):
        model = model_spec(robot).compile()
        joints = {model.joint(name).id: i for i, name in enumerate(robot.joint_names)}
        self._zero = np.array([model.qpos0[model.joint(name).qposadr[0]] for name in robot.joint_names])
        segments: list[_Segment] = []
        last: dict[int, _Segment | None] = {
            int(model.jnt_bodyid[0]): None
        }  # the one that ends in a body's frame
        geoms = [model.geom(name).id for name in robot.foot_geoms]
        for geom in geoms:
            _add(model, int(model.geom_bodyid[geom]), joints, segments, last)
        depths = sorted({segment.depth for segment in segments})
        levels = [[segment for segment in segments if segment.depth == depth] for depth in depths]
        self._levels = [_Level(level, above) for level, above in zip(levels, [[], *levels], strict=False)]
        self._joints = np.array([joint for level in self._levels for joint in level.joints], dtype=int)
        self._soles: list[_Soles | None] = []
        for level in [[None], *levels]:
            there = [(geom, last[int(model.geom_bodyid[geom])]) for geom in geoms]
            found = [(geom, level.index(segment)) for geom, segment in there if segment in level]
            self._soles.append(_Soles(model, *map(list, zip(*found, strict=True))) if found else None)

    def __call__(self, joint_pos: np.ndarray, base_quat_w: np.ndarray) -> np.ndarray:
        """The height of each robot.

        Args:
            joint_pos: in the order of `robot.joint_names` [rad]. Shape (..., num_joints).
            base_quat_w: orientation of the base in world frame, wxyz. Shape (..., 4).

        Returns:
            [m] Shape (...).
        """
        w, x, y, z = base_quat_w.reshape(-1, 4).T
        angle = (joint_pos.reshape(len(w), -1) - self._zero).T[self._joints, :, None]
        cos, sin = np.cos(angle), np.sin(angle)
        up = np.stack([2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)], axis=-1)[
            None
        ]
        height = np.zeros(up.shape[:2])
        lowest = [self._soles[0].lowest(up, height)] if self._soles[0] else []
        first = 0
        for level, soles in zip(self._levels, self._soles[1:], strict=True):
            here = slice(first, first := first + len(level.joints))
            if level.parents is not None:
                up, height = up[level.parents], height[level.parents]
            carried = up @ level.carry
            height = height + carried[..., 0]
            up = carried[..., 1:4] + cos[here] * carried[..., 4:7] + sin[here] * carried[..., 7:]
            if level.anchors is not None:
                height = height - (up @ level.anchors)[..., 0]
            if soles is not None:
                lowest.append(soles.lowest(up, height))
        return -functools.reduce(np.minimum, lowest).reshape(base_quat_w.shape[:-1])


def _add(
    model: mujoco.MjModel,
    body: int,
    joints: dict[int, int],
    segments: list[_Segment],
    last: dict[int, _Segment | None],
) -> _Segment | None:
    """Add the segments down to a body's frame that are not there yet; returns the last one."""
    if body in last:
        return last[body]
    segment = _add(model, int(model.body_parentid[body]), joints, segments, last)
    offset, fixed = model.body_pos[body].copy(), _matrix(model.body_quat[body])
    first, count = int(model.body_jntadr[body]), int(model.body_jntnum[body])
    for joint in range(first, first + max(count, 1)):
        anchor, turns, place = np.zeros(3), np.hstack([np.eye(3), np.zeros((3, 6))]), 0
        if count:  # several hinges of a body each turn what those before have turned
            anchor, axis, place = model.jnt_pos[joint].copy(), model.jnt_axis[joint], joints[joint]
            along = np.outer(axis, axis)
            turns = np.hstack([along, np.eye(3) - along, np.cross(np.eye(3), axis)])  # Rodrigues' formula
        carry = np.column_stack([offset + fixed @ anchor, fixed @ turns])
        segment = _Segment(segment, segment.depth + 1 if segment else 0, place, carry, anchor)
        segments.append(segment)
        offset, fixed = np.zeros(3), np.eye(3)
    last[body] = segment
    return segment


def _matrix(quat: np.ndarray) -> np.ndarray:
    """The rotation matrix of a quaternion wxyz. Shape (3, 3)."""
    matrix = np.zeros(9)
    mujoco.mju_quat2Mat(matrix, quat)
    return matrix.reshape(3, 3)

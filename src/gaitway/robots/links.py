"""A robot's links and how each sits on its parent, the tree that ROS calls its frames. Needs MuJoCo."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gaitway import rotation
from gaitway.robots.model_spec import model_spec
from gaitway.robots.robot import Robot

Vector = tuple[float, ...]

_ORIGIN, _UPRIGHT = (0.0, 0.0, 0.0), (1.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True)
class Link:
    """One frame of a robot.

    Most links are the bodies of the model, by name. A body with several joints, or with one that is not at its origin,
    has a link `BODY/JOINT` without mass for each of them.
    """

    name: str
    parent: str
    pos: Vector = _ORIGIN
    """Origin in the parent's frame [m]. Shape (3,)."""
    quat: Vector = _UPRIGHT
    """Orientation in the parent's frame where the joint is at zero, unit quaternion wxyz."""
    joint: str | None = None
    """Hinge that turns it; None for a link that is fixed to its parent."""
    axis: Vector = _ORIGIN
    """Of the joint, in the link's frame; a unit vector."""


class LinkTree:
    """Every link of a robot but its base, parents before children, and where joint positions put them.

    Attributes:
        robot: whose links they are.
        model: as it is simulated, without actuators.
        base: name of the body that floats.
        links: all others.
    """

    def __init__(self, robot: Robot):
        """Read the links of `robot`.

        Raises:
            RobotError: MuJoCo does not take its model.
        """
        self.robot = robot
        self.model = model = model_spec(robot).compile()
        base = model.body_rootid[model.jnt_bodyid[model.joint(robot.joint_names[0]).id]]
        self.base = model.body(base).name
        bodies = [body for body in range(base + 1, model.nbody) if model.body_rootid[body] == base]
        self.links = tuple(link for body in bodies for link in self._of_body(body))
        self.moving = tuple(link for link in self.links if link.joint is not None)
        self._order = [robot.joint_names.index(str(link.joint)) for link in self.moving]
        self._quat = np.array([link.quat for link in self.moving])
        self._axis = np.array([link.axis for link in self.moving])

    def turned(self, joint_pos: np.ndarray) -> np.ndarray:
        """Orientations of the moving links in their parents' frames.

        Args:
            joint_pos: in the order of `robot.joint_names` [rad]. Shape (num_joints,).

        Returns:
            Unit quaternions wxyz, in the order of `moving`. Shape (moving, 4).
        """
        angle = np.asarray(joint_pos, dtype=float)[self._order, None]
        return rotation.multiply(self._quat, _about(self._axis, angle))

    def _of_body(self, body: int) -> Iterator[Link]:
        model = self.model
        name, parent = model.body(body).name, model.body(model.body_parentid[body]).name
        pos, quat = model.body_pos[body], model.body_quat[body]
        first = model.body_jntadr[body]
        joints = range(first, first + model.body_jntnum[body])
        anchors = [model.jnt_pos[joint] for joint in joints]
        pos = pos + rotation.rotate(quat, anchors[0]) if joints else pos
        for i, joint in enumerate(joints):
            whole = joint == joints[-1] and not anchors[i].any()
            link = name if whole else f"{name}/{model.joint(joint).name}"
            yield Link(
                name=link,
                parent=parent,
                pos=tuple(pos.tolist()),
                quat=tuple(rotation.multiply(quat, self._to_zero(joint)).tolist()),
                joint=model.joint(joint).name,
                axis=tuple(model.jnt_axis[joint].tolist()),
            )
            if whole:
                return
            after = anchors[i + 1] if i + 1 < len(joints) else np.zeros(3)
            parent, pos, quat = link, after - anchors[i], np.array(_UPRIGHT)
        yield Link(name=name, parent=parent, pos=tuple(pos.tolist()), quat=tuple(quat.tolist()))

    def _to_zero(self, joint: int) -> np.ndarray:
        """From where the model has a joint at first to where it is at zero, a quaternion."""
        first = self.model.qpos0[self.model.jnt_qposadr[joint], None]
        return _about(self.model.jnt_axis[joint], -first)


def _about(axis: np.ndarray, angle: np.ndarray) -> np.ndarray:
    """Turns about unit axes (..., 3) by angles (..., 1) [rad] as quaternions wxyz (..., 4)."""
    return np.concatenate([np.cos(0.5 * angle), np.sin(0.5 * angle) * axis], axis=-1)

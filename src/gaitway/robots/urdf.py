"""A robot as URDF, for the tools of ROS that draw robots or reckon with them. Needs MuJoCo and SciPy."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from xml.etree import ElementTree
from xml.etree.ElementTree import Element, SubElement

import mujoco
import numpy as np
from scipy.spatial.transform import Rotation

from gaitway.robots.links import Link, LinkTree
from gaitway.robots.robot import Robot

_Geom = mujoco.mjtGeom
_VISIBLE_GROUPS = 3
"""Geoms of the groups 0 to 2 are what MuJoCo's own viewer shows at first."""


def urdf(tree: LinkTree) -> str:
    """The URDF of a robot: its own text where that is one, else written from its model.

    Links, joints, masses and limits are those of the simulated model. Of shapes URDF has boxes, cylinders and spheres:
    a capsule becomes three of them, an ellipsoid the box about it, and a mesh is left out, since a topic
    carries no files.
    """
    robot, model = tree.robot, tree.model
    if ElementTree.fromstring(robot.mjcf).tag == "robot":
        return robot.mjcf
    root = Element("robot", name=robot.name)
    bodies = {model.body(body).name: body for body in range(1, model.nbody)}
    for name in (tree.base, *(link.name for link in tree.links)):
        element = SubElement(root, "link", name=name)
        if name in bodies:
            _fill_link(element, model, bodies[name])
    for link in tree.links:
        root.append(_joint(link, robot))
    ElementTree.indent(root)
    return ElementTree.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _fill_link(element: Element, model: mujoco.MjModel, body: int) -> None:
    if model.body_mass[body] > 0.0:
        inertial = SubElement(element, "inertial")
        inertial.append(_origin(model.body_ipos[body], model.body_iquat[body]))
        SubElement(inertial, "mass", value=_text(model.body_mass[body]))
        xx, yy, zz = model.body_inertia[body]
        SubElement(
            inertial, "inertia", ixx=_text(xx), iyy=_text(yy), izz=_text(zz), ixy="0", ixz="0", iyz="0"
        )
    first = model.body_geomadr[body]
    for geom in range(first, first + model.body_geomnum[body]):
        shapes = list(_shapes(model, geom))
        if model.geom_group[geom] < _VISIBLE_GROUPS and _color(model, geom)[3] > 0.0:
            for origin, shape in shapes:
                visual = SubElement(element, "visual")
                visual.append(origin)
                SubElement(visual, "geometry").append(shape)
                material = SubElement(visual, "material", name=f"geom {geom}")
                SubElement(material, "color", rgba=_text(*_color(model, geom)))
        if model.geom_contype[geom] or model.geom_conaffinity[geom]:
            for origin, shape in shapes:
                collision = SubElement(element, "collision")
                collision.append(origin)
                SubElement(collision, "geometry").append(shape)


def _shapes(model: mujoco.MjModel, geom: int) -> Iterator[tuple[Element, Element]]:
    """A geom as shapes of URDF, each with its origin."""
    kind, size = _Geom(model.geom_type[geom]), model.geom_size[geom]
    pos, quat = model.geom_pos[geom], model.geom_quat[geom]
    if kind in (_Geom.mjGEOM_BOX, _Geom.mjGEOM_ELLIPSOID):
        yield _origin(pos, quat), Element("box", size=_text(*(2.0 * size)))
    elif kind == _Geom.mjGEOM_SPHERE:
        yield _origin(pos, quat), Element("sphere", radius=_text(size[0]))
    elif kind in (_Geom.mjGEOM_CYLINDER, _Geom.mjGEOM_CAPSULE):
        yield _origin(pos, quat), Element("cylinder", radius=_text(size[0]), length=_text(2.0 * size[1]))
    if kind == _Geom.mjGEOM_CAPSULE:
        along = _rotation(quat).apply([0.0, 0.0, size[1]])
        for end in (pos - along, pos + along):
            yield _origin(end, quat), Element("sphere", radius=_text(size[0]))


def _joint(link: Link, robot: Robot) -> Element:
    if link.joint is None:
        joint = Element("joint", name=f"{link.name} fixed", type="fixed")
    else:
        joint = Element("joint", name=link.joint, type="revolute")
    joint.append(_origin(link.pos, link.quat))
    SubElement(joint, "parent", link=link.parent)
    SubElement(joint, "child", link=link.name)
    if link.joint is not None:
        i = robot.joint_names.index(link.joint)
        lower, upper = robot.position_limit[i]
        SubElement(joint, "axis", xyz=_text(*link.axis))
        SubElement(
            joint, "limit", lower=_text(lower), upper=_text(upper), effort=_text(robot.effort_limit[i]),
            velocity=_text(robot.velocity_limit[i]),
        )  # fmt: skip
    return joint


def _origin(pos: np.ndarray | tuple[float, ...], quat: np.ndarray | tuple[float, ...]) -> Element:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # at a pitch of a right angle roll and yaw are one
        roll_pitch_yaw = _rotation(quat).as_euler("xyz")
    return Element("origin", xyz=_text(*pos), rpy=_text(*roll_pitch_yaw))


def _rotation(quat: np.ndarray | tuple[float, ...]) -> Rotation:
    return Rotation.from_quat(np.roll(quat, -1))  # scalar_first came with SciPy 1.14


def _color(model: mujoco.MjModel, geom: int) -> np.ndarray:
    material = model.geom_matid[geom]
    return model.mat_rgba[material] if material >= 0 else model.geom_rgba[geom]


def _text(*values: float) -> str:
    return " ".join(f"{value:.9g}" for value in values)

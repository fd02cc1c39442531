from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import mujoco
import numpy as np
import pytest

from gaitway import rotation
from gaitway.robots import Robot, get_robot
from gaitway.robots.description import ImuSettings, JointSettings, RobotDescription
from gaitway.robots.links import LinkTree
from gaitway.robots.urdf import urdf
from tests.robots.biped import write_biped
from tests.robots.test_model_files import DESCRIPTION as URDF_DESCRIPTION
from tests.robots.test_model_files import URDF, write_urdf

ODD = """
<mujoco>
  <compiler angle="radian"/>
  <worldbody>
    <body name="trunk" pos="0 0 1">
      <freejoint/>
      <geom name="trunk" type="ellipsoid" size=".1 .2 .3" mass="3"/>
      <site name="imu"/>
      <body name="thigh" pos=".1 .2 -.3" quat=".5 .5 -.5 .5">
        <joint name="hip_x" axis="1 0 0" pos="0 .03 .01" range="-1 1"/>
        <joint name="hip_y" axis="0 1 0" pos=".02 0 0" range="-2 1" ref=".3"/>
        <joint name="locked" axis="0 0 1" range="-1 1"/>
        <geom name="thigh" type="capsule" fromto="0 0 0 0 .1 -.4" size=".05" mass="1" rgba="1 0 0 .5"/>
        <body name="shank" pos="0 .1 -.4" quat="0.9689 0.2474 0 0">
          <joint name="knee" axis="0 .6 .8" range="-2 2" ref="-.5"/>
          <geom name="shank" type="box" size=".02 .03 .2" pos="0 0 -.2" quat=".7 .1 .1 .7" mass="1"/>
          <body name="foot" pos="0 0 -.4" euler=".3 .2 .1">
            <geom name="foot" type="cylinder" size=".1 .02" mass=".3"/>
          </body>
        </body>
      </body>
    </body>
  </worldbody>
</mujoco>
"""
"""Joints off the origin of their body, several on one, that do not begin at zero, and one that is locked."""
DESCRIPTION = RobotDescription(
    actuated=("hip_x", "hip_y", "knee"),
    locked=("locked",),
    joints={".*": JointSettings(stiffness=10.0, damping=1.0, effort=20.0, velocity=8.0)},
    feet=("foot",),
    imu=ImuSettings(site="imu"),
)


@pytest.fixture(params=["h23", "biped", "odd"])
def robot(request: pytest.FixtureRequest, tmp_path: Path) -> Robot:
    if request.param == "h23":
        return get_robot("h23")
    if request.param == "biped":
        return get_robot(str(write_biped(tmp_path, "")))
    path = tmp_path / "odd.xml"
    path.write_text(ODD)
    return Robot.from_mjcf(path, DESCRIPTION)


def poses(model: mujoco.MjModel, robot: Robot, joint_pos: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(model)
    for name, value in zip(robot.joint_names, joint_pos, strict=True):
        data.qpos[model.joint(name).qposadr[0]] = value
    mujoco.mj_kinematics(model, data)
    return data


def random_pose(robot: Robot) -> np.ndarray:
    return np.random.default_rng(1).uniform(robot.position_lower, robot.position_upper)


def relative(data: mujoco.MjData, base: str, body: str) -> tuple[np.ndarray, np.ndarray]:
    """Position and rotation matrix of a body in the frame of the base."""
    to_base = data.body(base).xmat.reshape(3, 3).T
    return to_base @ (data.body(body).xpos - data.body(base).xpos), to_base @ data.body(body).xmat.reshape(
        3, 3
    )


def test_links_stand_where_mujoco_has_the_bodies(robot: Robot) -> None:
    tree, joint_pos = LinkTree(robot), random_pose(robot)
    turned = dict(zip([link.name for link in tree.moving], tree.turned(joint_pos), strict=True))
    frames = {tree.base: (np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]))}
    for link in tree.links:
        pos, quat = frames[link.parent]
        frames[link.name] = (
            pos + rotation.rotate(quat, np.array(link.pos)),
            rotation.multiply(quat, turned.get(link.name, np.array(link.quat))),
        )
    data = poses(tree.model, robot, joint_pos)
    bodies = {tree.model.body(i).name for i in range(1, tree.model.nbody)}
    assert bodies <= set(frames)
    for body in bodies:
        pos, matrix = relative(data, tree.base, body)
        np.testing.assert_allclose(frames[body][0], pos, atol=1e-9)
        for axis, column in zip(np.eye(3), matrix.T, strict=True):
            np.testing.assert_allclose(rotation.rotate(frames[body][1], axis), column, atol=1e-9)


def test_the_urdf_is_the_robot_again(robot: Robot) -> None:
    tree, joint_pos = LinkTree(robot), random_pose(robot)
    spec = mujoco.MjSpec.from_string(urdf(tree))
    spec.compiler.fusestatic = False
    spec.compiler.boundmass = spec.compiler.boundinertia = (
        1e-9  # links between two joints of a body weigh nothing
    )
    model = spec.compile()
    again, data = poses(model, robot, joint_pos), poses(tree.model, robot, joint_pos)
    assert {model.joint(i).name for i in range(model.njnt)} >= set(robot.joint_names)
    for body in range(1, tree.model.nbody):
        name = tree.model.body(body).name
        for got, expected in zip(
            relative(again, tree.base, name), relative(data, tree.base, name), strict=True
        ):
            np.testing.assert_allclose(got, expected, atol=1e-6)
        np.testing.assert_allclose(model.body(name).mass, tree.model.body(name).mass, rtol=1e-6)
    mass = tree.model.body_mass.sum()
    center = [
        d.xipos.T @ m.body_mass / mass - d.body(tree.base).xpos
        for m, d in ((model, again), (tree.model, data))
    ]
    np.testing.assert_allclose(*center, atol=1e-6)
    for i, name in enumerate(robot.joint_names):
        np.testing.assert_allclose(model.joint(name).range, robot.position_limit[i], rtol=1e-6)


def test_a_capsule_is_drawn_as_cylinder_and_spheres(robot: Robot) -> None:
    tree = LinkTree(robot)
    capsules = {
        tree.model.body(tree.model.geom_bodyid[i]).name
        for i in range(tree.model.ngeom)
        if tree.model.geom_type[i] == mujoco.mjtGeom.mjGEOM_CAPSULE and tree.model.geom_group[i] < 3
    }
    assert capsules
    links = {link.get("name"): link for link in ElementTree.fromstring(urdf(tree)).iter("link")}
    for name in capsules:
        shapes = [element.tag for element in links[name].iterfind("visual/geometry/*")]
        assert shapes.count("sphere") >= 2
        assert "cylinder" in shapes


def test_a_robot_read_from_urdf_keeps_its_text(tmp_path: Path) -> None:
    tree = LinkTree(Robot.from_urdf(write_urdf(tmp_path), URDF_DESCRIPTION))
    assert urdf(tree) == URDF
    assert {link.name for link in tree.links} >= {"left_leg", "left_sole", "imu_link"}

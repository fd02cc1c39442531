from __future__ import annotations

import re
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from gaitway.errors import GaitwayError
from gaitway.robots import Robot, RobotError, get_robot
from gaitway.robots.description import ImuSettings, JointSettings, RobotDescription
from gaitway.sim import Simulation, build_model
from tests.robots.biped import GAINS, MJCF, write_biped

_LEG = """
  <link name="{side}_leg"><inertial><mass value="1"/><origin xyz="0 0 -0.2"/>
    <inertia ixx="0.01" iyy="0.01" izz="0.002" ixy="0" ixz="0" iyz="0"/></inertial></link>
  <joint name="{side}_hip" type="revolute"><parent link="base"/><child link="{side}_leg"/>
    <origin xyz="0 {y} -0.1"/><axis xyz="0 1 0"/><limit lower="-1" upper="1" effort="30" velocity="{velocity}"/></joint>
  <link name="{side}_sole"><visual><geometry><mesh filename="package://pedes/meshes/painted.dae"/></geometry></visual>
    <collision><geometry><mesh filename="package://pedes/meshes/{mesh}.stl"/></geometry></collision></link>
  <joint name="{side}_ankle" type="fixed"><parent link="{side}_leg"/><child link="{side}_sole"/>
    <origin xyz="0.02 0 -0.42"/></joint>"""
URDF = (
    '<robot name="pedes"><link name="base"><inertial><mass value="6"/>'
    '<inertia ixx="0.1" iyy="0.1" izz="0.1" ixy="0" ixz="0" iyz="0"/></inertial></link>'
    + _LEG.format(side="left", y=0.1, velocity=7, mesh="sole")
    + _LEG.format(side="right", y=-0.1, velocity=6, mesh="sole")
    + '<link name="imu_link"/><joint name="imu_mount" type="fixed"><parent link="base"/><child link="imu_link"/>'
    '<origin xyz="0.05 0 0.1" rpy="0 0 1.5707963267948966"/></joint></robot>'
)
DESCRIPTION = RobotDescription(
    feet=("right_sole", "left_sole"),
    imu=ImuSettings(body="imu_link"),
    joints={".*_hip": JointSettings(stiffness=60.0, damping=2.0)},
)


def box_stl(x: float, y: float, z: float) -> bytes:
    """A binary STL of a box with the given half sizes."""
    corner = np.array([[i, j, k] for i in (-x, x) for j in (-y, y) for k in (-z, z)])
    sides = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    triangles = [corner[[a, b, c]] for a, b, c, d in sides] + [corner[[a, c, d]] for a, b, c, d in sides]
    facets = [struct.pack("<12fH", 0.0, 0.0, 0.0, *triangle.ravel(), 0) for triangle in triangles]
    return bytes(80) + struct.pack("<I", len(facets)) + b"".join(facets)


def write_urdf(folder: Path, urdf: str = URDF) -> Path:
    """A ROS package `pedes` as it lies in a workspace; returns the URDF's path."""
    (folder / "pedes" / "urdf").mkdir(parents=True)
    (folder / "pedes" / "meshes").mkdir()
    (folder / "pedes" / "meshes" / "sole.stl").write_bytes(box_stl(0.08, 0.04, 0.02))
    path = folder / "pedes" / "urdf" / "pedes.urdf"
    path.write_text(urdf)
    return path


def test_a_urdf_is_read_with_its_collision_meshes_and_limits(tmp_path: Path) -> None:
    robot = Robot.from_urdf(write_urdf(tmp_path), DESCRIPTION)
    assert robot.name == "pedes"
    assert robot.joint_names == ("left_hip", "right_hip")
    assert robot.effort_limit == (30.0, 30.0)
    assert robot.velocity_limit == (7.0, 6.0)
    assert robot.position_limit == ((-1.0, 1.0), (-1.0, 1.0))
    assert robot.foot_geoms == ("left_sole/0", "right_sole/0")
    np.testing.assert_allclose(robot.home_base_height, 0.1 + 0.42 + 0.02, atol=1e-6)
    np.testing.assert_allclose(robot.imu.quat, [np.sqrt(0.5), 0.0, 0.0, np.sqrt(0.5)], atol=1e-9)
    sim = Simulation(robot, 2)
    for _ in range(5):
        sim.set_command(np.tile(robot.home_joint_pos, (2, 1)))
        assert not sim.step().any()
    assert sim.foot_contact.all()


def test_a_toml_may_name_a_urdf_and_where_its_packages_lie(tmp_path: Path) -> None:
    urdf = write_urdf(tmp_path)
    (tmp_path / "pedes").rename(tmp_path / "elsewhere")
    path = tmp_path / "robot.toml"
    description = (
        f'model = "elsewhere/urdf/{urdf.name}"\nfeet = ["left_sole", "right_sole"]\n[imu]\nbody = "imu_link"\n'
        f"{GAINS}[packages]\n"
    )
    path.write_text(description + 'pedes = "elsewhere"\n')
    assert get_robot(str(path)).joint_names == ("left_hip", "right_hip")
    path.write_text(description)
    with pytest.raises(
        RobotError, match=r"names files that are missing \(1\): package://pedes/meshes/sole\.stl"
    ):
        get_robot(str(path))


def test_a_urdf_with_missing_meshes_names_them(tmp_path: Path) -> None:
    urdf = write_urdf(tmp_path, URDF.replace("sole.stl", "toes.stl", 1))
    with pytest.raises(
        RobotError, match=r"names files that are missing \(1\): package://pedes/meshes/toes\.stl"
    ):
        Robot.from_urdf(urdf, DESCRIPTION)


def test_a_urdf_whose_root_is_no_body_is_refused(tmp_path: Path) -> None:
    footprint = '<robot name="pedes"><link name="base_footprint"/><joint name="up" type="fixed">'
    footprint += '<parent link="base_footprint"/><child link="base"/></joint>'
    with pytest.raises(RobotError, match="the base 'base_footprint' has no mass"):
        Robot.from_urdf(write_urdf(tmp_path, URDF.replace('<robot name="pedes">', footprint)), DESCRIPTION)


def test_a_xacro_that_is_not_expanded_is_told_from_a_urdf(tmp_path: Path) -> None:
    urdf = write_urdf(tmp_path, URDF.replace('velocity="7"', 'velocity="${fast}"'))
    with pytest.raises(
        RobotError, match=r"joint 'left_hip': velocity is '\$\{fast\}', not a number; expand a xacro"
    ):
        Robot.from_urdf(urdf, DESCRIPTION)


def test_an_unknown_joint_of_a_urdf_is_named(tmp_path: Path) -> None:
    description = RobotDescription(joints={"left_hp": JointSettings(home=0.1)})
    with pytest.raises(RobotError, match="unknown joint 'left_hp'; did you mean 'left_hip'"):
        Robot.from_urdf(write_urdf(tmp_path), description)


def test_each_kind_of_model_is_told_from_the_other(tmp_path: Path) -> None:
    write_biped(tmp_path)
    with pytest.raises(RobotError, match="is no URDF file: its root is <mujoco>"):
        Robot.from_urdf(tmp_path / "biped.xml")
    with pytest.raises(RobotError, match="is no MJCF file: its root is <robot>"):
        Robot.from_mjcf(write_urdf(tmp_path))


MESHED = (
    MJCF.replace('<geom type="box" size="0.08 0.04 0.02"', '<geom type="mesh" mesh="sole"')
    .replace("<worldbody>", '<include file="parts/assets.xml"/><worldbody>')
    .replace('<mujoco model="biped">', '<mujoco model="biped"><compiler meshdir="../meshes"/>')
)


def write_meshed(folder: Path) -> Path:
    """A biped with an include and a mesh in a folder beside its own; returns the folder of the MJCF."""
    (folder / "meshes").mkdir(parents=True)
    (folder / "meshes" / "sole.stl").write_bytes(box_stl(0.08, 0.04, 0.02))
    (folder / "model" / "parts").mkdir(parents=True)
    (folder / "model" / "parts" / "assets.xml").write_text(
        '<mujoco><asset><mesh name="sole" file="sole.stl"/></asset></mujoco>'
    )
    return folder / "model"


def test_includes_and_meshes_travel_with_the_robot(tmp_path: Path) -> None:
    robot = get_robot(str(write_biped(write_meshed(tmp_path), GAINS, MESHED)))
    assert set(robot.assets) == {"parts/assets.xml", "../meshes/sole.stl"}
    before = robot.model_sha256
    for path in sorted(tmp_path.rglob("*.*")):
        path.unlink()
    assert build_model(robot, physics_dt=0.005).nmesh == 1
    np.testing.assert_allclose(robot.home_base_height, 0.54, atol=1e-6)

    other = write_meshed(tmp_path / "other")
    (tmp_path / "other" / "meshes" / "sole.stl").write_bytes(box_stl(0.07, 0.04, 0.02))
    assert get_robot(str(write_biped(other, GAINS, MESHED))).model_sha256 != before


def test_missing_meshes_of_an_mjcf_are_named(tmp_path: Path) -> None:
    folder = write_meshed(tmp_path)
    (tmp_path / "meshes" / "sole.stl").unlink()
    with pytest.raises(RobotError, match=r"names files that are missing \(1\): \.\./meshes/sole\.stl"):
        get_robot(str(write_biped(folder, GAINS, MESHED)))
    (folder / "parts" / "assets.xml").unlink()
    with pytest.raises(RobotError, match=r"assets\.xml"):
        get_robot(str(write_biped(folder, GAINS, MESHED)))


@pytest.fixture
def menagerie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of MuJoCo Menagerie, as its package understands one, in which the biped is a Unitree G1."""
    pytest.importorskip("mujoco_menagerie")
    (tmp_path / "unitree_g1").mkdir()
    write_biped(tmp_path / "unitree_g1").unlink()
    (tmp_path / "unitree_g1" / "biped.xml").rename(tmp_path / "unitree_g1" / "g1.xml")
    monkeypatch.setenv("MENAGERIE_ROOT", str(tmp_path))
    return tmp_path


@pytest.mark.usefixtures("menagerie")
def test_a_robot_of_menagerie_keeps_its_name_licence_and_origin() -> None:
    robot = get_robot("menagerie:unitree_g1")
    assert robot.name == "menagerie:unitree_g1"
    assert robot.license == "BSD-3-Clause"
    assert robot.origin == "Unitree G1, from MuJoCo Menagerie"
    assert robot.joint_names == ("left_hip", "right_hip", "neck")


def test_a_toml_may_say_more_of_a_robot_of_menagerie(menagerie: Path) -> None:
    path = menagerie / "my_g1.toml"
    path.write_text('model = "menagerie:unitree_g1/g1"\n' + GAINS)
    robot = get_robot(str(path))
    assert (robot.name, robot.license, robot.stiffness[0]) == ("my_g1", "BSD-3-Clause", 60.0)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("unitree_g11", "unknown model of MuJoCo Menagerie 'unitree_g11'; did you mean 'unitree_g1'"),
        ("unitree_g1/hands", "unknown file of menagerie:unitree_g1 'hands'; did you mean"),
        ("unitree_h1", "cannot get menagerie:unitree_h1: 'unitree_h1' not found under MENAGERIE_ROOT"),
    ],
)
@pytest.mark.usefixtures("menagerie")
def test_what_menagerie_does_not_have_is_refused(name: str, message: str) -> None:
    with pytest.raises(GaitwayError, match=re.escape(message)):
        get_robot(f"menagerie:{name}")


def test_a_robot_of_menagerie_that_needs_a_description_says_so(menagerie: Path) -> None:
    (menagerie / "unitree_g1" / "g1.xml").write_text(MJCF.replace('<site name="imu"', '<site name="gauge"'))
    with pytest.raises(
        RobotError, match='a TOML file with `model = "menagerie:unitree_g1"` in it: the IMU is'
    ):
        get_robot("menagerie:unitree_g1")


def test_without_its_package_menagerie_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mujoco_menagerie", None)
    with pytest.raises(RobotError, match="`pip install mujoco-menagerie` provides it"):
        get_robot("menagerie:unitree_g1")

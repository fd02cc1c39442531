from __future__ import annotations

import math
import re
import shutil
import subprocess
import sys
from pathlib import Path

import mujoco
import numpy as np
import pytest

from gaitway.robots import Robot, RobotError, get_robot
from gaitway.robots.description import ImuSettings, JointSettings, RobotDescription
from gaitway.sim import Simulation, build_model
from tests.robots.biped import GAINS, MJCF, write_biped

IMU = '[imu]\nsite = "imu"\n'


def test_what_the_description_does_not_say_comes_from_the_model_or_a_stated_rule(tmp_path: Path) -> None:
    robot = get_robot(str(write_biped(tmp_path, "")))
    assert robot.name == "biped"
    assert robot.joint_names == ("left_hip", "right_hip", "neck")
    omega = 2.0 * math.pi * 10.0
    np.testing.assert_allclose(robot.stiffness, [0.01 * omega**2, 0.01 * omega**2, 8.0])
    np.testing.assert_allclose(robot.damping, [4.0 * 0.01 * omega, 4.0 * 0.01 * omega, 0.5])
    np.testing.assert_allclose(robot.effort_limit, [30.0, 30.0, 4.0])
    np.testing.assert_allclose(robot.position_upper, np.radians([60.0, 60.0, 90.0]))
    assert robot.home_joint_pos == (0.0, 0.0, 0.0)
    assert robot.damping_mode == robot.damping
    np.testing.assert_allclose(robot.home_base_height, 0.54)
    assert robot.foot_geoms == ("left_leg/1", "right_leg/1")
    assert robot.imu.site == "imu"
    np.testing.assert_allclose(robot.imu.pos, [0.05, 0.0, 0.1])
    np.testing.assert_allclose(np.abs(robot.imu.quat), [0.0, 0.0, 0.0, 1.0], atol=1e-12)
    assert robot.joint_mirror == (1, 0, 2)
    assert robot.joint_mirror_sign == (1.0, 1.0, -1.0)
    assert robot.license == "unknown"
    assert "velocity limit 20 rad/s, of all joints" in robot.notes


def test_the_description_goes_before_the_model(tmp_path: Path) -> None:
    description = """
    name = "short"
    license = "MIT"
    feet = ["right_leg", "left_leg/1"]
    base_height = 0.5
    mirror = false
    [imu]
    body = "trunk"
    pos = [0.0, 0.0, 0.2]
    [joints]
    ".*" = { velocity = 9.0, effort = 5.0 }
    ".*_hip" = { home = 0.1, stiffness = 60.0, damping = 2.0, velocity = 8.0 }
    right_hip = { home = 0.2 }
    "right.*" = { home = 0.3, stiffness = 70.0 }
    neck = { range = [-0.5, 0.4], damping_mode = 3 }
    """
    robot = get_robot(str(write_biped(tmp_path, description)))
    assert (robot.name, robot.license, robot.home_base_height) == ("short", "MIT", 0.5)
    assert robot.foot_geoms == ("left_leg/1", "right_leg/1")
    # A name goes before patterns, the last pattern before the others.
    assert robot.home_joint_pos == (0.1, 0.2, 0.0)
    assert robot.stiffness == (60.0, 70.0, 8.0)
    assert robot.velocity_limit == (8.0, 8.0, 9.0)
    assert robot.effort_limit == (5.0, 5.0, 5.0)
    assert robot.position_limit[2] == (-0.5, 0.4)
    assert robot.damping_mode == (2.0, 2.0, 3.0)
    assert robot.imu.pos == (0.0, 0.0, 0.2)
    assert robot.joint_mirror == ()
    assert robot.notes == ()


def test_an_imu_placed_on_a_body_is_a_site_of_the_simulated_model(tmp_path: Path) -> None:
    description = '[imu]\nbody = "trunk"\npos = [0.0, 0.1, 0.2]\nquat = [0.5, 0.5, 0.5, 0.5]\n' + GAINS
    without = MJCF.replace('<site name="imu" pos="0.05 0 0.1" quat="0 0 0 1"/>', "")
    robot = get_robot(str(write_biped(tmp_path, description, without)))
    site = build_model(robot, physics_dt=0.005).site("imu")
    np.testing.assert_allclose(site.pos, [0.0, 0.1, 0.2])
    np.testing.assert_allclose(site.quat, [0.5, 0.5, 0.5, 0.5])


def test_soles_touch_the_ground_at_a_bent_home_pose(tmp_path: Path) -> None:
    robot = get_robot(str(write_biped(tmp_path, GAINS.replace("{", "{ home = 0.5, "))))
    model = build_model(robot, physics_dt=0.005)
    data = mujoco.MjData(model)
    data.qpos[7:] = robot.home_joint_pos
    data.qpos[2] -= 1e-4
    mujoco.mj_forward(model, data)
    assert {model.geom(g).name for contact in data.contact for g in contact.geom} == {
        "floor",
        *robot.foot_geoms,
    }
    np.testing.assert_allclose([contact.dist for contact in data.contact], -1e-4, atol=1e-9)


def test_home_is_taken_from_a_keyframe(tmp_path: Path) -> None:
    keys = '<keyframe><key name="crouch" qpos="0 0 1 1 0 0 0 .3 .3 0"/><key name="home" qpos="0 0 1 1 0 0 0 .2 .2 .1"/></keyframe>'
    mjcf = MJCF.replace("</mujoco>", keys + "</mujoco>")
    assert get_robot(str(write_biped(tmp_path, GAINS, mjcf))).home_joint_pos == (0.2, 0.2, 0.1)
    crouched = get_robot(str(write_biped(tmp_path, 'keyframe = "crouch"\n' + GAINS, mjcf)))
    assert crouched.home_joint_pos == (0.3, 0.3, 0.0)


def test_a_fixed_base_is_let_float(tmp_path: Path) -> None:
    robot = get_robot(str(write_biped(tmp_path, GAINS, MJCF.replace('<freejoint name="root"/>', ""))))
    sim = Simulation(robot, 2)
    assert sim.model.nq == 7 + 3
    np.testing.assert_allclose(sim.base_pos_w[:, 2], robot.home_base_height)


def test_what_is_added_to_a_model_does_not_take_its_defaults(tmp_path: Path) -> None:
    defaults = """<default><geom contype="0" conaffinity="0" margin="0.01"/><joint damping="3" armature="1"/>
      <motor ctrllimited="true" ctrlrange="-0.1 0.1" gear="50"/></default><worldbody>"""
    fixed = MJCF.replace('<freejoint name="root"/>', "").replace("<worldbody>", defaults)
    soles = fixed.replace('<geom type="box" size="0.08', '<geom contype="1" type="box" size="0.08')
    model = build_model(get_robot(str(write_biped(tmp_path, IMU + GAINS, soles))), physics_dt=0.005)
    assert model.geom("floor").conaffinity == 1
    assert model.geom("floor").margin == 0.0
    np.testing.assert_array_equal(model.dof_damping[:6], 0.0)
    np.testing.assert_array_equal(model.dof_armature[:6], 0.0)
    assert not model.actuator_ctrllimited.any()
    np.testing.assert_array_equal(model.actuator_gear[:, 0], 1.0)


def test_locked_joints_are_rigid_and_part_of_the_models_hash(tmp_path: Path) -> None:
    slide = MJCF.replace(
        '<joint name="neck"', '<joint name="lift" type="slide" axis="0 0 1"/><joint name="neck"'
    )
    robot = get_robot(str(write_biped(tmp_path, 'locked = ["lift", "ne.*"]\n' + GAINS, slide)))
    assert robot.joint_names == ("left_hip", "right_hip")
    assert robot.locked_joints == ("lift", "neck")
    assert build_model(robot, physics_dt=0.005).nq == 7 + 2
    other = get_robot(str(write_biped(tmp_path, 'locked = ["lift"]\n' + GAINS, slide)))
    assert other.model_sha256 != robot.model_sha256


def test_an_unlimited_joint_gets_a_range_and_a_note(tmp_path: Path) -> None:
    robot = get_robot(str(write_biped(tmp_path, GAINS, MJCF.replace(' range="-90 90"', ""))))
    assert robot.position_limit[2] == (-math.pi, math.pi)
    assert "range -pi .. pi, which the model does not enforce, of neck" in robot.notes


def test_the_hash_is_of_the_files_and_the_same_wherever_they_lie(tmp_path: Path) -> None:
    robot = get_robot(str(write_biped(tmp_path)))
    (tmp_path / "copy").mkdir()
    for name in ("biped.xml", "biped.toml"):
        shutil.copy(tmp_path / name, tmp_path / "copy")
    assert get_robot(str(tmp_path / "copy" / "biped.toml")).model_sha256 == robot.model_sha256
    changed = get_robot(str(write_biped(tmp_path, GAINS, MJCF.replace('mass="6"', 'mass="7"'))))
    assert changed.model_sha256 != robot.model_sha256


def test_a_model_and_a_description_in_python_make_the_same_robot(tmp_path: Path) -> None:
    path = write_biped(tmp_path, IMU + GAINS)
    description = RobotDescription(
        imu=ImuSettings(site="imu"), joints={".*_hip": JointSettings(stiffness=60.0, damping=2.0)}
    )
    assert Robot.from_mjcf(tmp_path / "biped.xml", description) == get_robot(str(path))


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("[joints]\nleft_hipp = { home = 0.1 }", "unknown joint 'left_hipp'; did you mean 'left_hip'"),
        ('locked = ["elbow.*"]', "unknown joint 'elbow.*'; available: left_hip, neck, right_hip"),
        ("[joints]\nneck = { stiffness = -5 }", "joint 'neck': stiffness is -5; it must be above 0 N m/rad"),
        ("[joints]\nneck = { damping = -1 }", "joint 'neck': damping is -1; it must be at least 0 N m s/rad"),
        ("[joints]\nneck = { effort = 0 }", "joint 'neck': effort is 0; it must be above 0 N m"),
        (
            "[joints]\nneck = { home = 2.0 }",
            "joint 'neck': home is 2 rad; it must be in the range -1.571 .. 1.571",
        ),
        (
            "[joints]\nneck = { range = [-9, 1] }",
            "it must be lower, upper within the model's -1.571 .. 1.571 rad",
        ),
        ("[joints]\nneck = { home = nan }", "joint 'neck': home must be finite; got nan"),
        (
            "[joints]\nneck = { stifness = 5 }",
            "joint 'neck': unknown value 'stifness'; did you mean 'stiffness'",
        ),
        (
            '[joints]\nneck = { home = "up" }',
            "joint 'neck': Expected `float | null`, got `str` - at `$.home`",
        ),
        ("[joints]\nneck = 3", "joint 'neck': expected a table"),
        ("[joints]\n'(neck' = { home = 0 }", "joint '(neck' is neither a name nor a regular expression"),
        ("home = 3", "unknown setting 'home'"),
        ('feet = ["left_foot"]', "unknown foot (a body or a geom) 'left_foot'"),
        ('feet = ["left_leg/0"]', "foot 'left_leg/0' is a geom that collides with nothing"),
        ('[imu]\nsite = "gyro"', "unknown site in [imu] 'gyro'; available: imu"),
        ('[imu]\nbody = "belly"', "unknown body in [imu] 'belly'"),
        ('[imu]\nbody = "head"', "the IMU is on 'head', which moves against the base 'trunk'"),
        (
            '[imu]\nbody = "trunk"\nquat = [1, 1, 0, 0]',
            "quat must be a unit quaternion wxyz; its norm is 1.41421",
        ),
        ("[imu]", "[imu] must name either a site or a body"),
        ('camera = "eye"', "unknown camera 'eye'; available: none"),
        ('keyframe = "home"', "unknown keyframe 'home'; available: none"),
        ("base_height = -1", "base_height is -1; it must be above 0 m"),
        ('integrator = "rk4"', "Invalid enum value 'rk4' - at `$.integrator`"),
        ('actuated = [".*_hip"]', "joints without an actuator: neck (hinge); list hinges"),
        ('[mirror]\nleft_hip = "right_hip"', "[mirror] must name every joint"),
        ('[mirror]\nleft_hip = "right_leg"', "unknown joint in [mirror] 'right_leg'"),
        ("model =", "is not TOML"),
    ],
)
def test_a_wrong_description_is_refused_with_what_would_be_right(
    tmp_path: Path, description: str, message: str
) -> None:
    path = write_biped(tmp_path, description)
    with pytest.raises(RobotError, match=re.escape(message)) as caught:
        get_robot(str(path))
    assert str(caught.value).startswith(str(path))


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ('<site name="imu" pos="0.05 0 0.1" quat="0 0 0 1"/>', "", "the IMU is missing: give [imu] with site"),
        ('armature="0.01"', "", "joint 'left_hip' has no gains"),
        ('<motor joint="left_hip" gear="20" ctrlrange="-2 1.5"/>', "", "joints without an actuator: left_hip (hinge)"),
        ('ctrlrange="-2 1.5"', "", "joint 'left_hip' has no effort limit"),
        ('name="neck" axis="0 0 1" range="-90 90"', 'name="neck" type="ball"', "only hinges can be actuated"),
        ('<freejoint name="root"/>', '<joint name="x" type="slide"/>', "must float freely, with a free joint or none; it has the joints x (slide)"),
        ('<body name="trunk" pos="0 0 0.6">', '<body name="trunk" euler="0 0 90">', "the base 'trunk' must stand upright"),
        ("<worldbody>", '<worldbody><body name="ball"><freejoint/><geom size="1"/></body>', "the world must hold one robot"),
        ('<geom type="sphere"', '<joint axis="1 0 0"/><geom type="sphere"', "a joint of body 'head' has no name"),
        ('type="sphere"', 'type="orb"', "MuJoCo cannot read the model"),
        ("</actuator>", "", "is not XML"),
    ],
)  # fmt: skip
def test_a_model_that_is_no_robot_is_refused_with_what_would_be_right(
    tmp_path: Path, before: str, after: str, message: str
) -> None:
    assert before in MJCF
    mjcf = MJCF.replace(before, after)
    with pytest.raises(RobotError, match=re.escape(message)):
        get_robot(str(write_biped(tmp_path, "", mjcf)))


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(RobotError, match="no robot description at"):
        get_robot(str(tmp_path / "nothing.toml"))
    path = tmp_path / "robot.toml"
    path.write_text('model = "nothing.xml"')
    with pytest.raises(RobotError, match=r"no model file at .*nothing\.xml"):
        get_robot(str(path))
    path.write_text('model = "package:no_such_package/robot.xml"')
    with pytest.raises(RobotError, match="in the Python package 'no_such_package', which is not installed"):
        get_robot(str(path))
    path.write_text('name = "robot"')
    with pytest.raises(RobotError, match="model is missing"):
        get_robot(str(path))


def test_without_mujoco_the_extra_that_brings_it_is_named(tmp_path: Path) -> None:
    code = f"""import sys
sys.modules["mujoco"] = None
from gaitway.robots import RobotError, get_robot
assert get_robot("h23").num_joints == 23
try:
    get_robot({str(write_biped(tmp_path))!r})
except RobotError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "`pip install 'gaitway[sim]'` provides it" in done.stdout, done.stderr

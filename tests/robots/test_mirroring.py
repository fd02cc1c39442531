from __future__ import annotations

from pathlib import Path

import mujoco
import numpy as np
import pytest

from gaitway.robots import Robot, RobotError, get_robot
from gaitway.robots.model_spec import model_spec
from tests.robots.biped import GAINS, MJCF, write_biped

HUMANOIDS = {
    "gymnasium": Path(__file__).parents[2] / "examples" / "robots" / "gymnasium_humanoid.toml",
    "dm_control": Path(__file__).parent / "dm_control_humanoid.toml",
}


def _joint_places(robot: Robot, joint_pos: np.ndarray) -> np.ndarray:
    model = model_spec(robot).compile()
    data = mujoco.MjData(model)
    data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
    ids = [model.joint(name).id for name in robot.joint_names]
    data.qpos[model.jnt_qposadr[ids]] = joint_pos
    mujoco.mj_kinematics(model, data)
    return data.xanchor[ids]


@pytest.mark.parametrize("name", HUMANOIDS)
def test_a_mirrored_pose_is_the_pose_seen_in_a_mirror(name: str) -> None:
    if name == "dm_control":
        pytest.importorskip("dm_control")
    robot = get_robot(str(HUMANOIDS[name]))
    order, sign = np.array(robot.joint_mirror), np.array(robot.joint_mirror_sign)
    pose = np.random.default_rng(0).uniform(-0.5, 0.5, robot.num_joints)
    places, mirrored = _joint_places(robot, pose), _joint_places(robot, sign * pose[order])
    np.testing.assert_allclose(mirrored[order], places * [1.0, -1.0, 1.0], atol=1e-9)


def test_joints_that_are_no_mirror_images_are_not_paired(tmp_path: Path) -> None:
    for before, after, reason in (
        ('pos="0 -0.1 -0.1"', 'pos="0 -0.2 -0.1"', "axis or place"),
        ('name="right_hip" axis="0 1 0"', 'name="right_hip" axis="0 1 1"', "axis or place"),
        ('motor joint="right_hip" gear="20"', 'motor joint="right_hip" gear="30"', "effort"),
    ):
        robot = get_robot(str(write_biped(tmp_path, GAINS, MJCF.replace(before, after))))
        assert robot.joint_mirror == ()
        assert f"no mirror symmetry, for left_hip and its image right_hip differ in {reason}" in robot.notes
    robot = get_robot(str(write_biped(tmp_path, GAINS + "left_hip = { home = 0.1 }")))
    assert "no mirror symmetry, for left_hip and its image right_hip differ in home pose" in robot.notes


def test_an_axis_the_other_way_round_turns_the_sign(tmp_path: Path) -> None:
    mjcf = MJCF.replace('name="right_hip" axis="0 1 0"', 'name="right_hip" axis="0 -1 0"')
    assert get_robot(str(write_biped(tmp_path, GAINS, mjcf))).joint_mirror_sign == (-1.0, -1.0, -1.0)


def test_pairs_may_be_given(tmp_path: Path) -> None:
    mjcf = MJCF.replace("left_hip", "hip_a").replace("right_hip", "hip_b")
    gains = GAINS.replace(".*_hip", "hip_.")
    assert get_robot(str(write_biped(tmp_path, gains, mjcf))).joint_mirror == ()
    pairs = '[mirror]\nhip_a = "hip_b"\nneck = "-neck"\n'
    robot = get_robot(str(write_biped(tmp_path, pairs + gains, mjcf)))
    assert (robot.joint_mirror, robot.joint_mirror_sign) == ((1, 0, 2), (1.0, 1.0, -1.0))
    with pytest.raises(RobotError, match="pairs 'hip_a' with 'hip_b', but they differ in home pose"):
        get_robot(str(write_biped(tmp_path, pairs + gains + "hip_a = { home = 0.1 }", mjcf)))
    with pytest.raises(RobotError, match="pairs 'hip_b' with 'neck' and one of them with another joint too"):
        get_robot(str(write_biped(tmp_path, '[mirror]\nhip_a = "hip_b"\nhip_b = "neck"\n' + gains, mjcf)))

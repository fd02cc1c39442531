from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import mujoco
import numpy as np
import pytest

from gaitway.robots import Robot, get_robot, h23
from gaitway.robots.foot_height import FootHeight
from gaitway.robots.model_spec import model_spec
from gaitway.robots.soles import lowest_point, sole_height
from tests.robots.biped import MJCF, write_biped

_SHAPES = {
    "sphere": 'type="sphere" size="0.1"',
    "capsule": 'type="capsule" size="0.05 0.1"',
    "cylinder": 'type="cylinder" size="0.05 0.1"',
    "ellipsoid": 'type="ellipsoid" size="0.05 0.1 0.02"',
    "box": 'type="box" size="0.05 0.1 0.02"',
    "mesh": 'type="mesh" mesh="wedge"',
}


@pytest.mark.parametrize("shape", _SHAPES)
def test_the_lowest_point_is_where_mujocos_contacts_are_deepest(shape: str) -> None:
    model = mujoco.MjModel.from_xml_string(f"""<mujoco>
      <asset><mesh name="wedge" vertex="0 0 0  0.2 0 0  0 0.1 0  0 0 0.3  0.1 0.1 0.1"/></asset>
      <worldbody><geom type="plane" size="0 0 1"/><body><freejoint/><geom {_SHAPES[shape]}/></body></worldbody>
    </mujoco>""")
    data = mujoco.MjData(model)
    rng = np.random.default_rng(4)
    for _ in range(20):
        quat = rng.normal(size=4)
        data.qpos[:] = 0.0, 0.0, rng.uniform(-0.05, 0.005), *quat / np.linalg.norm(quat)
        mujoco.mj_forward(model, data)
        deepest = min(contact.dist for contact in data.contact)
        np.testing.assert_allclose(lowest_point(model, data, 1), deepest, atol=1e-6)


def _odd_biped(folder: Path) -> Robot:
    """A biped with box feet, one leg on a body that is turned, its hinge beside the origin and with another zero."""
    leg = '<body name="left_leg" pos="0 0.1 -0.1">\n        <joint name="left_hip"'
    odd = (
        '<body name="bracket" pos="0 0.02 0"><body name="left_leg" pos="0 0.08 -0.1" euler="10 0 20">'
        '<joint name="left_hip" pos="0.02 -0.01 0.03" ref="15"'
    )
    assert leg in MJCF
    mjcf = MJCF.replace(leg, odd).replace('<body name="right_leg"', '</body><body name="right_leg"')
    return get_robot(str(write_biped(folder, mjcf=mjcf)))


@pytest.mark.parametrize("make", [lambda folder: h23(), _odd_biped], ids=["h23", "odd biped"])
def test_the_height_from_joints_is_that_of_the_simulated_robot(
    make: Callable[[Path], Robot], tmp_path: Path
) -> None:
    robot = make(tmp_path)
    model = model_spec(robot).compile()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(1)
    quat = np.array([1.0, 0.0, 0.0, 0.0]) + rng.normal(0.0, 0.3, (20, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    joint_pos = np.array(robot.home_joint_pos) + rng.normal(0.0, 0.3, (20, robot.num_joints))
    height = FootHeight(robot)
    together = height(joint_pos, quat)
    for i in range(20):
        data.qpos[:7] = 0.3, -0.2, 1.1, *quat[i]
        for name, value in zip(robot.joint_names, joint_pos[i], strict=True):
            data.qpos[model.joint(name).qposadr[0]] = value
        mujoco.mj_kinematics(model, data)
        expected = 1.1 - sole_height(model, data, robot.foot_geoms)
        assert together[i] == pytest.approx(expected, abs=1e-12)
        assert height(joint_pos[i], quat[i]) == pytest.approx(expected, abs=1e-12)
    upright = height(np.array(robot.home_joint_pos), np.array([1.0, 0.0, 0.0, 0.0]))
    assert upright == pytest.approx(robot.home_base_height, abs=1e-3)

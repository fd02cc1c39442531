from __future__ import annotations

import mujoco
import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.robots.kinematics import FootKinematics
from gaitway.robots.model_spec import model_spec
from gaitway.robots.soles import lowest_point, sole_height

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


def test_the_height_by_forward_kinematics_is_that_of_the_simulated_robot() -> None:
    robot = h23()
    kinematics = FootKinematics(robot)
    spec = model_spec(robot)
    model = spec.compile()
    data = mujoco.MjData(model)
    rng = np.random.default_rng(1)
    for _ in range(10):
        quat = np.array([1.0, *rng.normal(0.0, 0.3, 3)])
        quat /= np.linalg.norm(quat)
        joint_pos = np.array(robot.home_joint_pos) + rng.normal(0.0, 0.1, robot.num_joints)
        data.qpos[:7] = 0.3, -0.2, 1.1, *quat
        for name, value in zip(robot.joint_names, joint_pos, strict=True):
            data.qpos[model.joint(name).qposadr[0]] = value
        mujoco.mj_kinematics(model, data)
        expected = 1.1 - sole_height(model, data, robot.foot_geoms)
        assert kinematics.height(joint_pos, quat) == pytest.approx(expected, abs=1e-12)
    upright = kinematics.height(np.array(robot.home_joint_pos), np.array([1.0, 0.0, 0.0, 0.0]))
    assert upright == pytest.approx(robot.home_base_height, abs=1e-3)

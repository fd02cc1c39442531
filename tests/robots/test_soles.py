from __future__ import annotations

import mujoco
import numpy as np
import pytest

from gaitway.robots.soles import lowest_point

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

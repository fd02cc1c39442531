from __future__ import annotations

import mujoco
import numpy as np
import pytest
from mujoco.batch import Batch

from gaitway.sim.rne_plugin import add_rne_plugin

_TOPPLING = """
<mujoco>
  <option integrator="{integrator}"/>
  <worldbody>
    <geom type="plane" size="5 5 1"/>
    <body pos="0 0 0.5" euler="0 30 0">
      <freejoint/>
      <geom type="box" size="0.1 0.1 0.4"/>
      <body pos="0 0 0.4"><joint axis="0 1 0"/><geom type="capsule" fromto="0 0 0 0.3 0 0" size="0.05"/></body>
    </body>
  </worldbody>
</mujoco>
"""


@pytest.mark.parametrize("integrator", ["Euler", "RK4", "implicitfast"])
def test_external_forces_are_those_of_the_last_evaluation_in_a_step(integrator: str) -> None:
    xml = _TOPPLING.format(integrator=integrator)
    spec = mujoco.MjSpec.from_string(xml)
    add_rne_plugin(spec)
    batch = Batch(spec.compile(), 3)
    cfrc_ext = batch.bind("cfrc_ext")
    model = mujoco.MjModel.from_xml_string(xml)
    datas = [mujoco.MjData(model) for _ in range(3)]
    for speed, data in enumerate(datas):
        data.qvel[0] = batch.qvel[speed, 0] = speed
    largest = 0.0
    for _ in range(100):
        batch.step(nstep=5)
        for data, row in zip(datas, cfrc_ext, strict=True):
            mujoco.mj_step(model, data, 5)
            mujoco.mj_rnePostConstraint(model, data)
            np.testing.assert_array_equal(row, data.cfrc_ext)
        largest = max(largest, np.abs(cfrc_ext).max())
    assert largest > 100.0


def test_models_without_the_plugin_are_left_alone() -> None:
    with_plugin = mujoco.MjSpec.from_string(_TOPPLING.format(integrator="Euler"))
    add_rne_plugin(with_plugin)
    model = mujoco.MjModel.from_xml_string(_TOPPLING.format(integrator="Euler"))
    data = mujoco.MjData(model)
    mujoco.mj_step(model, data, 500)
    assert data.ncon > 0
    assert not data.cfrc_ext.any()

from __future__ import annotations

import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.sim import Randomization, Simulation
from gaitway.sim.substeps import Substeps

ROBOT = h23()
RANDOMIZATION = Randomization(encoder_bias=(-0.02, 0.02), gyro_bias=(-0.1, 0.1), imu_tilt=(-0.05, 0.05))


@pytest.mark.parametrize("max_delay_s", [0.0, 0.02])
def test_physics_steps_are_recorded_and_change_nothing(max_delay_s: float) -> None:
    plain, recorded, fine = (
        Simulation(ROBOT, 3, max_delay_s=max_delay_s, randomization=RANDOMIZATION, seed=1) for _ in range(3)
    )
    substeps = Substeps(recorded)
    target = np.tile(ROBOT.home_joint_pos, (3, 1)) + 0.05
    for _ in range(5):
        for sim in (plain, recorded, fine):
            sim.set_command(target)
        plain.step()
        recorded.step()
        samples = substeps.samples()
        assert samples.joint_pos.shape == (3, plain.decimation, ROBOT.num_joints)
        for k in range(plain.decimation):
            fine.step(1)
            for mine, theirs in zip(
                samples,
                (
                    fine.measured_joint_pos,
                    fine.joint_vel,
                    fine.joint_effort,
                    fine.imu_quat_w,
                    fine.imu_ang_vel,
                ),
                strict=True,
            ):
                np.testing.assert_allclose(mine[:, k], theirs, atol=1e-12)
        np.testing.assert_array_equal(plain.joint_pos, recorded.joint_pos)
        np.testing.assert_array_equal(plain.base_quat_w, recorded.base_quat_w)

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from gaitway.robots import RobotError, h23
from gaitway.robots.model_spec import model_spec
from gaitway.robots.stepping import SteppingPattern

LEG = ("left_hip_pitch_joint", "left_knee_joint", "left_ankle_pitch_joint")


def _sole(joint_pos: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the model's left ankle is relative to its hip pitch axis [m], and the up axis of its foot."""
    model = model_spec(h23()).compile()
    data = mujoco.MjData(model)
    data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
    for name, angle in zip(LEG, joint_pos, strict=True):
        data.qpos[model.joint(name).qposadr[0]] = angle
    mujoco.mj_kinematics(model, data)
    ankle, hip = data.body("left_ankle_pitch"), data.body("left_hip_pitch")
    return ankle.xpos - hip.xpos, ankle.xmat.reshape(3, 3)[:, 2]


@pytest.mark.parametrize("phase", np.linspace(0.0, 0.95, 20))
def test_the_joint_angles_put_the_models_foot_where_the_pattern_has_it_with_its_sole_level(
    phase: float,
) -> None:
    pattern = SteppingPattern(step_length=0.2, step_height=0.1)
    position, up = _sole(pattern.leg(phase))
    x, z = pattern.foot(phase)
    np.testing.assert_allclose(position[[0, 2]], [x, -z], atol=1e-9)
    np.testing.assert_allclose(up, [0.0, 0.0, 1.0], atol=1e-9)


def test_the_middle_of_the_stance_is_the_home_pose() -> None:
    robot, pattern = h23(), SteppingPattern()
    home = dict(zip(robot.joint_names, robot.home_joint_pos, strict=True))
    np.testing.assert_allclose(pattern.leg(0.75), [home[name] for name in LEG], atol=1e-12)


def test_a_foot_moves_by_the_step_length_and_lifts_by_the_step_height_without_jumps() -> None:
    pattern = SteppingPattern(step_length=0.16, step_height=0.06)
    feet = np.array([pattern.foot(phase) for phase in np.linspace(0.0, 1.0, 2001)])
    assert np.ptp(feet[:, 0]) == pytest.approx(0.16)
    assert np.ptp(feet[:, 1]) == pytest.approx(0.06, rel=1e-3)
    assert np.abs(np.diff(feet, axis=0)).max() < 0.001


def test_steps_out_of_reach_are_refused() -> None:
    with pytest.raises(RobotError, match="step_length 0.9 m and step_height 0.05 m are too large"):
        SteppingPattern(step_length=0.9).check()

"""Walking to a point, on a body that moves exactly as it is told."""

from __future__ import annotations

import numpy as np
import pytest

from gaitway.ros.walk_to import velocity_to


@pytest.mark.parametrize("goal", [(5.0, 0.0), (-3.0, 1.0), (0.0, -4.0), (0.4, 0.3)])
def test_a_unicycle_with_side_steps_gets_there_and_stays(goal: tuple[float, float]) -> None:
    position, yaw, dt = np.zeros(2), 0.3, 0.05
    for _ in range(800):
        vx, vy, yaw_rate = velocity_to(np.array(goal), position, yaw)
        assert abs(vx) <= 0.8
        assert abs(vy) <= 0.2
        assert abs(yaw_rate) <= 0.5
        yaw += dt * yaw_rate
        position += dt * np.array([np.cos(yaw) * vx - np.sin(yaw) * vy, np.sin(yaw) * vx + np.cos(yaw) * vy])
    assert np.linalg.norm(position - np.array(goal)) < 0.05

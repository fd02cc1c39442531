"""Many robots are judged as each would be by a supervisor of its own."""

from __future__ import annotations

import numpy as np

from gaitway.robots import h23
from gaitway.robots.foot_height import FootHeight
from gaitway.safety import Supervisor, SupervisorBatch, SupervisorLimits

ROBOT = h23()
LIMITS = SupervisorLimits.from_robot(ROBOT, 0.02)
HEIGHT = FootHeight(ROBOT)
HOME = np.array(ROBOT.home_joint_pos)
N, J = 40, ROBOT.num_joints


def test_robots_that_move_wildly_are_stopped_as_by_supervisors_of_their_own() -> None:
    rng = np.random.default_rng(2)
    batch = SupervisorBatch(LIMITS, N, HEIGHT)
    alone = [Supervisor(LIMITS, HEIGHT) for _ in range(N)]
    wild = np.geomspace(0.05, 4.0, N)[:, None]  # the first ones hardly move
    drift = rng.normal(size=(2, N, J))
    for sample in range(80):
        swing = np.sin(0.1 * sample) * wild
        tilt = 0.8 * swing * np.array([1.0, 0.5]) + rng.normal(0.0, 0.02, (N, 2))
        quat = np.column_stack([np.ones(N), tilt, np.zeros(N)])
        quat /= np.linalg.norm(quat, axis=1, keepdims=True)
        ang_vel = rng.normal(0.0, 1.0, (N, 3)) * wild
        pos = HOME + 0.2 * swing * drift[0] + rng.normal(0.0, 0.01, (N, J))
        vel = 6.0 * wild * drift[1] + rng.normal(0.0, 0.5, (N, J))
        effort = 40.0 * swing * drift[0]
        target = np.clip(HOME + 0.3 * swing * drift[0], ROBOT.position_lower, ROBOT.position_upper)
        batch.base_motion(quat, ang_vel)
        batch.joint_state(pos, vel, effort)
        batch.command(target)
        now_s = 0.005 * sample
        for i, each in enumerate(alone):
            each.base_motion(quat[i], ang_vel[i], now_s)
            each.joint_state(ROBOT.joint_names, pos[i], vel[i], now_s, effort=effort[i])
            each.command(ROBOT.joint_names, target[i], now_s)
            assert batch.stopped[i] == (each.stop is not None)
            if each.stop is not None:
                assert (batch.check[i], batch.value[i], batch.limit[i]) == (
                    each.stop.check, each.stop.value, each.stop.limit,
                )  # fmt: skip
    assert 5 < batch.stopped.sum() < N - 5
    assert len(set(batch.check[batch.stopped])) >= 3


def test_a_robot_that_is_reset_is_watched_anew_and_the_others_go_on() -> None:
    batch = SupervisorBatch(LIMITS, 2)
    still, tilted = np.zeros((2, 3)), np.tile([np.cos(0.5), np.sin(0.5), 0.0, 0.0], (2, 1))
    for _ in range(3):
        batch.base_motion(tilted, still)
    batch.reset(np.array([True, False]))
    batch.base_motion(tilted, still)
    assert batch.stopped.tolist() == [False, True]
    for _ in range(3):
        batch.base_motion(tilted, still)
    assert batch.stopped.all()


def test_a_stop_that_is_requested_is_kept_with_who_requested_it() -> None:
    batch = SupervisorBatch(LIMITS, 2)
    batch.request_stop("guard", np.array([True, False]))
    batch.request_stop("operator", np.array([True, True]))
    assert batch.stopped.all()
    assert batch.check.tolist() == ["guard", "operator"]

"""Targets in simulation are limited as on a robot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaitway.robots import h23
from gaitway.safety import Guard, GuardLimits
from gaitway.tasks import VectorEnv, evaluate, get_task

ROBOT = h23()
WALK = get_task("walk")
GUARDED = replace(WALK, guarded=True)
N = ROBOT.num_joints


def test_each_robot_is_sent_what_a_guard_of_its_own_would_send() -> None:
    env = VectorEnv(replace(GUARDED, terminations=()), ROBOT, 8, seed=3)
    env.reset()
    assert env.guard is not None
    guards = [Guard(GuardLimits.from_robot(ROBOT), GUARDED.step_dt) for _ in range(8)]
    rng = np.random.default_rng(0)
    limited = 0
    for _ in range(15):
        action = rng.normal(0.0, 0.5, (8, N))
        wanted = np.array(env.action_spec.offset) + np.array(env.action_spec.scale) * action
        pos, vel = env.sim.measured_joint_pos.copy(), env.sim.joint_vel.copy()
        results = [
            guard.filter(*each)
            for guard, each in zip(guards, zip(wanted, pos, vel, strict=True), strict=True)
        ]
        infos = env.step(action)[-1]
        for i, result in enumerate(results):
            assert result.joint_pos_target is not None
            np.testing.assert_array_equal(env.guard.joint_pos_target[i], result.joint_pos_target)
            assert infos["guarded"][i] == bool(result.acted)
            assert not infos["damped"][i]
            limited += bool(result.acted)
    assert limited > 20


def test_robots_that_a_guard_would_damp_are_said() -> None:
    env = VectorEnv(GUARDED, ROBOT, 2, seed=3)
    env.reset()
    knee = ROBOT.joint_names.index("left_knee_joint")
    env.sim.joint_pos[1, knee] = ROBOT.position_upper[knee] + 1.0
    assert env.step(np.zeros((2, N)))[-1]["damped"].tolist() == [False, True]


def test_where_nothing_is_limited_a_guarded_task_is_the_same_to_the_bit() -> None:
    envs = [VectorEnv(task, ROBOT, 16, seed=1) for task in (WALK, GUARDED)]
    for env in envs:
        env.reset()
    rng = np.random.default_rng(0)
    for _ in range(20):
        action = rng.normal(0.0, 0.02, (16, N))
        plain, guarded = (env.step(action) for env in envs)
        assert not guarded[-1]["guarded"].any()
        for a, b in zip(plain[:4], guarded[:4], strict=True):
            np.testing.assert_array_equal(a, b)


def test_a_guarded_environment_goes_on_from_its_state() -> None:
    envs = [VectorEnv(GUARDED, ROBOT, 8, seed=seed) for seed in (1, 1)]
    for env in envs:
        env.reset(options={"desynchronize": True})
    rng = np.random.default_rng(0)
    for _ in range(30):
        envs[0].step(rng.normal(size=(8, N)))
    envs[1].load_state_dict(envs[0].state_dict())
    for _ in range(30):
        action = rng.normal(size=(8, N))
        first, second = (env.step(action) for env in envs)
        for a, b in zip(first[:4], second[:4], strict=True):
            np.testing.assert_array_equal(a, b)


def test_an_evaluation_says_in_how_many_steps_the_guard_acts() -> None:
    shares = [
        evaluate(
            lambda obs, a=size: np.full((len(obs), N), a), WALK, ROBOT, num_robots=4, episode_s=0.1
        ).guarded
        for size in (0.0, 9.0)
    ]
    assert shares == [0.0, 1.0]

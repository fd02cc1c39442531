from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from gaitway.errors import GaitwayError
from gaitway.robots import h23
from gaitway.tasks import NavigateConfig, NavigateEnv, SingleEnv, TaskError
from gaitway.tasks.bodies import PlanarBody
from gaitway.tasks.courses import CourseConfig, Courses
from gaitway.tasks.navigate import SKILLS, TURNING_SKILLS
from gaitway.tasks.walking_body import WalkingBody

FORWARD, BACKWARD, LEFT, RIGHT, STAND = range(5)
COMMANDS = np.array([skill.command for skill in SKILLS])


def towards_the_goal(obs: np.ndarray) -> np.ndarray:
    """The skill that leads most nearly to the goal, whatever is in the way."""
    directions = COMMANDS[:4, :2] / np.linalg.norm(COMMANDS[:4, :2], axis=1, keepdims=True)
    return (obs[:, 1:3] @ directions.T).argmax(axis=1)


def courses(count: int, seed: int, config: CourseConfig | None = None) -> Courses:
    laid = Courses(config or CourseConfig(), count)
    laid.lay(np.random.default_rng(seed), np.zeros((count, 2)), np.ones(count, dtype=bool))
    return laid


def test_gymnasiums_checker_passes_a_single_robot() -> None:
    check_env(SingleEnv(NavigateEnv(1)), skip_close_check=True, skip_render_check=True)


def test_every_goal_can_be_reached() -> None:
    """Discs grown by the robot's radius touch neither each other nor start and goal: nothing is enclosed."""
    laid = courses(500, seed=0)
    config = laid.config
    grown = config.obstacle_radius + config.robot_radius
    for goal, obstacles, present in zip(laid.goal_w, laid.obstacle_w, laid.present, strict=True):
        kept = obstacles[present]
        for place in (np.zeros(2), goal):
            assert (np.linalg.norm(kept - place, axis=1) > grown + config.gap).all()
        for one, other in itertools.combinations(kept, 2):
            assert np.linalg.norm(one - other) >= 2.0 * grown + config.gap
    distance = np.linalg.norm(laid.goal_w, axis=1)
    assert config.goal_distance[0] <= distance.min()
    assert distance.max() <= config.goal_distance[1]
    assert 1.5 < laid.present.sum(axis=1).mean() < 4.0
    blocked = [
        any(np.linalg.norm(o - np.clip(o @ g / (g @ g), 0, 1) * g) < grown for o in obstacles[present])
        for g, obstacles, present in zip(laid.goal_w, laid.obstacle_w, laid.present, strict=True)
    ]
    assert np.mean(blocked) > 0.5  # and the straight way often is not free


def test_the_scan_shows_what_dense_rays_show() -> None:
    laid = courses(40, seed=1)
    config, rng = laid.config, np.random.default_rng(2)
    position, yaw = rng.uniform(-2.0, 2.0, (40, 2)), rng.uniform(-np.pi, np.pi, 40)
    outside = laid.clearance(position) > -config.robot_radius + 0.01
    ranges = laid.scan(position, yaw)
    angles = np.linspace(-np.pi / 8, np.pi / 8, 2001)
    seen = 0
    for i in np.nonzero(outside)[0]:
        for sector in range(8):
            bearing = yaw[i] + sector * np.pi / 4 + angles
            rays = np.stack([np.cos(bearing), np.sin(bearing)], axis=-1)
            along = rays @ (laid.obstacle_w[i][laid.present[i]] - position[i]).T
            squared = np.square(laid.obstacle_w[i][laid.present[i]] - position[i]).sum(axis=1)
            beyond = config.obstacle_radius**2 - squared + along**2
            reach = np.where((beyond >= 0) & (along > 0), along - np.sqrt(np.maximum(beyond, 0)), np.inf)
            expected = min(config.scan_range, reach.min(initial=np.inf))
            assert abs(ranges[i, sector] - expected) < 0.02
            seen += expected < config.scan_range
    assert seen > 50


def test_a_point_moves_by_the_integral_of_its_velocity() -> None:
    body = PlanarBody(1, 0.4)
    for _ in range(5):
        body.move(np.array([[0.6, 0.0, 0.0]]))
    np.testing.assert_allclose(body.pose_w, [[0.6 * 2.0 - 0.6**2 / 2.0, 0.0, 0.0]], atol=1e-9)
    for _ in range(5):
        body.move(np.array([[0.0, 0.0, 0.0]]))
    np.testing.assert_allclose(body.pose_w, [[0.6 * 2.0, 0.0, 0.0]], atol=1e-3)
    body = PlanarBody(1, 0.4)
    turn = np.array([[0.6, 0.0, 0.7]])
    for _ in range(5):
        body.move(turn)
    start = body.pose_w[0]
    for _ in range(10):
        body.move(turn)
    ahead, left = (
        np.array([np.cos(start[2]), np.sin(start[2])]),
        np.array([-np.sin(start[2]), np.cos(start[2])]),
    )
    angle = 0.7 * 4.0
    expected = start[:2] + 0.6 / 0.7 * (np.sin(angle) * ahead + (1.0 - np.cos(angle)) * left)
    np.testing.assert_allclose(body.pose_w[0], [*expected, start[2] + angle], atol=1e-3)


def test_the_goal_and_the_motion_are_seen_from_the_robot() -> None:
    env = NavigateEnv(64, config=NavigateConfig(skills=TURNING_SKILLS, course=CourseConfig(obstacles=0)))
    before, _ = env.reset(seed=0)
    for _ in range(3):
        env.step(np.full(64, LEFT))
    obs, *_ = env.step(np.full(64, LEFT))
    turned = np.arctan2(before[:, 2], before[:, 1]) - np.arctan2(obs[:, 2], obs[:, 1])
    np.testing.assert_allclose(np.cos(turned - env.body.pose_w[:, 2]), 1.0, atol=1e-6)
    np.testing.assert_allclose(obs[:, -1], 0.7, atol=1e-5)
    obs, *_ = env.step(np.full(64, FORWARD))
    obs, *_ = env.step(np.full(64, FORWARD))
    assert (obs[:, -3] > 0.4).all()
    np.testing.assert_allclose(obs[:, -2], 0.0, atol=1e-2)


def test_rewards_and_ends_are_as_documented() -> None:
    env = NavigateEnv(64)
    config = env.config
    obs, _ = env.reset(seed=5)
    seen = {"reached": 0, "collided": 0, "truncated": 0}
    idle = np.arange(64) < 8
    for step in range(1, 121):
        before = np.linalg.norm(env.courses.goal_w - env.body.pose_w[:, :2], axis=1)
        goal_w = env.courses.goal_w.copy()
        obs, reward, terminated, truncated, infos = env.step(np.where(idle, STAND, towards_the_goal(obs)))
        after = np.linalg.norm(goal_w - env.body.pose_w[:, :2], axis=1)
        reached, collided = infos["reached"], infos["collided"]
        expected = before - after - config.time_cost
        expected += config.goal_reward * reached - config.failure_cost * collided
        np.testing.assert_allclose(reward, expected, atol=1e-5)
        np.testing.assert_array_equal(terminated, reached | collided)
        np.testing.assert_array_equal(reached, (after < config.goal_radius) & ~collided)
        assert truncated[idle].all() == (step == config.episode_steps) or step > config.episode_steps
        if (ended := terminated | truncated).any():
            np.testing.assert_array_equal(infos["_final_obs"], ended)
            np.testing.assert_allclose(infos["final_obs"][:, 0], np.minimum(after, 6.0), atol=1e-5)
            assert (obs[ended, 0] >= config.course.goal_distance[0] - 1e-5).all()
            np.testing.assert_array_equal(infos["final_obs"][~ended], obs[~ended])
        for name, value in (*infos.items(), ("truncated", truncated)):
            if name in seen:
                seen[name] += int(value.sum())
    assert min(seen.values()) > 7


def test_a_seed_begins_the_same_episodes_again() -> None:
    env = NavigateEnv(6)

    def rollout(seed: int) -> np.ndarray:
        rows = [env.reset(seed=seed)[0]]
        rng = np.random.default_rng(0)
        rows += [env.step(rng.integers(5, size=6))[0] for _ in range(60)]
        return np.stack(rows)

    once = rollout(3)
    np.testing.assert_array_equal(once, rollout(3))
    assert (once != rollout(4)).any()


def test_a_robots_fate_never_depends_on_its_neighbours() -> None:
    def rollout(others: int) -> np.ndarray:
        env = NavigateEnv(8)
        obs, _ = env.reset(seed=2)
        rows = []
        for _ in range(150):
            actions = np.full(8, others)
            actions[3] = towards_the_goal(obs)[3]
            obs, reward, terminated, *_ = env.step(actions)
            rows.append([*obs[3], reward[3], terminated[3]])
        return np.array(rows)

    with_idle = rollout(STAND)
    np.testing.assert_array_equal(with_idle, rollout(FORWARD))
    assert with_idle[:, -1].sum() > 3


def assert_goes_on(env: NavigateEnv, other: NavigateEnv, steps: int) -> None:
    rng = np.random.default_rng(1)
    env.reset(seed=0, options={"desynchronize": True})
    for _ in range(steps):
        env.step(rng.integers(5, size=env.num_envs))
    other.load_state_dict(env.state_dict())
    for _ in range(steps):
        actions = rng.integers(5, size=env.num_envs)
        for ours, theirs in zip(env.step(actions)[:4], other.step(actions)[:4], strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    config = NavigateConfig(episode_s=8.0)
    assert_goes_on(NavigateEnv(8, config=config), NavigateEnv(8, config=config), 40)


def test_what_a_step_returned_does_not_change_afterwards() -> None:
    env = NavigateEnv(4, config=NavigateConfig(episode_s=0.8))
    env.reset(seed=0)
    env.step(np.zeros(4, dtype=np.int64))
    *first, infos = env.step(np.zeros(4, dtype=np.int64))
    values = [*first, *infos.values()]
    kept = [value.copy() for value in values]
    for _ in range(5):
        env.step(np.full(4, LEFT))
    for value, before in zip(values, kept, strict=True):
        np.testing.assert_array_equal(value, before)


def walking(num_envs: int, num_threads: int = 1) -> NavigateEnv:
    body = WalkingBody(h23(), num_envs, 0.4, num_threads=num_threads)
    return NavigateEnv(num_envs, body=body, config=NavigateConfig(course=CourseConfig(obstacles=0)))


def test_the_robot_walks_where_its_skills_say() -> None:
    env = walking(5)
    env.reset(seed=0)
    for _ in range(8):
        env.step(np.arange(5))
    x, y, _ = env.body.pose_w.T
    assert x[FORWARD] > 0.8
    assert x[BACKWARD] < -0.4
    assert y[LEFT] > 0.3
    assert y[RIGHT] < -0.3
    assert np.hypot(x[STAND], y[STAND]) < 0.2


def test_a_walking_robot_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    assert_goes_on(walking(2), walking(2), 4)


def test_input_that_means_nothing_is_refused() -> None:
    with pytest.raises(TaskError, match="num_envs >= 1; got 0"):
        NavigateEnv(0)
    with pytest.raises(TaskError, match="a body of 2 robots and steps of 0.4 s; got 3 and 0.4 s"):
        NavigateEnv(2, body=PlanarBody(3, 0.4))
    with pytest.raises(GaitwayError, match="step_dt must be above 0; got -1"):
        NavigateConfig(step_dt=-1)
    with pytest.raises(GaitwayError, match="gap must be above 0; got 0"):
        replace(CourseConfig(), gap=0.0)
    env = NavigateEnv(2)
    with pytest.raises(TaskError, match="before reset"):
        env.step(np.zeros(2, dtype=np.int64))
    env.reset(seed=0)
    with pytest.raises(TaskError, match=r"whole numbers of shape \(2,\); got float64 \(2,\)"):
        env.step(np.zeros(2))
    with pytest.raises(TaskError, match="from 0 to 4; got 0 to 5"):
        env.step(np.array([0, 5]))

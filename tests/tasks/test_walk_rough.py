from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.sim import TerrainConfig
from gaitway.tasks import StepView, Task, VectorEnv, get_task
from gaitway.tasks.privileged import SCAN, ground_scan
from gaitway.tasks.vector_env import START_SPREAD

ROBOT = h23()
N = ROBOT.num_joints
ROUGH = replace(
    get_task("walk_rough"),
    terrain=TerrainConfig(levels=4, tile_size=6.0, platform=2.0, resolution=0.1, apron=3.0),
)


def always(step: StepView) -> np.ndarray:
    return np.ones(step.sim.num_envs, dtype=bool)


def one(step: StepView) -> np.ndarray:
    return np.ones(step.sim.num_envs)


def starts(env: VectorEnv) -> tuple[np.ndarray, np.ndarray]:
    """Rows and columns of the tiles that robots are on, which they must have started near the middle of."""
    terrain = env.sim.terrain
    assert terrain is not None
    offset = np.abs(terrain.origins[:, :, None] - env.sim.base_pos_w[:, :2]).max(axis=-1)
    rows, columns = np.divmod(offset.reshape(-1, env.num_envs).argmin(axis=0), terrain.config.columns)
    assert (offset.min(axis=(0, 1)) <= START_SPREAD).all()
    return rows, columns


def short(**changes) -> Task:
    """Episodes of five steps, without anything that disturbs."""
    return replace(ROUGH, **{"episode_s": 0.1, "pushes": None, "randomization": None, **changes})


def test_steps_on_every_tile_and_stays_finite() -> None:
    env = VectorEnv(ROUGH.for_evaluation(), ROBOT, 28, seed=1)
    env.reset()
    rng = np.random.default_rng(0)
    for _ in range(20):
        obs, reward, _, _, infos = env.step(0.3 * rng.normal(size=(28, N)))
        assert np.isfinite(obs).all()
        assert np.isfinite(reward).all()
        assert np.isfinite(infos["privileged"]).all()
        assert infos["privileged"].shape == (28, env.privileged_size)


def test_an_evaluation_spreads_robots_over_all_levels_and_kinds() -> None:
    env = VectorEnv(ROUGH.for_evaluation(), ROBOT, 28)
    env.reset(seed=3)
    rows, columns = starts(env)
    assert np.bincount(rows).min() >= 4
    assert np.bincount(columns).min() == np.bincount(columns).max() == 4


def test_robots_that_do_well_rise_a_row_and_robots_that_fall_sink() -> None:
    assert ROUGH.curriculum is not None
    curriculum = replace(ROUGH.curriculum, measure=one, threshold=0.5, step=0.34)
    env = VectorEnv(short(terminations=(), curriculum=curriculum), ROBOT, 7)
    env.reset()
    _, columns = starts(env)
    for row in (0, 1, 2, 3, 3):
        np.testing.assert_array_equal(starts(env)[0], row)
        np.testing.assert_array_equal(starts(env)[1], columns)
        for _ in range(5):
            env.step(np.zeros((7, N)))
    falling = VectorEnv(short(terminations=(always,), curriculum=curriculum), ROBOT, 7)
    falling.level[:] = 1.0
    falling.reset()
    for row in (3, 2, 1, 0, 0):
        np.testing.assert_array_equal(starts(falling)[0], row)
        falling.step(np.zeros((7, N)))


def test_heights_are_above_the_ground_and_not_above_the_origin() -> None:
    env = VectorEnv(short(episode_s=4.0).for_evaluation(), ROBOT, 28, seed=3)
    env.reset()
    for _ in range(25):
        env.step(np.zeros((28, N)))
    view = env._view(np.zeros((28, N)), np.zeros(28, dtype=bool))
    assert np.ptp(env.sim.base_pos_w[:, 2]) > 0.3
    assert np.ptp(view.base_height) < 0.12
    assert (np.abs(view.foot_height) < 0.1).all()


def test_the_critic_sees_the_ground_around_the_base_turned_with_it() -> None:
    env = VectorEnv(short().for_evaluation(), ROBOT, 28, seed=3)
    env.reset()
    terrain = env.sim.terrain
    assert terrain is not None
    side = terrain.origins[-1, -2] - [1.5, 0.0]  # on the hardest stairs up, facing them
    env.sim.base_pos_w[0, :2] = env.sim.base_pos_w[1, :2] = side
    env.sim.base_quat_w[1] = (0.0, 0.0, 0.0, 1.0)  # turned round
    scan = ground_scan(env._view(np.zeros((28, N)), np.zeros(28, dtype=bool)))
    expected = terrain.height(*(side + np.array(SCAN)).T) - terrain.height(*side)
    np.testing.assert_allclose(scan[0], 10.0 * expected, atol=1e-9)
    np.testing.assert_array_equal(
        scan[0, : len(SCAN) // 2], scan[0, len(SCAN) // 2 :]
    )  # the same on both sides
    assert scan[0, 5] > 0.5
    assert scan[1, 5] < -0.5


def test_coming_to_the_end_of_the_ground_truncates() -> None:
    env = VectorEnv(short(episode_s=4.0), ROBOT, 7)
    env.reset()
    terrain = env.sim.terrain
    assert terrain is not None
    env.sim.base_pos_w[3] = (terrain.half_size[0] + 2.6, 0.0, ROBOT.home_base_height)
    env.sim.base_pos_w[5] = (terrain.half_size[0] + 2.3, 0.0, ROBOT.home_base_height)
    _, _, terminated, truncated, infos = env.step(np.zeros((7, N)))
    np.testing.assert_array_equal(truncated, np.arange(7) == 3)
    assert not terminated.any()
    np.testing.assert_array_equal(infos["_final_obs"], truncated)
    starts_again = env.sim.base_pos_w[3, :2]
    assert terrain.contains(*starts_again)


def test_a_diverged_robot_ends_its_episode_on_terrain_too() -> None:
    env = VectorEnv(short(episode_s=4.0), ROBOT, 3)
    env.reset()
    env.sim._qvel[1, 0] = np.inf
    with np.errstate(invalid="ignore"):
        obs, reward, terminated, _, infos = env.step(np.zeros((3, N)))
    np.testing.assert_array_equal(infos["diverged"], [False, True, False])
    assert terminated[1]
    assert np.isfinite(obs).all()
    assert np.isfinite(reward).all()
    assert np.isfinite(infos["privileged"]).all()


@pytest.mark.parametrize("threads", [1, 2])
def test_goes_on_from_a_saved_state_to_the_same_bits(threads: int) -> None:
    def toppling() -> VectorEnv:
        return VectorEnv(replace(ROUGH, episode_s=0.6), ROBOT, 8, seed=1, num_threads=threads)

    env, other = toppling(), toppling()
    rng = np.random.default_rng(0)
    env.reset(options={"desynchronize": True})
    for _ in range(40):
        env.step(rng.normal(size=(8, N)))
    other.load_state_dict(env.state_dict())
    assert env.level.any()
    for _ in range(40):
        action = rng.normal(size=(8, N))
        for a, b in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            np.testing.assert_array_equal(a, b)

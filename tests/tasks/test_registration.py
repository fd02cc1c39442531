"""What users of Gymnasium rely on, for every environment that the package registers."""

from __future__ import annotations

import subprocess
import sys
import warnings
from dataclasses import replace
from typing import Any

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.wrappers import vector as wrappers

from gaitway.errors import UnknownNameError
from gaitway.robots import h23
from gaitway.tasks import TASKS, HumanoidV5, Pushes, SingleEnv, get_task
from gaitway.tasks.registration import BATCHED, make_vector_env, register_environments

IGNORED = pytest.mark.filterwarnings("error", "ignore:.*(infinity|symmetric and normalized)")
"""Advice on spaces that Gymnasium's own MuJoCo environments do not follow either."""

NAMES = [f"gaitway/{name}" for name in (*TASKS, *BATCHED, "navigate", "navigate_walking")]


def steps(env: VectorEnv, count: int, seed: int = 0) -> list[tuple]:
    env.action_space.seed(seed)
    return [env.step(env.action_space.sample()) for _ in range(count)]


def test_a_program_that_names_the_package_needs_no_other_import() -> None:
    program = (
        "import gymnasium\n"
        "env = gymnasium.make_vec('gaitway.tasks:gaitway/walk', num_envs=8)\n"
        "print(env.reset(seed=0)[0].shape[0])\n"
    )
    done = subprocess.run([sys.executable, "-W", "error", "-c", program], capture_output=True, text=True)
    assert done.stdout == "8\n", done.stderr


def test_registering_again_changes_nothing() -> None:
    before = dict(gymnasium.registry)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        register_environments()
    assert gymnasium.registry == before
    assert set(NAMES) <= set(before)


@pytest.mark.parametrize("name", NAMES)
def test_spaces_contain_what_they_should_and_modes_are_declared(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        env = gymnasium.make_vec(name, num_envs=8)
    assert env.num_envs == 8
    assert env.spec is not None
    assert env.spec.id == name
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    first = env.reset(seed=1)
    rows = steps(env, 40)
    for obs, infos in (first, *((row[0], row[4]) for row in rows)):
        assert obs in env.observation_space
        assert all(row in env.single_observation_space for row in obs)
        assert all(len(value) == 8 for value in infos.values())
    for _, reward, terminated, truncated, _ in rows:
        assert reward.shape == terminated.shape == truncated.shape == (8,)
        assert terminated.dtype == truncated.dtype == np.bool_
    env.close()


@pytest.mark.parametrize("name", NAMES)
def test_a_seeded_reset_begins_the_same_rollout_again(name: str) -> None:
    env = gymnasium.make_vec(name, num_envs=4)

    def rollout(seed: int) -> np.ndarray:
        first = env.reset(seed=seed)[0]
        return np.stack([first, *(step[0] for step in steps(env, 40)), env.reset()[0]])

    once = rollout(3)
    np.testing.assert_array_equal(once, rollout(3))
    assert (once != rollout(4)).any()


def test_robots_differ_between_two_environments_unless_a_seed_is_given() -> None:
    def mass(**kwargs: Any) -> np.ndarray:
        env = gymnasium.make_vec("gaitway/walk", num_envs=2, **kwargs)
        return env.unwrapped.sim.draw.link_mass  # pyright: ignore[reportAttributeAccessIssue]

    assert (mass() != mass()).any()
    np.testing.assert_array_equal(mass(seed=1), mass(seed=1))


def test_the_next_episode_begins_in_the_step_that_ends_one() -> None:
    env = gymnasium.make_vec("gaitway/Humanoid-v5", num_envs=2, max_episode_steps=5)
    env.reset(seed=0)
    rows = steps(env, 12)
    for index, (obs, _, terminated, truncated, infos) in enumerate(rows, start=1):
        assert not terminated.any()
        assert truncated.all() == (index % 5 == 0)
        if truncated.any():
            assert (infos["final_obs"] != obs).any(axis=1).all()
            assert np.abs(obs[:, 22:45]).max() <= 0.01  # velocities of a fresh start


def test_standard_vector_wrappers_work() -> None:
    task = replace(get_task("stand"), pushes=Pushes(interval_s=(0.2, 1.0), impulse=(60.0, 60.0)))
    robot = h23()
    env: VectorEnv = make_vector_env(8, task, robot, seed=0)
    env = wrappers.RecordEpisodeStatistics(env)
    env = wrappers.ClipAction(env)
    env = wrappers.TransformReward(env, lambda reward: 2.0 * reward)
    env = wrappers.DictInfoToList(env)
    env.reset(seed=0)
    returns, lengths, found = np.zeros(8), np.zeros(8, dtype=int), 0
    for _ in range(120):
        _, reward, terminated, truncated, infos = env.step(np.zeros((8, robot.num_joints)))
        returns += reward / 2.0
        lengths += 1
        for i in np.nonzero(terminated | truncated)[0]:
            assert infos[i]["episode"]["l"] == lengths[i]
            assert infos[i]["episode"]["r"] == pytest.approx(returns[i], rel=1e-5)
            assert infos[i]["final_obs"].shape == env.single_observation_space.shape
            returns[i], lengths[i] = 0.0, 0
            found += 1
    assert found > 4


@pytest.mark.parametrize("name", [f"gaitway/{name}" for name in TASKS])
@IGNORED
def test_gymnasiums_checker_passes_single_environments(name: str) -> None:
    check_env(gymnasium.make(name).unwrapped)


@IGNORED
def test_gymnasiums_checker_passes_a_single_humanoid() -> None:
    check_env(SingleEnv(HumanoidV5(1)), skip_close_check=True, skip_render_check=True)


def test_single_environments_can_be_put_side_by_side_by_gymnasium() -> None:
    env = gymnasium.make_vec("gaitway/stand", num_envs=3, vectorization_mode="sync")
    obs, _ = env.reset(seed=0)
    assert len({row.tobytes() for row in obs}) == 3
    assert steps(env, 3)[-1][0] in env.observation_space


def test_names_and_objects_are_taken_and_others_are_refused() -> None:
    assert make_vector_env(2, get_task("stand"), h23(), seed=0).num_envs == 2
    with pytest.raises(UnknownNameError, match="unknown robot 'h32'; did you mean 'h23'"):
        gymnasium.make_vec("gaitway/stand", num_envs=2, robot="h32")

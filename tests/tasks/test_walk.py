"""The task `walk`: what is asked of the robots, what they observe of it, and how the answer is measured."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.tasks import ObservationTerm, VectorEnv, VelocityCommands, evaluate, get_task, zero_action
from gaitway.tasks.latency import DelayLine

ROBOT = h23()
N = ROBOT.num_joints
WALK = get_task("walk")


def _zeros(env: VectorEnv) -> np.ndarray:
    return np.zeros((env.num_envs, N))


def test_commands_fill_their_ranges_some_stand_and_all_are_renewed_in_time() -> None:
    commands = VelocityCommands(
        lin_vel_x=(-0.5, 1.0),
        lin_vel_y=(-0.3, 0.3),
        ang_vel_z=(-0.2, 0.4),
        interval_s=(0.2, 0.4),
        standing=0.2,
    )
    env = VectorEnv(replace(WALK, commands=commands, curriculum=None), ROBOT, 128, seed=1)
    env.reset()
    seen, since = [env.command.copy()], np.zeros(128)
    for _ in range(40):
        before = env.command.copy()
        _, _, terminated, truncated, _ = env.step(_zeros(env))
        changed = (env.command != before).any(axis=1)
        since = np.where(changed | terminated | truncated, 0, since + 1)
        assert since.max() <= 2 * 20 + 1  # a stand may follow a stand
        seen.append(env.command[changed])
    given = np.concatenate(seen)
    stands = ~given.any(axis=1)
    assert 0.1 < stands.mean() < 0.3
    for column, (low, high) in enumerate((commands.lin_vel_x, commands.lin_vel_y, commands.ang_vel_z)):
        assert low <= given[:, column].min() < low + 0.1 * (high - low)
        assert high - 0.1 * (high - low) < given[:, column].max() <= high


def test_an_evaluation_gives_each_episode_one_command_of_its_own_ranges() -> None:
    env = VectorEnv(WALK.for_evaluation(), ROBOT, 64, seed=1)
    env.reset()
    command, running = env.command.copy(), np.ones(64, dtype=bool)
    assert command[:, 0].min() >= -0.5
    assert (np.abs(command) > 0.0).all()
    for _ in range(60):
        _, _, terminated, _, _ = env.step(_zeros(env))
        running &= ~terminated
        np.testing.assert_array_equal(env.command[running], command[running])


def test_a_robot_that_stands_still_errs_by_its_whole_command() -> None:
    """Whether it stands or has fallen: the error is the command, to what it sways."""
    slow = VelocityCommands(
        lin_vel_x=(0.3, 1.0), lin_vel_y=(-0.3, 0.3), ang_vel_z=(0.2, 0.5), interval_s=None
    )
    task = replace(WALK, evaluation_commands=slow, evaluation_pushes=None, pushes=None)
    result = evaluate(lambda obs: zero_action(obs, N), task, ROBOT, num_robots=64, episode_s=6.0, seed=3)
    env = VectorEnv(task.for_evaluation(), ROBOT, 64, seed=3)
    env.reset()
    assert result.tracking is not None
    planar = math.sqrt(np.square(env.command[:, :2]).sum(axis=1).mean())
    assert result.tracking.velocity_error_rms == pytest.approx(planar, rel=0.1)
    yaw_rate = math.sqrt(np.square(env.command[:, 2]).mean())
    assert result.tracking.yaw_rate_error_rms == pytest.approx(yaw_rate, rel=0.1)


def test_another_seed_draws_other_robots_commands_and_noise() -> None:
    task = WALK.for_evaluation()
    one, other, again = (VectorEnv(task, ROBOT, 4, seed=seed) for seed in (1, 2, 1))
    observations = [env.reset()[0] for env in (one, other, again)]
    np.testing.assert_array_equal(observations[0], observations[2])
    assert (observations[0] != observations[1]).any(axis=0).sum() > 40
    for name, drawn in one.sim.draw.arrays().items():
        assert (drawn != other.sim.draw.arrays()[name]).all() or name == "link_mass"
    assert (one.command != other.command).all()


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    env, other = (VectorEnv(WALK, ROBOT, 6, seed=1) for _ in range(2))
    rng = np.random.default_rng(0)
    env.reset(options={"desynchronize": True})
    for _ in range(40):
        env.step(rng.normal(size=(6, N)))
    other.load_state_dict({name: value.copy() for name, value in env.state_dict().items()})
    for _ in range(80):
        action = rng.normal(size=(6, N))
        ours, theirs = env.step(action), other.step(action)
        for a, b in zip(ours[:4], theirs[:4], strict=True):
            np.testing.assert_array_equal(a, b)
        np.testing.assert_array_equal(ours[4]["privileged"], theirs[4]["privileged"])


def test_a_curriculum_rises_with_tracking_and_sinks_with_falls() -> None:
    assert WALK.curriculum is not None
    easy = replace(WALK.curriculum, threshold=0.0, pushes=0.0)
    standing = replace(WALK, curriculum=easy, pushes=None, randomization=None, episode_s=0.5)
    env = VectorEnv(standing, ROBOT, 4, seed=0)
    env.reset()
    for _ in range(50):
        env.step(_zeros(env))
    np.testing.assert_allclose(env.level, 2 * easy.step)  # two episodes to the time limit
    for _ in range(200):
        env.step(np.full((4, N), 10.0))
    np.testing.assert_array_equal(env.level, 0.0)


def test_an_observation_is_as_old_as_its_delay_says() -> None:
    def observed(delay: float) -> np.ndarray:
        terms = tuple(
            ObservationTerm(
                term=term.term, delay_steps=(delay, delay) if term.term.name == "joint_vel" else (0.0, 0.0)
            )
            for term in WALK.observation
        )
        env = VectorEnv(replace(WALK, observation=terms, randomization=None, pushes=None), ROBOT, 2, seed=2)
        env.reset()
        rng = np.random.default_rng(1)
        rows = [env.step(rng.normal(size=(2, N)))[0] for _ in range(10)]
        return np.stack(rows)[:, :, 11 + N : 11 + 2 * N]  # behind 11 values and the joint positions

    prompt, late, half = observed(0.0), observed(1.0), observed(0.5)
    np.testing.assert_allclose(late[1:], prompt[:-1], atol=1e-6)
    np.testing.assert_allclose(half[1:], (prompt[1:] + prompt[:-1]) / 2.0, atol=1e-5)


def test_a_delay_line_of_a_fresh_robot_holds_its_first_value() -> None:
    line = DelayLine(1.5, 2, 1)
    line.fill(np.array([[1.0], [1.0]]), np.array([0, 1]))
    line.push(np.array([[2.0], [2.0]]))
    line.fill(np.array([[5.0]]), np.array([1]))
    np.testing.assert_allclose(line.read(np.array([1.5, 1.5])), [[1.0], [5.0]])
    np.testing.assert_allclose(line.read(np.array([0.25, 0.0])), [[1.75], [5.0]])

from __future__ import annotations

from dataclasses import replace

import gymnasium
import numpy as np
import pytest
from gymnasium.vector import AutoresetMode

from gaitway.robots import h23
from gaitway.tasks import (
    JointPositionAction,
    Pushes,
    Task,
    TaskError,
    VectorEnv,
    evaluate,
    get_task,
    zero_action,
)

ROBOT = h23()
STAND = get_task("stand")
N = ROBOT.num_joints


def quiet(**changes) -> Task:
    """`stand` without noise and pushes."""
    terms = tuple(replace(term, noise=0.0) for term in STAND.observation)
    return replace(STAND, **{"observation": terms, "pushes": None, **changes})


def toppling() -> Task:
    """Pushed hard enough that everybody falls, early."""
    return replace(STAND, pushes=Pushes(interval_s=(0.2, 1.0), impulse=(60.0, 60.0)))


def zeros(env: VectorEnv) -> np.ndarray:
    return np.zeros((env.num_envs, N))


def test_is_a_gymnasium_vector_env() -> None:
    env = VectorEnv(STAND, ROBOT, 4)
    assert isinstance(env, gymnasium.vector.VectorEnv)
    assert env.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    obs, info = env.reset(seed=3)
    assert env.observation_space.contains(obs)
    assert info == {}
    obs, reward, terminated, truncated, _ = env.step(env.action_space.sample())
    assert env.observation_space.contains(obs)
    assert (reward.shape, terminated.dtype, truncated.dtype) == ((4,), np.bool_, np.bool_)


def test_the_policy_sees_only_what_a_robot_measures() -> None:
    assert {term.term.topic for term in STAND.observation} <= {"/joint_states", "/imu/data", "controller"}


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads() -> None:
    def run(seed: int, threads: int) -> np.ndarray:
        env = VectorEnv(toppling(), ROBOT, 8, num_threads=threads)
        rng = np.random.default_rng(0)
        rows = [env.reset(seed=seed)[0]]
        rows += [env.step(rng.normal(size=(8, N)))[0] for _ in range(120)]
        return np.stack(rows)

    np.testing.assert_array_equal(run(5, 1), run(5, 2))
    assert (run(5, 1) != run(6, 1)).any()


def test_a_fall_ends_that_robots_episode_alone_and_shows_its_last_observation() -> None:
    env = VectorEnv(toppling(), ROBOT, 16, seed=1)
    env.reset()
    ages = np.zeros(16, dtype=int)
    gravity = slice(3, 6)
    seen = 0
    for _ in range(150):
        obs, reward, terminated, truncated, infos = env.step(zeros(env))
        ages += 1
        ended = terminated | truncated
        np.testing.assert_array_equal(env.episode_step, np.where(ended, 0, ages))
        ages[ended] = 0
        assert not truncated.any()
        if ended.any():
            np.testing.assert_array_equal(infos["_final_obs"], ended)
            assert (infos["final_obs"][ended][:, gravity][:, 2] > -0.7).all()  # it was on its way down
            assert (obs[ended][:, gravity][:, 2] < -0.9).all()  # and stands again
            np.testing.assert_array_equal(infos["final_obs"][~ended], obs[~ended])
            assert (reward[ended] < -3.0).all()
            seen += ended.sum()
    assert seen > 16


def test_the_time_limit_truncates_and_does_not_terminate() -> None:
    env = VectorEnv(quiet(episode_s=0.2), ROBOT, 3)
    env.reset()
    for step in range(1, 21):
        _, _, terminated, truncated, infos = env.step(zeros(env))
        assert not terminated.any()
        assert truncated.all() == (step % 10 == 0)
        assert ("final_obs" in infos) == (step % 10 == 0)


def test_a_robot_meets_the_same_pushes_whatever_acts_and_whoever_falls() -> None:
    def pushes(scale: float) -> np.ndarray:
        often = Pushes(interval_s=(0.5, 1.0), impulse=(3.0, 8.0))
        env = VectorEnv(replace(STAND, episode_s=8.0, pushes=often), ROBOT, 32, seed=9)
        env.reset()
        rng = np.random.default_rng(0)
        begun, running = [], np.ones(32, dtype=bool)
        for _ in range(380):
            _, _, terminated, _, infos = env.step(scale * rng.normal(size=(32, N)))
            wrench = env.sim._push_wrench[:, :3].copy()
            begun.append(np.where((infos["push"] & running)[:, None], wrench, np.nan))
            running &= ~terminated
        return np.stack(begun)

    calm, wild = pushes(0.0), pushes(2.0)
    assert (np.isnan(calm) != np.isnan(wild)).any()  # some fell at other times
    both = ~np.isnan(calm) & ~np.isnan(wild)
    assert both[..., 0].sum() >= 32
    np.testing.assert_array_equal(calm[both], wild[both])


def test_pushes_have_the_stated_size_and_every_direction() -> None:
    env = VectorEnv(replace(STAND, pushes=Pushes(interval_s=(0.2, 0.4), impulse=(2.0, 10.0))), ROBOT, 64)
    env.reset()
    found = []
    for _ in range(60):
        _, _, _, _, infos = env.step(zeros(env))
        found.append(0.1 * env.sim._push_wrench[infos["push"]][:, :3])
    impulses = np.concatenate(found)
    sizes = np.linalg.norm(impulses, axis=1)
    assert len(impulses) > 100
    assert sizes.min() >= 2.0 - 1e-9
    assert sizes.max() <= 10.0 + 1e-9
    assert abs(sizes.mean() - 6.0) < 1.0
    assert not impulses[:, 2].any()
    quadrants = {(x > 0, y > 0) for x, y, _ in impulses}
    assert len(quadrants) == 4


def test_an_action_takes_effect_after_its_delay() -> None:
    """The same action, `delay` steps apart, leads to the same motion `delay` steps apart."""

    def positions(delay: int) -> np.ndarray:
        env = VectorEnv(quiet(action=JointPositionAction(delay_steps=(delay, delay))), ROBOT, 1, seed=2)
        env.reset()
        before = env.sim.joint_pos.copy()
        rows = []
        for _ in range(4):
            env.step(np.full((1, N), 5.0))
            rows.append(env.sim.joint_pos.copy() - before)
        return np.abs(np.stack(rows)).max(axis=(1, 2))

    still, moved = 0.09, 0.12
    assert positions(0)[0] > moved
    assert positions(1)[0] < still
    assert positions(1)[1] > moved
    assert positions(2)[1] < still
    assert positions(2)[2] > moved


def test_noise_is_as_wide_as_stated() -> None:
    noisy, clean = VectorEnv(STAND, ROBOT, 256, seed=4), VectorEnv(quiet(), ROBOT, 256, seed=4)
    difference = noisy.reset()[0] - clean.reset()[0]
    start = 0
    for term, spec in zip(STAND.observation, noisy.observation_spec, strict=True):
        width = term.noise * term.scale
        part = np.abs(difference[:, start : start + spec.size])
        assert part.max() <= width * 1.001
        assert part.max() >= 0.95 * width
        start += spec.size


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    env, other = (VectorEnv(toppling(), ROBOT, 8, seed=seed) for seed in (1, 2))
    rng = np.random.default_rng(0)
    env.reset(options={"desynchronize": True})
    for _ in range(50):
        env.step(rng.normal(size=(8, N)))
    other.load_state_dict(env.state_dict())
    for _ in range(60):
        action = rng.normal(size=(8, N))
        for a, b in zip(env.step(action)[:4], other.step(action)[:4], strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("action", "message"),
    [
        (np.zeros((4, 5)), r"shape \(4, 23\); got shape \(4, 5\)"),
        (np.full((4, N), np.nan), "92 values that are not"),
    ],
)
def test_actions_that_mean_nothing_are_refused(action: np.ndarray, message: str) -> None:
    env = VectorEnv(STAND, ROBOT, 4)
    env.reset()
    with pytest.raises(TaskError, match=message):
        env.step(action)


def test_a_diverged_robot_ends_its_episode_and_is_counted() -> None:
    env = VectorEnv(quiet(), ROBOT, 3)
    env.reset()
    env.sim._qvel[1, 3] = np.inf
    with np.errstate(invalid="ignore"):
        obs, reward, terminated, _, infos = env.step(zeros(env))
    np.testing.assert_array_equal(terminated, [False, True, False])
    np.testing.assert_array_equal(infos["diverged"], [False, True, False])
    assert np.isfinite(obs).all()
    assert np.isfinite(reward).all()


def test_evaluation_counts_first_episodes_and_measures_what_the_robots_did() -> None:
    def act(obs: np.ndarray) -> np.ndarray:
        return zero_action(obs, N)

    standing = evaluate(act, quiet(), ROBOT, num_robots=8, episode_s=1.0)
    assert standing.survival == 1.0
    np.testing.assert_allclose(standing.episode_s, 1.0)
    fallen = evaluate(act, toppling(), ROBOT, num_robots=8, episode_s=4.0)
    assert fallen.survival == 0.0
    assert (fallen.episode_s < 4.0).all()
    assert fallen.envelope.tilt > 3 * standing.envelope.tilt
    assert 0.04 < standing.envelope.initial_joint_pos_error <= 0.05

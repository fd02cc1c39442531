from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from gymnasium import spaces
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitway.errors import GaitwayError
from gaitway.learning import QLearning, QLearningConfig, recipe, train
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.q_learning import make_grid
from gaitway.policy import PolicyError
from gaitway.policy.q_table import Grid, QTable
from gaitway.robots import h23
from gaitway.tasks import NavigateConfig, NavigateEnv, VectorEnv, get_task
from gaitway.tasks.courses import CourseConfig

EASY = NavigateConfig(course=CourseConfig(goal_distance=(1.0, 2.0), obstacles=1), episode_s=16.0)
COARSE = QLearningConfig(
    bins=(2, 3, 3, 2, 1, 2, 1, 2, 1, 2, 1, 1, 1, 1), upper=(3.0, 1.0, 1.0, *[1.6] * 8, 2.0, 2.0, 2.0),
    epsilon_steps=60_000, rollout_steps=16,
)  # fmt: skip


def algorithm(seed: int = 3) -> QLearning:
    return QLearning(COARSE, NavigateEnv(8, config=replace(EASY, episode_s=4.0)), seed)


def test_values_become_those_of_value_iteration() -> None:
    """On a random process of 6 states and 3 actions, with an end, from random actions of 64 robots at once."""
    rng = np.random.default_rng(0)
    states, actions, discount, ends = 6, 3, 0.6, 0.1
    chance = rng.dirichlet(np.full(states, 0.5), (states, actions))
    reward = rng.normal(size=(states, actions))
    expected = np.zeros((states, actions))
    for _ in range(200):
        expected = reward + discount * (1.0 - ends) * chance @ expected.max(axis=1)

    table = QTable(
        Grid(lower=(-0.5,), upper=(5.5,), bins=(states,)), actions, discount=discount, learning_rate=0.0
    )
    state = rng.integers(states, size=64)
    for _ in range(4000):
        action = rng.integers(actions, size=64)
        later = (rng.random((64, 1)) > np.cumsum(chance[state, action], axis=1)).sum(axis=1)
        terminated = rng.random(64) < ends
        table.update(state, action, reward[state, action] + rng.normal(scale=0.1, size=64), later, terminated)
        state = np.where(terminated, rng.integers(states, size=64), later)
    np.testing.assert_allclose(table.value, expected, atol=0.05)
    np.testing.assert_array_equal(table.act(np.arange(states), 0.0, rng), expected.argmax(axis=1))


def test_one_robot_learns_by_the_rule_and_many_as_if_one_after_another() -> None:
    grid = Grid(lower=(-0.5,), upper=(3.5,), bins=(4,))
    one, many = (QTable(grid, 2, discount=0.9, learning_rate=0.25) for _ in range(2))
    for table in (one, many):
        table.value[:] = np.arange(8.0).reshape(4, 2)
        table.visits[:] = 1000  # the step size is the least
    three = {
        "obs": np.array([1, 1, 1]), "action": np.array([0, 0, 0]), "reward": np.array([1.0, 1.0, 1.0]),
        "next_obs": np.array([3, 3, 3]), "terminated": np.array([False, False, False]),
    }  # fmt: skip
    one.update(**{name: values[:1] for name, values in three.items()})
    assert one.value[1, 0] == 2.0 + 0.25 * (1.0 + 0.9 * 7.0 - 2.0)
    for _ in range(2):
        one.update(**{name: values[:1] for name, values in three.items()})
    many.update(**three)
    np.testing.assert_allclose(many.value, one.value)
    np.testing.assert_array_equal(many.visits, one.visits)


@settings(max_examples=50, deadline=None)
@given(
    bins=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    seed=st.integers(0, 1000),
)
def test_every_cell_is_a_box_of_its_own(bins: list[int], seed: int) -> None:
    rng = np.random.default_rng(seed)
    lower = rng.normal(size=len(bins))
    upper = lower + rng.uniform(0.1, 2.0, len(bins))
    grid = Grid(lower=tuple(lower.tolist()), upper=tuple(upper.tolist()), bins=tuple(bins))
    places = np.stack(np.meshgrid(*map(np.arange, bins), indexing="ij"), axis=-1).reshape(-1, len(bins))
    inside = lower + (places + rng.uniform(0.01, 0.99, places.shape)) * (upper - lower) / np.array(bins)
    np.testing.assert_array_equal(grid.cells(inside), np.arange(grid.num_cells))
    far = np.where(places == 0, -1e6, np.where(places == np.array(bins) - 1, 1e6, inside))
    np.testing.assert_array_equal(grid.cells(far), np.arange(grid.num_cells))


def test_what_is_deployed_gives_the_values_of_the_table() -> None:
    learning = algorithm()
    learning.iterate()
    obs = learning.env.observation_space.sample()
    with torch.no_grad():
        values = learning.policy.deployed()(torch.from_numpy(obs))
    np.testing.assert_allclose(values, learning.table.value[learning.table.grid.cells(obs)], rtol=1e-6)


def test_a_table_is_read_as_it_was_written(tmp_path: Path) -> None:
    learning = algorithm()
    learning.iterate()
    learning.table.save(tmp_path / "table.safetensors")
    table = QTable.load(tmp_path / "table.safetensors")
    assert vars(table.grid) == vars(learning.table.grid)
    assert (table.discount, table.learning_rate) == (COARSE.discount, COARSE.learning_rate)
    np.testing.assert_array_equal(table.value, learning.table.value)
    np.testing.assert_array_equal(table.visits, learning.table.visits)
    (tmp_path / "half").write_bytes((tmp_path / "table.safetensors").read_bytes()[:-9])
    for name in ("half", "absent"):
        with pytest.raises(PolicyError, match=f"{name} is no table of Q-learning"):
            QTable.load(tmp_path / name)


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    learning, other = algorithm(), algorithm(seed=4)
    for _ in range(3):
        learning.iterate()
    tensors, values = learning.state_dict()
    other.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, values)
    for _ in range(2):
        assert learning.iterate() == other.iterate()
    np.testing.assert_array_equal(learning.table.value, other.table.value)
    np.testing.assert_array_equal(learning.table.visits, other.table.visits)


def test_a_resumed_run_ends_in_the_bits_of_one_never_stopped(tmp_path: Path) -> None:
    whole = replace(
        recipe("navigate", "q_learning"), env_steps=512, num_envs=8, torch_threads=1, settings=COARSE
    )
    train(whole, tmp_path / "whole")
    train(replace(whole, env_steps=256), tmp_path / "parts")
    train(whole, tmp_path / "parts", resume=True)
    ours, theirs = (load_checkpoint(tmp_path / name).tensors for name in ("whole", "parts"))
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_discrete_observations_are_cells_themselves(tmp_path: Path) -> None:
    grid = make_grid(QLearningConfig(), spaces.Discrete(7, start=2))
    np.testing.assert_array_equal(grid.cells(np.arange(2, 9)), np.arange(7))
    config = replace(
        recipe("gymnasium:CliffWalking-v1", "q_learning"), env_steps=40_960, eval_every=40, eval_episodes=1,
        settings=QLearningConfig(epsilon_steps=20_000, discount=0.99),
    )  # fmt: skip
    result = train(config, tmp_path / "run")
    assert result.best is not None
    assert result.best["eval/return"] == -13.0, "the shortest way along the cliff"
    assert load_checkpoint(tmp_path / "run").tensors["policy.value"].shape == (48, 4)


def test_bins_reach_over_the_bounds_of_an_environments_observations(tmp_path: Path) -> None:
    config = replace(recipe("gymnasium:MountainCar-v0", "q_learning"), env_steps=1024)
    train(config, tmp_path / "run")
    learned = load_checkpoint(tmp_path / "run").tensors["policy.visits"]
    assert learned.shape == (64, 3)
    assert (learned.sum(dim=1) > 0).sum() > 4


def test_grids_that_mean_nothing_are_refused() -> None:
    box = spaces.Box(np.array([-1.0, -np.inf]), np.array([1.0, np.inf]), dtype=np.float64)
    with pytest.raises(GaitwayError, match=r"dimensions \[1\] .* have no bounds; give --lower and --upper"):
        make_grid(QLearningConfig(), box)
    with pytest.raises(GaitwayError, match="bins must name 2 values, one per dimension; got 3"):
        make_grid(QLearningConfig(bins=(2, 2, 2)), box)
    with pytest.raises(PolicyError, match="cells are too many"):
        make_grid(QLearningConfig(bins=(5000, 5000), lower=(0.0, 0.0), upper=(1.0, 1.0)), box)
    with pytest.raises(PolicyError, match=r"8 x 8 x .* \[...\] cells are too many \(at most 10,000,000\)"):
        make_grid(QLearningConfig(), spaces.Box(0.0, 1.0, (500,)))
    assert make_grid(QLearningConfig(bins=(4, 1)), box).num_cells == 4
    with pytest.raises(GaitwayError, match="q_learning chooses among discrete actions; these are Box"):
        QLearning(QLearningConfig(), VectorEnv(get_task("stand"), h23(), 1), 0)


def test_learns_to_navigate_a_small_course() -> None:
    learning = QLearning(COARSE, NavigateEnv(128, config=EASY), 1)
    while learning.env_steps < 150_000:
        learning.iterate()
    rng = np.random.default_rng(0)
    assert success(lambda obs: learning.table.act(obs, 0.0, rng)) > 0.8
    assert success(lambda obs: rng.integers(5, size=len(obs))) < 0.3


def success(act) -> float:
    """Share of robots whose first episode ends at the goal."""
    env = NavigateEnv(128, config=EASY)
    obs, _ = env.reset(seed=1234)
    reached, running = np.zeros(128, dtype=bool), np.ones(128, dtype=bool)
    for _ in range(env.config.episode_steps):
        obs, _, terminated, truncated, infos = env.step(act(obs))
        reached |= infos["reached"] & running
        running &= ~(terminated | truncated)
    return float(reached.mean())

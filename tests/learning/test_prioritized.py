from __future__ import annotations

import numpy as np
import scipy.stats
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitway.learning.prioritized import PrioritizedReplay, SumTree

NUM_ENVS = 4


def buffer(rows: int = 16, steps: int = 16, exponent: float = 0.7) -> PrioritizedReplay:
    replay = PrioritizedReplay(
        rows * NUM_ENVS, NUM_ENVS, 1, 1, exponent=exponent, action_dtype=torch.int64, discount=0.9
    )
    nobody = torch.zeros(NUM_ENVS, dtype=torch.bool)
    for step in range(steps):
        obs = torch.full((NUM_ENVS, 1), float(step))
        action = torch.zeros(NUM_ENVS, 1, dtype=torch.int64)
        replay.add(obs, action, torch.zeros(NUM_ENVS), obs + 1.0, nobody, nobody)
    return replay


def everywhere(replay: PrioritizedReplay) -> torch.Tensor:
    return torch.cartesian_prod(torch.arange(replay.rows), torch.arange(NUM_ENVS))


@settings(max_examples=50, deadline=None)
@given(size=st.integers(1, 3000), seed=st.integers(0, 1000))
def test_the_tree_finds_what_a_search_of_the_running_sum_finds(size: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    tree, values = SumTree(size), np.zeros(size)
    for _ in range(4):
        index = rng.integers(size, size=rng.integers(1, 2 * size))
        new = rng.integers(0, 5, len(index)).astype(float)
        tree.set(index, new)
        values[index] = new
    tree.set(np.array([0]), 1.0)
    values[0] = 1.0
    assert tree.total == values.sum()
    mass = rng.integers(0, int(values.sum()), 100) + 0.5
    np.testing.assert_array_equal(tree.find(mass), np.searchsorted(np.cumsum(values), mass))


def test_rounding_never_finds_what_has_no_priority() -> None:
    rng = np.random.default_rng(0)
    tree = SumTree(5000)
    index = rng.choice(5000, 700, replace=False)
    tree.set(index, rng.uniform(1e-9, 1e3, 700))
    edges = np.cumsum(tree.values)[index]
    mass = np.concatenate([edges, np.nextafter(edges, 0.0), [0.0, tree.total, np.nextafter(tree.total, 0.0)]])
    assert (tree.values[tree.find(mass)] > 0.0).all()


def test_transitions_are_drawn_as_often_as_their_priorities_say() -> None:
    replay, rng = buffer(), np.random.default_rng(1)
    error = rng.exponential(size=replay.rows * NUM_ENVS)
    replay.set_priority(everywhere(replay), torch.from_numpy(error))
    expected = (error + 1e-3) ** 0.7
    expected /= expected.sum()
    generator = torch.Generator().manual_seed(2)
    counts = np.zeros_like(expected)
    draws = 0
    for _ in range(400):
        batch, _ = replay.sample_by_priority(50, generator, 0.5)
        row, robot = batch.index.numpy().T
        np.add.at(counts, row * NUM_ENVS + robot, 1)
        draws += 50
    assert scipy.stats.chisquare(counts, draws * expected).pvalue > 1e-3
    independent = np.bincount(
        replay.tree.find(rng.uniform(0.0, replay.tree.total, 20_000)), minlength=len(counts)
    )
    assert scipy.stats.chisquare(independent, 20_000 * expected).pvalue > 1e-3


def test_weights_take_the_bias_away() -> None:
    replay, rng = buffer(), np.random.default_rng(3)
    error = rng.exponential(size=replay.rows * NUM_ENVS)
    replay.set_priority(everywhere(replay), torch.from_numpy(error))
    probability = replay.tree.values / replay.tree.total
    for exponent in (0.0, 0.4, 1.0):
        batch, weight = replay.sample_by_priority(64, torch.Generator().manual_seed(0), exponent)
        row, robot = batch.index.numpy().T
        drawn = probability[row * NUM_ENVS + robot]
        law = (len(probability) * drawn) ** -exponent
        np.testing.assert_allclose(weight, law / law.max(), rtol=1e-6)
        if exponent == 1.0:  # probability times weight is the same for all: in expectation, replay is uniform
            np.testing.assert_allclose(drawn * weight.numpy(), (drawn * weight.numpy())[0], rtol=1e-6)


def test_what_is_new_comes_first_and_what_is_overwritten_is_forgotten() -> None:
    replay = buffer()
    replay.set_priority(everywhere(replay), torch.full((replay.rows * NUM_ENVS,), 1e-3))
    replay.set_priority(torch.tensor([[5, 2]]), torch.tensor([7.0]))
    nobody = torch.zeros(NUM_ENVS, dtype=torch.bool)
    new = torch.full((NUM_ENVS, 1), 99.0)
    for _ in range(6):  # over rows 0 to 5
        replay.add(new, new.long(), torch.zeros(NUM_ENVS), new, nobody, nobody)
    batch, _ = replay.sample_by_priority(48, torch.Generator().manual_seed(0), 1.0)
    fresh = (batch.obs[:, 0] == 99.0).float().mean()
    assert fresh > 0.95
    values = replay.tree.values.reshape(-1, NUM_ENVS)[:6]
    np.testing.assert_allclose(values, 7.001**0.7, rtol=1e-6)

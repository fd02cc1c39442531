from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from replays import refill

from gaitway.learning.replay import Replay

DISCOUNT = 0.9


def _fill(replay: Replay, steps: int, seed: int = 0) -> list[dict[str, torch.Tensor]]:
    """Random episodes; each observation says when and where it was, and an episode's last one is negative."""
    draw, history = torch.Generator().manual_seed(seed), []
    robots = torch.arange(replay.num_envs)
    for step in range(steps):
        terminated, truncated = (
            torch.rand(replay.num_envs, generator=draw) < share for share in (0.15, 0.15)
        )
        ended = terminated | truncated
        obs = (step * 100.0 + robots)[:, None]
        row = {
            "obs": obs,
            "action": obs + 0.25,
            "reward": torch.randn(replay.num_envs, generator=draw),
            "next_obs": torch.where(ended[:, None], -obs, obs + 100.0),
            "terminated": terminated,
            "truncated": truncated,
        }
        replay.add(**row)
        history.append(row)
    return history


@settings(max_examples=40, deadline=None)
@given(
    steps=st.integers(1, 40), n_steps=st.integers(1, 5), rows=st.integers(6, 20), seed=st.integers(0, 1000)
)
def test_transitions_are_sums_over_steps_of_one_episode(
    steps: int, n_steps: int, rows: int, seed: int
) -> None:
    """Against a loop over what was put in, also where the ring was written over."""
    replay = Replay(rows * 3, 3, 1, 1, discount=DISCOUNT, n_steps=n_steps)
    history = _fill(replay, steps, seed)
    begun = [(start, robot) for start in range(max(0, steps - rows), steps) for robot in range(3)]
    expected = [_written_out(history, start, robot, n_steps) for start, robot in begun]
    places = torch.tensor(begun) % torch.tensor([rows, 3])
    batch = replay.at(places[:, 0], places[:, 1])
    for name in ("obs", "action", "reward", "next_obs", "discount"):
        torch.testing.assert_close(getattr(batch, name), torch.stack([each[name] for each in expected]))
    assert torch.equal(batch.index, places)


def _written_out(
    history: list[dict[str, torch.Tensor]], start: int, robot: int, n_steps: int
) -> dict[str, torch.Tensor]:
    """The transition that begins at a step, added up over at most `n_steps` of its episode."""
    reward, last = torch.zeros(()), start
    for last in range(start, min(start + n_steps, len(history))):
        reward = reward + DISCOUNT ** (last - start) * history[last]["reward"][robot]
        if history[last]["terminated"][robot] or history[last]["truncated"][robot]:
            break
    return {
        "obs": history[start]["obs"][robot],
        "action": history[start]["action"][robot],
        "reward": reward,
        "next_obs": history[last]["next_obs"][robot],
        "discount": DISCOUNT ** (last - start + 1) * ~history[last]["terminated"][robot],
    }


@pytest.mark.parametrize("steps", [4, 10, 23])
def test_samples_are_spread_evenly_over_the_newest_transitions_alone(steps: int) -> None:
    replay = Replay(30, 3, 1, 1, discount=DISCOUNT)
    _fill(replay, steps)
    assert len(replay) == 3 * min(steps, 10)
    batch = replay.sample(30_000, torch.Generator().manual_seed(0))
    places, counts = batch.obs.flatten().unique(return_counts=True)
    newest = [step * 100.0 + robot for step in range(max(0, steps - 10), steps) for robot in range(3)]
    assert places.tolist() == newest
    expected = 30_000 / len(newest)
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert chi_square < len(newest) + 5.0 * (2.0 * len(newest)) ** 0.5
    torch.testing.assert_close(batch.action, batch.obs + 0.25)


@pytest.mark.parametrize("steps", [4, 23])
def test_goes_on_from_what_it_held(steps: int) -> None:
    replay, other = (Replay(30, 3, 1, 1, discount=DISCOUNT, n_steps=3) for _ in range(2))
    _fill(replay, steps)
    refill(other, replay)
    for each in (replay, other):
        _fill(each, 5, seed=1)
    assert len(other) == len(replay)
    ours, theirs = (each.sample(64, torch.Generator().manual_seed(0)) for each in (replay, other))
    for name in ("obs", "action", "reward", "next_obs", "discount", "index"):
        assert torch.equal(getattr(ours, name), getattr(theirs, name)), name

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitway.errors import GaitwayError
from gaitway.policy import PolicyError
from gaitway.policy.balance_learner import ACTIONS, BalanceLearner, BalanceStates, UprightReward, tilt_of
from gaitway.policy.exploration import ExplorationConfig
from gaitway.policy.q_table import Grid, QTable

LEFT, RIGHT = 2, 3
STATES = BalanceStates(joints=("hip", "knee"), home=(0.1, -0.4))
RANDOM = ExplorationConfig(epsilon_start=1.0, epsilon_end=1.0)
GREEDY = ExplorationConfig(epsilon_start=0.0, epsilon_end=0.0)


def quat(roll: float = 0.0, pitch: float = 0.0, yaw: float = 0.0) -> np.ndarray:
    (sr, sp, sy), (cr, cp, cy) = (f([roll / 2, pitch / 2, yaw / 2]) for f in (np.sin, np.cos))
    return np.array(
        [
            cy * cp * cr + sy * sp * sr, cy * cp * sr - sy * sp * cr,
            cy * sp * cr + sy * cp * sr, sy * cp * cr - cy * sp * sr,
        ]
    )  # fmt: skip


def table(bins: int = 1) -> QTable:
    return QTable(
        Grid(lower=(-0.5,), upper=(bins - 0.5,), bins=(bins,)), len(ACTIONS), discount=0.9, learning_rate=0.1
    )


@given(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4), st.floats(-3.1, 3.1))
def test_roll_pitch_and_heading_are_observed_whatever_the_others_are(
    roll: float, pitch: float, yaw: float
) -> None:
    *joints, seen_roll, seen_pitch, heading = STATES.observe(np.array([0.2, 0.3]), quat(roll, pitch, yaw))
    assert joints == [0.2, 0.3]
    assert math.asin(seen_roll / math.cos(pitch)) == pytest.approx(roll, abs=1e-9)
    assert math.asin(seen_pitch) == pytest.approx(pitch, abs=1e-9)
    assert math.cos(heading - yaw) == pytest.approx(1.0)
    upright = math.acos(math.cos(roll) * math.cos(pitch))
    assert tilt_of(quat(roll, pitch, yaw)) == pytest.approx(upright, abs=1e-6)


def test_headings_near_zero_are_one_cell_and_the_turn_closes() -> None:
    def cell(yaw: float) -> int:
        return int(STATES.grid.cells(STATES.observe(np.zeros(2), quat(yaw=yaw)))[0])

    assert cell(0.3) == cell(-0.3) != cell(0.5)
    assert cell(math.pi - 0.01) == cell(-math.pi + 0.01)
    assert len({cell(yaw) for yaw in np.linspace(-math.pi, math.pi, 100)}) == STATES.yaw_bins


@given(st.floats(0.0, math.pi), st.booleans(), st.floats(0.0, 2.0), st.floats(0.0, 1.0))
def test_rewards_are_from_minus_one_to_one_and_a_fall_is_the_least(
    tilt: float, fell: bool, tilt_cost: float, time_cost: float
) -> None:
    reward = UprightReward(tilt_cost=tilt_cost, time_cost=time_cost)
    value = reward(tilt, fell)
    assert -1.0 <= value <= 1.0
    assert value == -1.0 or not (fell or tilt > reward.fall_tilt)
    assert reward(min(tilt + 0.1, math.pi), fell) <= value
    assert reward(math.nan, False) == -1.0


def test_learns_which_way_to_turn_where_one_way_ends_in_a_fall() -> None:
    """A ring of 8 headings: the robot falls at 4, and is best paid at 2, where turning left from 0 leads."""
    learner = BalanceLearner(
        table(8), ExplorationConfig(epsilon_start=1.0, epsilon_end=0.05, epsilon_steps=2000), seed=1
    )

    def episode(ticks: int) -> float:
        heading, reward, total = 0, 0.0, 0.0
        learner.begin()
        for _ in range(ticks):
            action = learner.choose(np.array([heading]), reward)
            heading = (heading + {LEFT: 1, RIGHT: -1}.get(action, 0)) % 8
            reward = -1.0 if heading == 4 else 0.9 if heading == 2 else 0.2
            total += reward
            if heading == 4:
                learner.fail(np.array([heading]), reward)
                break
        return total

    while learner.ticks < 4000:
        episode(20)
    learner.learns = False
    assert episode(20) == pytest.approx(0.2 + 19 * 0.9)
    assert learner.ticks >= 4000


def test_an_episode_that_is_cut_off_teaches_nothing_and_a_fall_is_its_last_lesson() -> None:
    learner = BalanceLearner(table(2), GREEDY)
    learner.table.value[1] = 5.0
    learner.choose(np.array([0]), 0.7)
    assert learner.ticks == 0, "the first tick has no action before it"
    learner.begin()
    learner.choose(np.array([0]), 0.7)
    assert learner.ticks == 0
    learner.fail(np.array([1]), -1.0)
    assert learner.table.value[0, 0] == -1.0, "nothing comes after a fall"
    learner.choose(np.array([0]), 0.7)
    learner.choose(np.array([1]), 0.3)
    assert learner.ticks == 2


def test_a_share_epsilon_of_actions_is_random_in_stretches() -> None:
    prefers_none = table()
    prefers_none.value[0, 0] = 1.0
    epsilon = ExplorationConfig(epsilon_start=0.4, epsilon_end=0.4)
    learner = BalanceLearner(prefers_none, epsilon, explore_ticks=9, seed=2)
    learner.table.visits[:] = 10**9  # it has learned all there is
    actions = np.array([learner.choose(np.array([0]), 1.0) for _ in range(20_000)])
    assert (actions != 0).mean() == pytest.approx(0.4 * 3 / 4, abs=0.02)
    others = actions[:-1] != 0
    assert (actions[1:] == actions[:-1])[others].mean() > 0.7


def test_epsilon_goes_on_where_a_saved_table_left_it(tmp_path: Path) -> None:
    decay = ExplorationConfig(epsilon_start=1.0, epsilon_end=0.0, epsilon_steps=100)
    learner = BalanceLearner(table(), decay)
    for _ in range(41):
        learner.choose(np.array([0]), 0.5)
    assert learner.epsilon == pytest.approx(0.6)
    learner.save(tmp_path / "table")
    again = BalanceLearner(QTable.load(tmp_path / "table"), decay)
    assert (again.ticks, again.epsilon) == (40, learner.epsilon)
    np.testing.assert_array_equal(again.table.value, learner.table.value)


def test_what_cannot_be_learned_with_is_refused() -> None:
    three = QTable(Grid(lower=(0.0,), upper=(1.0,), bins=(1,)), 3, discount=0.9, learning_rate=0.1)
    with pytest.raises(GaitwayError, match="4 actions"):
        BalanceLearner(three, RANDOM)
    with pytest.raises(GaitwayError, match="explore_ticks"):
        BalanceLearner(table(), RANDOM, explore_ticks=0)
    with pytest.raises(PolicyError, match="home positions"):
        BalanceStates(joints=("hip",), home=())

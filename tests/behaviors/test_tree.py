from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitway.behaviors import EmergencyLatch, Scan
from gaitway.behaviors.situation import Situation
from gaitway.behaviors.tree import TreeConfig, make_tree, tip_text, tree_text

pytest.importorskip("py_trees")


def scan(distance: float) -> Scan:
    return Scan(
        ranges=np.full(36, distance), angle_min=-math.pi, angle_increment=math.pi / 18, range_max=10.0
    )


def upright() -> Situation:
    return Situation(tilt=0.02, position=np.zeros(2))


def running(situation: Situation, root) -> str:
    root.tick_once()
    return tip_text(root).partition(":")[0]


SITUATIONS = st.fixed_dictionaries(
    {
        "emergency": st.sampled_from([None, "stop requested"]),
        "tilt": st.sampled_from([0.0, 0.25, 0.5, math.nan]),
        "goal": st.sampled_from([None, (3.0, 1.0), (0.0, 0.1)]),
        "distance": st.sampled_from([None, 0.5, 4.0, math.nan]),
    }
)


@given(st.lists(SITUATIONS, min_size=1, max_size=12))
def test_an_emergency_stands_the_robot_in_the_same_tick_whatever_ran_before(sequence: list[dict]) -> None:
    situation = upright()
    root = make_tree(situation)
    for now_s, given_ in enumerate(sequence):
        situation.now_s, situation.emergency, situation.tilt = (
            float(now_s),
            given_["emergency"],
            given_["tilt"],
        )
        situation.goal = None if given_["goal"] is None else np.array(given_["goal"])
        situation.scan = None if given_["distance"] is None else scan(given_["distance"])
        leaf = running(situation, root)
        if situation.emergency is not None:
            assert leaf == "emergency stop"
        if situation.emergency is not None or not situation.tilt <= 0.3:
            assert not situation.velocity.any()
            assert situation.skill is None
        assert np.isfinite(situation.velocity).all()


def test_the_most_important_child_that_has_something_to_do_runs() -> None:
    situation = upright()
    root = make_tree(situation)
    assert running(situation, root) == "wander"
    assert situation.velocity[0] > 0.0
    situation.goal = np.array([2.0, 0.0])
    assert running(situation, root) == "approach target"
    assert situation.velocity[0] > 0.5
    situation.scan = scan(0.6)
    assert running(situation, root) == "avoid obstacle"
    assert situation.velocity[0] == 0.0
    assert situation.velocity[2] != 0.0
    situation.tilt = 0.4
    assert running(situation, root) == "balance check"
    situation.emergency = "stop requested"
    assert running(situation, root) == "emergency stop"
    situation.emergency, situation.tilt, situation.scan = None, 0.02, scan(5.0)
    assert running(situation, root) == "approach target"


def test_a_skill_takes_over_only_from_an_upright_robot() -> None:
    situation = upright()
    root = make_tree(situation)
    root.tick_once()
    situation.tilt = 0.25  # below the balance check, above what a skill may begin with
    root.tick_once()
    assert situation.skill == "wander"
    assert situation.velocity.any()
    situation.goal = np.array([2.0, 0.0])
    assert running(situation, root) == "approach target"
    assert situation.skill is None
    assert not situation.velocity.any()
    assert "takes over when upright" in tip_text(root)
    situation.tilt = 0.1
    root.tick_once()
    assert situation.skill == "approach target"
    assert situation.velocity.any()


def test_the_robot_leans_back_before_the_balance_check_lets_go() -> None:
    situation = upright()
    root = make_tree(situation, TreeConfig(balance_tilt=0.3))
    leaves = []
    for tilt in (0.29, 0.31, 0.29, 0.21, 0.19, 0.29):
        situation.tilt = tilt
        leaves.append(running(situation, root))
    assert [leaf == "balance check" for leaf in leaves] == [False, True, True, True, False, False]


def test_a_goal_that_is_reached_is_forgotten() -> None:
    situation = upright()
    situation.goal = np.array([0.1, 0.1])
    root = make_tree(situation)
    root.tick_once()
    assert situation.goal is None
    assert not situation.velocity.any()
    assert running(situation, root) == "wander"


def test_the_tree_is_shown_as_lines_of_text_with_what_each_leaf_says() -> None:
    situation = upright()
    situation.emergency = "stop requested"
    root = make_tree(situation)
    root.tick_once()
    lines = tree_text(root).splitlines()
    names = ["agent", "emergency stop", "balance check", "avoid obstacle", "approach target", "wander"]
    assert len(lines) == len(names)
    assert all(name in line for name, line in zip(names, lines, strict=True))
    assert "stop requested" in lines[1]
    assert "\x1b" not in tree_text(root)


def test_a_request_holds_until_the_supervisor_has_stopped_and_been_reset() -> None:
    latch = EmergencyLatch(0.6)
    latch.supervisor_said(False, "", 0.0)
    assert latch.reason is None
    latch.requested(1.0)
    assert latch.reason == "stop requested"
    latch.supervisor_said(False, "", 1.1)  # said before it heard of the request
    assert latch.reason == "stop requested"
    latch.supervisor_said(True, "stop requested on /emergency_stop", 1.2)
    assert latch.reason == "stop requested on /emergency_stop"
    latch.requested(1.3)  # the supervisor repeats the request of others
    latch.supervisor_said(False, "", 9.0)
    assert latch.reason is None


def test_a_supervisor_that_has_missed_a_request_cannot_hold_the_agent_for_ever() -> None:
    latch = EmergencyLatch(0.6)
    latch.requested(1.0)
    latch.supervisor_said(False, "", 2.0)
    assert latch.reason is not None
    latch.supervisor_said(False, "", 5.0)
    assert latch.reason is None


def test_tilt_is_an_emergency_until_the_robot_is_well_upright_again() -> None:
    latch = EmergencyLatch(0.6)
    reasons = []
    for tilt in (0.59, 0.61, 0.5, 0.47, 0.59, math.nan):
        latch.tilted(tilt)
        reasons.append(latch.reason)
    assert [reason is not None for reason in reasons] == [False, True, True, False, False, True]

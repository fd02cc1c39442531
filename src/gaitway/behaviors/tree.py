"""The behaviour tree of an agent that goes where it is sent, wanders otherwise, and stops when it has to.

The first child that has something to do wins, at every tick anew:

    agent (selector without memory)
        emergency stop    stands while there is an emergency
        balance check     stands while the robot leans too far, or nothing is known of its tilt
        avoid obstacle    turns away from what is near ahead
        approach target   walks to the goal, if there is one
        wander            walks about
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import py_trees
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from gaitway.behaviors.reactive import ReactiveConfig
from gaitway.behaviors.situation import Situation
from gaitway.behaviors.skills import ApproachTarget, AvoidObstacle, Wander


@dataclass(frozen=True, kw_only=True)
class TreeConfig:
    """Settings of the leaves."""

    balance_tilt: float = 0.3
    """The robot stands while it leans more than this, until it leans a third less [rad]."""
    tolerance: float = 0.3
    """Distance from the goal that counts as there [m]."""
    reactive: ReactiveConfig = field(default_factory=ReactiveConfig)
    """Speed and turn rate, and when to turn away from obstacles."""
    seed: int = 0
    """Of the bends of wandering."""


class EmergencyStop(Behaviour):
    """Stands while there is an emergency; has nothing to do otherwise."""

    def __init__(self, situation: Situation):
        """Make the leaf `emergency stop`."""
        super().__init__("emergency stop")
        self._situation = situation

    def update(self) -> Status:
        """Stand, and say why."""
        self.feedback_message = self._situation.emergency or ""
        if self._situation.emergency is None:
            return Status.FAILURE
        self._situation.stand()
        return Status.RUNNING


class BalanceCheck(Behaviour):
    """Stands until the robot is upright again; has nothing to do while it is."""

    def __init__(self, situation: Situation, tilt: float):
        """Make the leaf `balance check`.

        Args:
            situation: of the robot.
            tilt: the least angle to act on [rad].
        """
        super().__init__("balance check")
        self._situation, self._tilt = situation, tilt

    def update(self) -> Status:
        """Stand, and say how far the robot leans."""
        tilt = self._situation.tilt
        limit = self._tilt * (2.0 / 3.0 if self.status is Status.RUNNING else 1.0)
        self.feedback_message = "tilt unknown" if math.isnan(tilt) else f"{math.degrees(tilt):.0f} degrees"
        if tilt <= limit:
            return Status.FAILURE
        self._situation.stand()
        return Status.RUNNING


def make_tree(situation: Situation, config: TreeConfig | None = None) -> Behaviour:
    """The tree; tick it with `tick_once` after filling in the situation."""
    config = config or TreeConfig()
    reactive = config.reactive
    return py_trees.composites.Selector(
        "agent",
        memory=False,
        children=[
            EmergencyStop(situation),
            BalanceCheck(situation, config.balance_tilt),
            AvoidObstacle(situation, reactive),
            ApproachTarget(situation, config.tolerance),
            Wander(situation, reactive.speed, 0.5 * reactive.turn_rate, config.seed),
        ],
    )


def tree_text(root: Behaviour) -> str:
    """The tree with the status of each leaf and what it says, as lines of plain text."""
    return py_trees.display.ascii_tree(root, show_status=True)


def tip_text(root: Behaviour) -> str:
    """What is running: the leaf and what it says."""
    tip = root.tip()
    return "nothing" if tip is None else f"{tip.name}: {tip.feedback_message}"

"""Skills as leaves of a behaviour tree: each asks a learned walking policy for velocities.

A hand-over from one skill to another is supervised: a skill takes the robot over only while the robot stands upright
enough, and until then the robot stands.
"""

from __future__ import annotations

import math
from abc import abstractmethod

import numpy as np
from py_trees.behaviour import Behaviour
from py_trees.common import Status

from gaitway.behaviors.going import velocity_to
from gaitway.behaviors.reactive import Reactive, ReactiveConfig, Steering
from gaitway.behaviors.situation import Situation

HANDOVER_TILT = 0.2
"""A skill takes over below this angle between the base's up axis and the world's [rad]."""


class Skill(Behaviour):
    """A leaf that asks for a velocity while it runs."""

    def __init__(self, name: str, situation: Situation):
        """Make a leaf that reads and writes `situation`."""
        super().__init__(name)
        self.situation = situation

    @abstractmethod
    def decide(self) -> tuple[Status, np.ndarray]:
        """Whether the skill runs, has succeeded or has nothing to do, and the velocity that it asks for.

        Returns:
            The status; and vx, vy [m/s] and yaw rate [rad/s], shape (3,).
        """

    def update(self) -> Status:
        """Decide, and take the robot over where the hand-over allows it."""
        situation = self.situation
        status, velocity = self.decide()
        if status is not Status.RUNNING:
            return status
        if situation.skill != self.name and not situation.tilt <= HANDOVER_TILT:
            situation.stand()
            self.feedback_message = f"takes over when upright; {math.degrees(situation.tilt):.0f} degrees now"
            return Status.RUNNING
        situation.velocity, situation.skill = velocity, self.name
        return Status.RUNNING


class AvoidObstacle(Skill):
    """Turns while something near is ahead; has nothing to do while the way is clear or there is no scan."""

    def __init__(self, situation: Situation, config: ReactiveConfig):
        """Make the leaf `avoid obstacle`."""
        super().__init__("avoid obstacle", situation)
        self._reactive = Reactive(config)

    def decide(self) -> tuple[Status, np.ndarray]:
        """As reactive steering does, but that walking on is left to others."""
        if self.situation.scan is None:
            self.feedback_message = "no scan"
            return Status.FAILURE, np.zeros(3)
        decision = self._reactive.decide(self.situation.scan)
        self.feedback_message = f"{decision.ahead:.1f} m ahead"
        clear = decision.steering is Steering.FORWARD
        return Status.FAILURE if clear else Status.RUNNING, decision.velocity


class ApproachTarget(Skill):
    """Walks to the goal, and then forgets it."""

    def __init__(self, situation: Situation, tolerance: float):
        """Make the leaf `approach target`.

        Args:
            situation: of the robot.
            tolerance: distance from the goal that counts as there [m].
        """
        super().__init__("approach target", situation)
        self._tolerance = tolerance

    def decide(self) -> tuple[Status, np.ndarray]:
        """Nothing to do without a goal or without odometry."""
        situation = self.situation
        if situation.goal is None or situation.position is None:
            self.feedback_message = "no goal" if situation.goal is None else "no odometry"
            return Status.FAILURE, np.zeros(3)
        distance = float(np.linalg.norm(situation.goal - situation.position))
        self.feedback_message = f"{distance:.2f} m to go"
        if distance <= self._tolerance:
            situation.goal = None
            situation.stand()
            return Status.SUCCESS, np.zeros(3)
        return Status.RUNNING, velocity_to(situation.goal, situation.position, situation.yaw)


class Wander(Skill):
    """Walks on, and bends another way every few seconds."""

    def __init__(self, situation: Situation, speed: float, turn_rate: float, seed: int):
        """Make the leaf `wander`.

        Args:
            situation: of the robot.
            speed: [m/s].
            turn_rate: the largest [rad/s].
            seed: of the bends.
        """
        super().__init__("wander", situation)
        self._speed, self._turn_rate = speed, turn_rate
        self._rng = np.random.default_rng(seed)
        self._bend, self._until_s = 0.0, -math.inf

    def decide(self) -> tuple[Status, np.ndarray]:
        """Always something to do."""
        if self.situation.now_s >= self._until_s:
            self._bend = float(self._rng.uniform(-self._turn_rate, self._turn_rate))
            self._until_s = self.situation.now_s + float(self._rng.uniform(2.0, 5.0))
        self.feedback_message = f"turning at {self._bend:+.2f} rad/s"
        return Status.RUNNING, np.array([self._speed, 0.0, self._bend])

"""What to learn: a task is a frozen description, run by `gaitway.tasks.VectorEnv`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gaitway import rotation
from gaitway.errors import GaitwayError
from gaitway.policy import ActionSpec, TermSpec
from gaitway.policy.terms import Term
from gaitway.robots import Robot
from gaitway.sim import Simulation


class TaskError(GaitwayError):
    """A task that cannot be run as asked."""


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One finished control step of all robots, as reward and termination terms see it."""

    sim: Simulation
    home_joint_pos: np.ndarray
    """[rad] Shape (num_joints,)."""
    effort_limit: np.ndarray
    """[N m] Shape (num_joints,)."""
    action: np.ndarray
    """Network output after its clip. Shape (num_envs, num_joints)."""
    last_action: np.ndarray
    """The previous step's. Shape (num_envs, num_joints)."""
    terminated: np.ndarray
    """Episodes that failed in this step; all false while terminations are computed. Shape (num_envs,)."""

    @cached_property
    def projected_gravity_b(self) -> np.ndarray:
        """Unit vector of gravity in base frame, without noise. Shape (num_envs, 3)."""
        down_w = np.array([0.0, 0.0, -1.0])
        return rotation.rotate(rotation.conjugate(self.sim.base_quat_w), down_w)


@dataclass(frozen=True, kw_only=True)
class ObservationTerm:
    """A term of the policy's observation and how training disturbs it."""

    term: Term
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    """Bounds after scaling."""
    history: int = 1
    """Instants kept, oldest first."""
    noise: float = 0.0
    """Half-width of uniform noise, before scaling, in the term's unit."""

    def spec(self, robot: Robot) -> TermSpec:
        """The term as the policy file states it."""
        return TermSpec(
            name=self.term.name,
            size=self.term.size or robot.num_joints,
            unit=self.term.unit,
            frame=self.term.frame,
            topic=self.term.topic,
            scale=self.scale,
            clip=self.clip,
            history=self.history,
        )


@dataclass(frozen=True, kw_only=True)
class JointPositionAction:
    """Actions are joint position targets around the home pose."""

    scale: float = 0.05
    """Target offset per unit of network output [rad]."""
    clip: float = 10.0
    """Bound of the absolute network output."""
    delay_steps: tuple[int, int] = (0, 0)
    """Fewest and most control steps between an action and its effect; drawn for each episode."""

    def spec(self, robot: Robot) -> ActionSpec:
        """The action as the policy file states it."""
        return ActionSpec(
            joint_names=robot.joint_names,
            scale=(self.scale,) * robot.num_joints,
            offset=robot.home_joint_pos,
            clip=self.clip,
            trained_delay_steps=self.delay_steps,
        )


@dataclass(frozen=True, kw_only=True)
class Pushes:
    """Horizontal impulses on the base, direction uniform over the circle, force over 0.1 s."""

    interval_s: tuple[float, float]
    """Time between two pushes, uniform [s]."""
    impulse: tuple[float, float]
    """Size, uniform [N s]."""


@dataclass(frozen=True, kw_only=True)
class InitialState:
    """How an episode begins: at rest near the home pose."""

    joint_pos_noise: float = 0.0
    """Half-width of uniform noise on each joint [rad]."""


@dataclass(frozen=True)
class Reward:
    """A reward term and its weight per second."""

    function: Callable[[StepView], np.ndarray]
    weight: float

    @property
    def name(self) -> str:
        """Name in tables and curves."""
        return self.function.__name__


@dataclass(frozen=True, kw_only=True)
class Task:
    """A task: which observations, actions, rewards and endings, on any robot.

    A reward of weight w adds `w * term * step_dt` to each step, so that returns do not depend on the rate.
    """

    name: str
    summary: str
    observation: tuple[ObservationTerm, ...]
    action: JointPositionAction
    rewards: tuple[Reward, ...]
    terminations: tuple[Callable[[StepView], np.ndarray], ...]
    initial_state: InitialState
    pushes: Pushes | None
    episode_s: float
    """Time limit of an episode [s]."""
    physics_dt: float = 0.005
    """Time of one physics step [s]."""
    decimation: int = 4
    """Physics steps in one control step."""

    @property
    def step_dt(self) -> float:
        """Time of one control step [s]."""
        return self.physics_dt * self.decimation

    @property
    def episode_steps(self) -> int:
        """Control steps until truncation."""
        return math.ceil(self.episode_s / self.step_dt - 1e-9)

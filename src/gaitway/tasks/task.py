"""What to learn: a task is a frozen description, run by `gaitway.tasks.VectorEnv`."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

from gaitway import rotation
from gaitway.errors import GaitwayError
from gaitway.policy import ActionSpec, Gait, TermSpec
from gaitway.policy.gait import is_standing
from gaitway.policy.terms import Term
from gaitway.robots import Robot
from gaitway.sim import Randomization, Simulation, TerrainConfig
from gaitway.tasks.commands import VelocityCommands


class TaskError(GaitwayError):
    """A task that cannot be run as asked."""


VELOCITY_WINDOW_S = 0.36
"""Time constant of the exponential average behind `StepView.mean_velocity` [s]."""


@dataclass(frozen=True, kw_only=True)
class StepView:
    """One finished control step of all robots, as reward and termination terms see it."""

    sim: Simulation
    home_joint_pos: np.ndarray
    """[rad] Shape (num_joints,)."""
    effort_limit: np.ndarray
    """[N m] Shape (num_joints,)."""
    soft_range: tuple[np.ndarray, np.ndarray]
    """Middle and half width of the inner 90 % of the joint ranges [rad]. Shapes (num_joints,)."""
    action: np.ndarray
    """Network output after its clip. Shape (num_envs, num_joints)."""
    last_action: np.ndarray
    """The previous step's. Shape (num_envs, num_joints)."""
    terminated: np.ndarray
    """Episodes that failed in this step; all false while terminations are computed. Shape (num_envs,)."""
    command: np.ndarray
    """Velocity command in force during the step: vx, vy [m/s], yaw rate [rad/s]. Shape (num_envs, 3)."""
    mean_velocity: np.ndarray
    """Velocity of the base over the last VELOCITY_WINDOW_S: vx, vy [m/s] in the yaw-aligned base frame and yaw rate
    [rad/s]. A walking body sways within a stride; this is what a command is about. Shape (num_envs, 3)."""
    gait: Gait | None
    gait_phase: np.ndarray
    """Phase of the gait at the end of the step [rad]. Shape (num_envs,)."""
    home_foot_height: np.ndarray
    """Height of each foot body's origin when it stands at the home pose [m]. Shape (feet,)."""

    @cached_property
    def projected_gravity_b(self) -> np.ndarray:
        """Unit vector of gravity in base frame, without noise. Shape (num_envs, 3)."""
        down_w = np.array([0.0, 0.0, -1.0])
        return rotation.rotate(rotation.conjugate(self.sim.base_quat_w), down_w)

    @cached_property
    def yaw(self) -> np.ndarray:
        """Heading of the base in world frame [rad]. Shape (num_envs,)."""
        return rotation.yaw(self.sim.base_quat_w)

    def in_yaw_frame(self, vector_w: np.ndarray) -> np.ndarray:
        """World vectors in the yaw-aligned base frame. Shapes (num_envs, 3)."""
        return rotation.about_z(vector_w, -self.yaw)

    @cached_property
    def base_lin_vel_yaw(self) -> np.ndarray:
        """Linear velocity of the base in the yaw-aligned base frame [m/s]. Shape (num_envs, 3)."""
        return self.in_yaw_frame(self.sim.base_lin_vel_w)

    @cached_property
    def base_height(self) -> np.ndarray:
        """Height of the base above the ground under it [m]. Shape (num_envs,)."""
        return self.sim.base_pos_w[:, 2] - self.sim.ground_height(self.sim.base_pos_w)

    @cached_property
    def foot_height(self) -> np.ndarray:
        """Height of each foot over the ground, above what it is at the home pose [m]. Shape (num_envs, feet)."""
        foot_pos_w = self.sim.foot_pos_w
        return foot_pos_w[:, :, 2] - self.sim.ground_height(foot_pos_w) - self.home_foot_height

    @cached_property
    def swing(self) -> np.ndarray:
        """Progress of each foot's swing by the gait's clock, 0 to 1; 0 in stance. Shape (num_envs, feet)."""
        assert self.gait is not None
        share = 1.0 - self.gait.stance
        phase = np.stack([self.gait_phase, self.gait_phase + np.pi], axis=1) / (2.0 * np.pi) % 1.0
        progress = (phase - 0.25) / share + 0.5
        swings = (progress > 0.0) & (progress < 1.0) & ~self.standing[:, None]
        return np.where(swings, progress, 0.0)

    @cached_property
    def standing(self) -> np.ndarray:
        """Robots that are told to stand. Shape (num_envs,), bool."""
        return is_standing(self.command)


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
    delay_steps: tuple[float, float] = (0.0, 0.0)
    """Least and most age of the values, in control steps and fractions; drawn for each episode."""

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
    """Actions are joint position targets around the home pose, or around another."""

    scale: float | tuple[float, ...] = 0.05
    """Target offset per unit of network output, of all joints or of each [rad]; where `of_effort_limit`, torque per
    unit as a share of each joint's effort limit."""
    of_effort_limit: bool = False
    """Whether `scale` is such a share: a joint's offset is then `scale * effort_limit / stiffness`."""
    clip: float = 10.0
    """Bound of the absolute network output."""
    delay_steps: tuple[float, float] = (0.0, 0.0)
    """Least and most latency of an action, in control steps and fractions; drawn for each episode."""
    offset: tuple[float, ...] | None = None
    """Target of each joint at zero action [rad]; None for the home pose."""

    def joint_scale(self, robot: Robot) -> np.ndarray:
        """Target offset of each joint per unit of network output [rad]. Shape (num_joints,)."""
        if self.of_effort_limit:
            return np.array(self.scale) * np.array(robot.effort_limit) / np.array(robot.stiffness)
        return np.full(robot.num_joints, self.scale)

    def joint_offset(self, robot: Robot) -> np.ndarray:
        """Target of each joint at zero action [rad]. Shape (num_joints,)."""
        return np.array(robot.home_joint_pos if self.offset is None else self.offset)

    def spec(self, robot: Robot) -> ActionSpec:
        """The action as the policy file states it."""
        return ActionSpec(
            joint_names=robot.joint_names,
            scale=tuple(self.joint_scale(robot).tolist()),
            offset=tuple(self.joint_offset(robot).tolist()),
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
class PrivilegedTerm:
    """A term that only the critic sees, because no robot measures it."""

    function: Callable[[StepView], np.ndarray]
    """Shape (num_envs, size)."""
    mirror: tuple[float, ...]
    """Signs that reflection left to right gives the values, one for each."""
    swaps: bool = False
    """Whether reflection also swaps the first half of the values, of the left foot, with the other half."""


@dataclass(frozen=True, kw_only=True)
class Curriculum:
    """Makes a robot's commands, pushes and terrain harder when it does well, easier when it falls.

    The level of a robot, 0 to 1, rises by `step` after an episode to the time limit in which the mean of `measure`
    was at least `threshold`, and sinks by `step` after a fall.
    """

    measure: Callable[[StepView], np.ndarray]
    threshold: float
    commands: float
    """Factor on the command ranges at level 0; at level 1 it is 1."""
    pushes: float
    """The same for the size of pushes."""
    step: float = 0.1


@dataclass(frozen=True)
class Reward:
    """A reward term and its weight per second."""

    function: Callable[..., np.ndarray]
    weight: float
    joints: str | None = None
    """Regular expression of the joints it is about; `function` then takes their indices too."""

    @property
    def name(self) -> str:
        """Name in tables and curves."""
        return self.function.__name__ if self.joints is None else f"{self.function.__name__} of {self.joints}"


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
    commands: VelocityCommands | None = None
    gait: Gait | None = None
    privileged: tuple[PrivilegedTerm, ...] = ()
    """What the critic sees beside the observation."""
    randomization: Randomization | None = None
    terrain: TerrainConfig | None = None
    """The ground; None for a level plane. A robot keeps to one column of tiles; its place in the curriculum chooses
    the row that its next episode begins on. Without a curriculum the robots are spread over all rows."""
    curriculum: Curriculum | None = None
    evaluation_commands: VelocityCommands | None = None
    """Commands of an evaluation; None for those of training."""
    evaluation_pushes: Pushes | None = None
    """Pushes of an evaluation; None for those of training."""
    physics_dt: float = 0.005
    """Time of one physics step [s]."""
    decimation: int = 4
    """Physics steps in one control step."""
    solver: Literal["Newton", "CG", "PGS"] | None = None
    """Constraint solver; None for the robot model's own."""
    cone: Literal["pyramidal", "elliptic"] | None = None
    """Friction cones; None for the robot model's own."""
    guarded: bool = False
    """Whether joint targets pass the limits of the robot's Guard, as they do on a robot; evaluations always do."""

    def for_evaluation(self) -> Task:
        """The task as policies are measured on it.

        All commands, pushes and rows of terrain are those for evaluation, and targets are limited as on a robot.
        """
        return replace(
            self,
            guarded=True,
            curriculum=None,
            commands=self.evaluation_commands or self.commands,
            pushes=self.evaluation_pushes or self.pushes,
        )

    @property
    def step_dt(self) -> float:
        """Time of one control step [s]."""
        return self.physics_dt * self.decimation

    @property
    def episode_steps(self) -> int:
        """Control steps until truncation."""
        return math.ceil(self.episode_s / self.step_dt - 1e-9)

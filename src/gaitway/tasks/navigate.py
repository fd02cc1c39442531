"""The task `navigate`: reach a goal past obstacles by choosing among skills.

A decision lasts `step_dt` and is one of the skills, each a velocity command to the body. What a robot observes, it measures:
`/odom` tells where it is, hence where a goal given in `odom` lies and how fast it moves, and `/scan` what is near. Nothing
observed depends on the body, so that what was learned on a moving point can be tried on a walking robot.

Observation, in this order, each clipped to the bounds of the space:
    distance to the goal [m]; cosine and sine of its bearing in the yaw-aligned base frame;
    nearest range in each sector of the scan, counter-clockwise from straight ahead [m];
    mean velocity over the last decision in the yaw-aligned base frame: vx, vy [m/s], yaw rate [rad/s].
Reward of a decision: metres come nearer to the goal, less `time_cost`; `goal_reward` when it is reached, and
`failure_cost` for a collision or a fall, judged at the end of the decision.
An episode terminates at the goal, in a collision or with a fall, and is truncated after `episode_s`.
The next course is laid around the robot where it is, and it moves on as it did.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space

from gaitway.errors import GaitwayError
from gaitway.tasks.bodies import Body, PlanarBody
from gaitway.tasks.courses import CourseConfig, Courses
from gaitway.tasks.task import TaskError

DISTANCE_BOUND = 6.0
"""Greater distances to the goal are observed as this [m]."""
VELOCITY_BOUND = 2.0
"""Greater velocities are observed as this [m/s, rad/s]."""


@dataclass(frozen=True, kw_only=True)
class Skill:
    """A choice that a robot has."""

    name: str
    command: tuple[float, float, float]
    """vx, vy [m/s] in the yaw-aligned base frame and yaw rate [rad/s]."""


SKILLS = (
    Skill(name="forward", command=(0.6, 0.0, 0.0)),
    Skill(name="backward", command=(-0.4, 0.0, 0.0)),
    Skill(name="left", command=(0.0, 0.4, 0.0)),
    Skill(name="right", command=(0.0, -0.4, 0.0)),
    Skill(name="stand", command=(0.0, 0.0, 0.0)),
)
"""Steps to every side, within what walking policies are trained on."""
TURNING_SKILLS = (
    Skill(name="forward", command=(0.6, 0.0, 0.0)),
    Skill(name="backward", command=(-0.4, 0.0, 0.0)),
    Skill(name="left", command=(0.0, 0.0, 0.7)),
    Skill(name="right", command=(0.0, 0.0, -0.7)),
    Skill(name="stand", command=(0.0, 0.0, 0.0)),
)
"""Those of a unicycle: left and right turn on the spot."""


@dataclass(frozen=True, kw_only=True)
class NavigateConfig:
    """What `navigate` asks of a robot."""

    skills: tuple[Skill, ...] = SKILLS
    """What a robot chooses from, in the order of the actions."""
    course: CourseConfig = field(default_factory=CourseConfig)
    """How goals and obstacles are drawn."""
    step_dt: float = 0.4
    """Time of one decision [s]."""
    episode_s: float = 40.0
    """Time limit of an episode [s]."""
    goal_radius: float = 0.4
    """Nearer to the goal than this, it is reached [m]."""
    goal_reward: float = 5.0
    """Reward for reaching the goal."""
    failure_cost: float = 5.0
    """Taken off for a collision or a fall."""
    time_cost: float = 0.1
    """Taken off for every decision."""

    def __post_init__(self) -> None:
        if not self.skills:
            raise GaitwayError("navigate needs at least one skill; got none")
        for name in ("step_dt", "episode_s", "goal_radius"):
            if not getattr(self, name) > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")

    @property
    def episode_steps(self) -> int:
        """Decisions until truncation."""
        return math.ceil(self.episode_s / self.step_dt - 1e-9)


class NavigateEnv(GymnasiumVectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` robots on courses of their own; see the head of this module for what they observe and are paid for.

    Observations are float32, shape (num_envs, obs_size); actions are numbers of skills, shape (num_envs,). Episodes
    that end are followed by the next in the same step: the last observation of the old one is `infos["final_obs"]`
    where `infos["_final_obs"]` is true. `infos["reached"]`, `infos["collided"]` and `infos["fell"]` say how episodes
    ended. What one robot meets never depends on another: courses are drawn for every robot at every step, whether
    used or not.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's name)
    outcomes = ("reached", "collided", "fell")
    """How an episode can end, but for its time limit: names in `infos`."""

    def __init__(
        self,
        num_envs: int,
        *,
        config: NavigateConfig | None = None,
        body: Body | None = None,
        seed: int | None = None,
    ):
        """Make the robots; `reset` begins the first episodes.

        Args:
            num_envs: how many robots.
            config: what is asked of them.
            body: what carries out commands; default a `PlanarBody`.
            seed: source of all courses; `reset(seed=...)` replaces it; None for another at each call.

        Raises:
            TaskError: there are no robots, or the body has another number of them or another step.
        """
        self.config = config = config or NavigateConfig()
        if num_envs < 1:
            raise TaskError(f"navigate needs num_envs >= 1; got {num_envs}")
        self.body = body or PlanarBody(num_envs, config.step_dt)
        if self.body.num_envs != num_envs or abs(self.body.step_dt - config.step_dt) > 1e-9:
            raise TaskError(
                f"navigate needs a body of {num_envs} robots and steps of {config.step_dt} s; "
                f"got {self.body.num_envs} and {self.body.step_dt} s"
            )
        self.num_envs = num_envs
        self.single_observation_space = _observation_space(config.course)
        self.single_action_space = spaces.Discrete(len(config.skills))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.courses = Courses(config.course, num_envs)
        self.episode_step = np.zeros(num_envs, dtype=np.int64)
        """Decisions since each episode's beginning. Shape (num_envs,)."""
        self.metrics: dict[str, float] = {}
        """Shares of robots that reached their goal, collided or fell in the newest step."""
        self._commands = np.array([skill.command for skill in config.skills])
        self._velocity = np.zeros((num_envs, 3))
        self._distance = np.zeros(num_envs)
        self._rng = np.random.default_rng(seed)
        self._begun = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Let every robot stand, and begin an episode on each.

        Args:
            seed: new source of randomness, or None to go on with the present one.
            options: `{"desynchronize": True}` starts each episode at a random age, so that training does
                not see all time limits at once.

        Returns:
            Observations, shape (num_envs, obs_size), and infos.
        """
        if seed is not None:
            self._rng = np.random.default_rng(seed)
        self.body.reset(seed)
        self._velocity[:] = 0.0
        pose_w = self.body.pose_w
        self._begin_episodes(pose_w, np.ones(self.num_envs, dtype=bool))
        if options and options.get("desynchronize"):
            self.episode_step[:] = self._rng.integers(0, self.config.episode_steps, self.num_envs)
        self._begun = True
        return self._observe(pose_w), {}

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Let every robot carry out one decision.

        Args:
            actions: numbers of skills. Shape (num_envs,), int.

        Returns:
            Observations (num_envs, obs_size), rewards (num_envs,), terminated (num_envs,),
            truncated (num_envs,) and infos.

        Raises:
            TaskError: `reset` was not called, or actions of another shape or beyond the skills.
        """
        before = self.body.pose_w
        fell = self.body.move(self._commands[self._checked(actions)])
        pose_w = self.body.pose_w
        self.episode_step += 1
        self._measure_velocity(before, pose_w, fell)
        distance = self._goal_distance(pose_w)
        collided = (self.courses.clearance(pose_w[:, :2]) < 0.0) & ~fell
        reached = (distance < self.config.goal_radius) & ~collided & ~fell
        progress = np.where(fell, 0.0, self._distance - distance)
        self._distance = distance
        reward = progress - self.config.time_cost + self.config.goal_reward * reached
        reward -= self.config.failure_cost * (collided | fell)
        terminated = reached | collided | fell
        truncated = (self.episode_step >= self.config.episode_steps) & ~terminated
        infos: dict[str, Any] = {"reached": reached, "collided": collided, "fell": fell}
        self.metrics = {name: float(value.mean()) for name, value in infos.items()}

        obs = self._observe(pose_w)
        ended = terminated | truncated
        self._begin_episodes(pose_w, ended)
        if ended.any():
            infos["final_obs"], infos["_final_obs"] = obs, ended
            obs = self._observe(pose_w)
        return obs, reward.astype(np.float32), terminated, truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; arrays only."""
        generator = json.dumps(self._rng.bit_generator.state)
        return {
            "rng": np.frombuffer(generator.encode(), dtype=np.uint8).copy(),
            **{name: value.copy() for name, value in self._robots().items()},
            **{f"body.{name}": value for name, value in self.body.state_dict().items()},
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._rng.bit_generator.state = json.loads(state["rng"].tobytes().decode())
        for name, value in self._robots().items():
            value[:] = state[name]
        prefix = "body."
        self.body.load_state_dict(
            {name[len(prefix) :]: value for name, value in state.items() if name.startswith(prefix)}
        )
        self._begun = True

    def _robots(self) -> dict[str, np.ndarray]:
        """The arrays that hold the robots' places in their episodes, by name."""
        return {
            "episode_step": self.episode_step,
            "velocity": self._velocity,
            "distance": self._distance,
            "goal_w": self.courses.goal_w,
            "obstacle_w": self.courses.obstacle_w,
            "present": self.courses.present,
        }

    def _checked(self, actions: np.ndarray) -> np.ndarray:
        action = np.asarray(actions)
        if not self._begun:
            raise TaskError("step was called before reset")
        if action.shape != (self.num_envs,) or action.dtype.kind not in "iu":
            raise TaskError(
                f"actions must be whole numbers of shape ({self.num_envs},); got {action.dtype} {action.shape}"
            )
        if action.min() < 0 or action.max() >= len(self._commands):
            raise TaskError(
                f"actions must be from 0 to {len(self._commands) - 1}; got {action.min()} to {action.max()}"
            )
        return action

    def _begin_episodes(self, pose_w: np.ndarray, which: np.ndarray) -> None:
        """Draw courses for all robots and begin episodes of those marked in `which`, shape (num_envs,), bool."""
        self.courses.lay(self._rng, pose_w[:, :2], which)
        self.episode_step[which] = 0
        self._distance[which] = self._goal_distance(pose_w)[which]

    def _goal_distance(self, pose_w: np.ndarray) -> np.ndarray:
        return np.linalg.norm(self.courses.goal_w - pose_w[:, :2], axis=-1)

    def _measure_velocity(self, before: np.ndarray, after: np.ndarray, fell: np.ndarray) -> None:
        """Mean velocity over the decision, as differences of odometry tell it; none of who was put elsewhere."""
        rate = (after - before) / self.config.step_dt
        cos, sin = np.cos(after[:, 2]), np.sin(after[:, 2])
        turn = (after[:, 2] - before[:, 2] + np.pi) % (2.0 * np.pi) - np.pi
        self._velocity[:, 0] = cos * rate[:, 0] + sin * rate[:, 1]
        self._velocity[:, 1] = cos * rate[:, 1] - sin * rate[:, 0]
        self._velocity[:, 2] = turn / self.config.step_dt
        self._velocity[fell] = 0.0

    def _observe(self, pose_w: np.ndarray) -> np.ndarray:
        """What the robots observe. Shape (num_envs, obs_size), float32."""
        offset = self.courses.goal_w - pose_w[:, :2]
        bearing = np.arctan2(offset[:, 1], offset[:, 0]) - pose_w[:, 2]
        goal = np.column_stack([self._goal_distance(pose_w), np.cos(bearing), np.sin(bearing)])
        ranges = self.courses.scan(pose_w[:, :2], pose_w[:, 2])
        obs = np.concatenate([goal, ranges, self._velocity], axis=1).astype(np.float32)
        space = self.single_observation_space
        assert isinstance(space, spaces.Box)
        return np.clip(obs, space.low, space.high)


def _observation_space(course: CourseConfig) -> spaces.Box:
    ranges = [course.scan_range] * course.sectors
    high = np.array([DISTANCE_BOUND, 1.0, 1.0, *ranges, *[VELOCITY_BOUND] * 3], dtype=np.float32)
    low = np.array([0.0, -1.0, -1.0, *[0.0] * course.sectors, *[-VELOCITY_BOUND] * 3], dtype=np.float32)
    return spaces.Box(low, high, dtype=np.float32)

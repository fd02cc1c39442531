"""Runs a task on many robots behind Gymnasium's `VectorEnv`.

One call of `step` is one control step of every robot. What one robot meets never depends on another:
noise, pushes, commands and initial states are drawn for every robot at every step, whether used or not, so that
a robot's pushes up to its first fall are the same whatever policy runs, and all of its draws are the same
whatever happens to its neighbours.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space

from gaitway import rotation
from gaitway.policy import Sensors
from gaitway.policy.gait import advance_phase, gait_clock
from gaitway.robots import Robot
from gaitway.sim import Simulation
from gaitway.tasks.guarding import TargetGuard
from gaitway.tasks.pushing import PushSchedule
from gaitway.tasks.sensing import Sensing
from gaitway.tasks.task import VELOCITY_WINDOW_S, Reward, StepView, Task, TaskError

START_SPREAD = 0.5
"""Robots start at most this far from the middle of their tile along each axis [m]."""


class VectorEnv(GymnasiumVectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` robots learning one task.

    Observations are float32, shape (num_envs, obs_size), as `task.observation` lists them. Actions are
    network outputs, shape (num_envs, num_joints), clipped to `task.action.clip`. Episodes that end are reset
    in the same step: the last observation of the old episode is `infos["final_obs"]` where
    `infos["_final_obs"]` is true. `infos["diverged"]` marks episodes that ended because the physics
    diverged, `infos["push"]` the robots that a push began on, and on a guarded task `infos["guarded"]` those whose
    targets were limited and `infos["damped"]` those whose Guard would damp. `infos["joint_pos_target"]` is what was
    sent [rad], shape (num_envs, num_joints). `infos["privileged"]`, and at an episode's end
    `infos["final_privileged"]`, are what the critic sees beside the observation.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's name)

    def __init__(self, task: Task, robot: Robot, num_envs: int, *, seed: int = 0, num_threads: int = 0):
        """Make the environment; `reset` begins the first episodes.

        Args:
            task: what to learn.
            robot: on which robot.
            num_envs: how many robots.
            seed: source of all randomness; `reset(seed=...)` replaces it, except for how the robots and the ground
                are.
            num_threads: threads that step the physics; results do not depend on it.

        Raises:
            TaskError: the task has a gait and the robot is no biped.
        """
        self.task = task
        self.robot = robot
        self.num_envs = num_envs
        self.sim = Simulation(
            robot,
            num_envs,
            physics_dt=task.physics_dt,
            decimation=task.decimation,
            num_threads=num_threads,
            max_delay_s=task.action.delay_steps[1] * task.step_dt,
            randomization=task.randomization,
            terrain=task.terrain,
            seed=seed,
            solver=task.solver,
            cone=task.cone,
        )
        feet = self.sim.foot_pos_w.shape[1]
        if task.gait is not None and feet != 2:
            raise TaskError(f"task {task.name!r} has a gait for 2 feet; robot {robot.name!r} has {feet}")
        self.observation_spec = tuple(term.spec(robot) for term in task.observation)
        self.action_spec = task.action.spec(robot)
        self._sensing = Sensing(task.observation, self.observation_spec, num_envs)
        bound = np.full(robot.num_joints, task.action.clip, dtype=np.float32)
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (self._sensing.size,), np.float32)
        self.single_action_space = spaces.Box(-bound, bound, dtype=np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self.privileged_size = sum(len(term.mirror) for term in task.privileged)
        """Values that the critic sees beside the observation."""
        self._home = np.array(robot.home_joint_pos)
        self._action_scale = task.action.joint_scale(robot)
        self._action_offset = task.action.joint_offset(robot)
        self._rewards = [(_function(term, robot), term.weight * task.step_dt) for term in task.rewards]
        self._constants = {
            "sim": self.sim,
            "home_joint_pos": self._home,
            "effort_limit": np.array(robot.effort_limit),
            "soft_range": (
                (robot.position_lower + robot.position_upper) / 2.0,
                0.45 * (robot.position_upper - robot.position_lower),
            ),
            "home_foot_height": robot.home_base_height + self.sim.home_foot_pos_b[:, 2],
            "gait": task.gait,
        }
        self._imu_mounting_quat = np.array(robot.imu.quat)
        self._seed(seed)
        self.metrics: dict[str, float] = {}
        """How the robots did in the newest step: the curriculum's mean level, the share that diverged, and the mean
        of each reward term, weighted, per second."""
        self.episode_step = np.zeros(num_envs, dtype=np.int64)
        """Control steps since each robot's reset. Shape (num_envs,)."""
        self.command = np.zeros((num_envs, 3))
        """Velocity command of each robot: vx, vy [m/s], yaw rate [rad/s]. Shape (num_envs, 3)."""
        self.gait_phase = np.zeros(num_envs)
        """Phase of each robot's gait [rad]. Shape (num_envs,)."""
        spread = task.terrain is not None and task.curriculum is None
        self.level = np.linspace(0.0, 1.0, num_envs) if spread else np.zeros(num_envs)
        """Each robot's place in the curriculum or, where there is none, on the terrain, 0 to 1. Shape (num_envs,)."""
        self._start_phase = np.zeros(num_envs)
        self._last_action = np.zeros((num_envs, robot.num_joints))
        self.guard = TargetGuard(robot, num_envs, task.step_dt) if task.guarded else None
        """What limits the joint targets of a guarded task."""
        self._pushing = PushSchedule(task.pushes, num_envs, task.step_dt)
        self._next_command_step = np.zeros(num_envs, dtype=np.int64)
        self._measured_sum = np.zeros(num_envs)
        self._mean_velocity = np.zeros((num_envs, 3))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode on every robot.

        Args:
            seed: new source of randomness, which also starts the curriculum anew, or None to go on with the
                present one.
            options: `{"desynchronize": True}` starts each episode at a random age, so that training does
                not see all time limits at once.

        Returns:
            Observations, shape (num_envs, obs_size), and infos.
        """
        if seed is not None:
            self._seed(seed)
            if self.task.curriculum is not None:
                self.level[:] = 0.0
        everyone = np.ones(self.num_envs, dtype=bool)
        self._begin_episodes(everyone)
        if options and options.get("desynchronize"):
            self.set_episode_step(self._reset_rng.integers(0, self.task.episode_steps, self.num_envs))
        noise = self._sensing.draw_noise(self._noise_rng)
        obs = self._sensing.begin(self.sensors(), noise, np.arange(self.num_envs))
        nothing = np.zeros_like(self._last_action)
        return obs, self._privileged(self._view(nothing, np.zeros(self.num_envs, dtype=bool)))

    def step(
        self, actions: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, dict[str, Any]]:
        """Advance every robot by one control step.

        Args:
            actions: network outputs. Shape (num_envs, num_joints).

        Returns:
            Observations (num_envs, obs_size), rewards (num_envs,), terminated (num_envs,),
            truncated (num_envs,) and infos.

        Raises:
            TaskError: actions of another shape, or not finite.
        """
        action = np.asarray(actions, dtype=np.float64)
        if action.shape != self._last_action.shape or not np.isfinite(action).all():
            raise TaskError(
                f"actions must be finite and of shape {self._last_action.shape}; got shape {action.shape}"
                f" with {np.count_nonzero(~np.isfinite(action))} values that are not finite"
            )
        action = np.clip(action, -self.task.action.clip, self.task.action.clip)
        hardness = self._eased(self.task.curriculum.pushes if self.task.curriculum else 1.0)
        pushed = self._pushing.push(self.sim, self.episode_step, self._push_rng, hardness)
        target, infos = self._action_offset + self._action_scale * action, {"push": pushed}
        if self.guard is not None:
            target, infos["guarded"], infos["damped"] = self.guard.limit(target, self.sim)
        self.sim.set_command(target)
        infos["joint_pos_target"] = target
        diverged = self.sim.step()
        self.episode_step += 1
        self._advance_gait()
        self._average_velocity()

        terminated = diverged.copy()
        view = self._view(action, np.zeros(self.num_envs, dtype=bool))
        for term in self.task.terminations:
            terminated |= term(view)
        view.terminated[:] = terminated
        truncated = ((self.episode_step >= self.task.episode_steps) | self._off_the_ground()) & ~terminated
        terms = np.stack([weight * function(view) for function, weight in self._rewards])
        terms[:, diverged] = 0.0
        reward = terms.sum(axis=0)
        self._last_action = action
        infos |= {"diverged": diverged, **self._privileged(view)}
        self.metrics = self._metrics(terms, diverged)
        self._grade(view, terminated, truncated)

        self._renew_commands()
        noise = self._sensing.draw_noise(self._noise_rng)
        obs = self._sensing.observe(self.sensors(), noise)
        ended = terminated | truncated
        self._begin_episodes(ended)
        if ended.any():
            infos["final_obs"], infos["_final_obs"] = obs, ended
            obs = obs.copy()
            obs[ended] = self._sensing.begin(self.sensors(), noise, np.nonzero(ended)[0])
            if self.privileged_size:
                infos["final_privileged"] = infos["privileged"]
                infos |= self._privileged(self._view(self._last_action, np.zeros_like(ended)))
        return obs, reward.astype(np.float32), terminated, truncated, infos

    def set_episode_step(self, episode_step: np.ndarray) -> None:
        """Let episodes be of another age [control steps], shape (num_envs,); what is planned for them moves along."""
        change = episode_step - self.episode_step
        for steps in (self.episode_step, self._pushing.next_step, self._next_command_step):
            steps += change

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; arrays only."""
        states = json.dumps([generator.bit_generator.state for generator in self._generators])
        return {
            "rng": np.frombuffer(states.encode(), dtype=np.uint8).copy(),
            **{name: value.copy() for name, value in self._robots().items()},
            **{f"sim.{key}": value for key, value in self.sim.state_dict().items()},
            **{f"sensing.{key}": value for key, value in self._sensing.state_dict().items()},
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        saved = json.loads(state["rng"].tobytes().decode())
        for generator, generator_state in zip(self._generators, saved, strict=True):
            generator.bit_generator.state = generator_state
        for name, value in self._robots().items():
            value[:] = state[name]
        self.sim.load_state_dict(_below("sim.", state))
        self._sensing.load_state_dict(_below("sensing.", state))

    def sensors(self) -> Sensors:
        """The robots' raw sensor values now, with constant errors but without noise and delay."""
        moves = self.task.commands is not None
        return Sensors(
            joint_pos=self.sim.measured_joint_pos,
            joint_vel=self.sim.joint_vel,
            imu_quat_w=self.sim.imu_quat_w,
            imu_ang_vel=self.sim.imu_ang_vel,
            last_action=self._last_action,
            home_joint_pos=self._home,
            imu_mounting_quat=self._imu_mounting_quat,
            command=self.command if moves else None,
            gait_clock=gait_clock(self.gait_phase, self.command) if self.task.gait else None,
            base_lin_vel_b=self._base_lin_vel_b() if self._observes_lin_vel else None,
        )

    @property
    def _observes_lin_vel(self) -> bool:
        return any(spec.name == "base_lin_vel" for spec in self.observation_spec)

    def _base_lin_vel_b(self) -> np.ndarray:
        return rotation.rotate(rotation.conjugate(self.sim.base_quat_w), self.sim.base_lin_vel_w)

    def _seed(self, seed: int) -> None:
        self._generators = [np.random.default_rng(s) for s in np.random.SeedSequence(seed).spawn(4)]
        self._noise_rng, self._push_rng, self._reset_rng, self._command_rng = self._generators

    def _robots(self) -> dict[str, np.ndarray]:
        """The arrays that hold the robots' places in their episodes, by name."""
        return {
            "episode_step": self.episode_step,
            "command": self.command,
            "gait_phase": self.gait_phase,
            "start_phase": self._start_phase,
            "level": self.level,
            "measured_sum": self._measured_sum,
            "mean_velocity": self._mean_velocity,
            "last_action": self._last_action,
            "next_push_step": self._pushing.next_step,
            "next_command_step": self._next_command_step,
            **({"joint_pos_target": self.guard.joint_pos_target} if self.guard else {}),
        }

    def _begin_episodes(self, which: np.ndarray) -> None:
        """Draw initial states for all robots and reset those marked in `which`, shape (num_envs,), bool."""
        task, rng, count = self.task, self._reset_rng, self.num_envs
        width = task.initial_state.joint_pos_noise
        offset = rng.uniform(-width, width, (count, self.robot.num_joints))
        action_delay = rng.uniform(*task.action.delay_steps, count)
        delay_steps = self._sensing.draw_delays(rng)
        start_phase = np.pi * rng.integers(0, 2, count)
        push_wait = self._pushing.draw_wait(rng)
        command, command_wait = self._draw_commands(rng)
        start_xy = self._draw_starts(rng)
        env_ids = np.nonzero(which)[0]
        if len(env_ids) == 0:
            return
        self.sim.reset(env_ids, self._home + offset[env_ids], start_xy[env_ids])
        self.sim.set_delay(action_delay[env_ids] * task.step_dt, env_ids)
        self.episode_step[env_ids] = 0
        self._measured_sum[env_ids] = 0.0
        self._mean_velocity[env_ids] = 0.0
        self._last_action[env_ids] = 0.0
        if self.guard is not None:
            self.guard.begin(self.sim, env_ids)
        self._sensing.delay_steps[:, env_ids] = delay_steps[:, env_ids]
        self._start_phase[env_ids] = start_phase[env_ids]
        self.gait_phase[env_ids] = start_phase[env_ids]
        self._pushing.next_step[env_ids] = push_wait[env_ids]
        self.command[env_ids] = command[env_ids]
        self._next_command_step[env_ids] = command_wait[env_ids]

    def _draw_starts(self, rng: np.random.Generator) -> np.ndarray:
        """Where every robot's next episode begins in world frame [m]. Shape (num_envs, 2)."""
        terrain = self.sim.terrain
        if terrain is None:
            return np.zeros((self.num_envs, 2))
        middle = terrain.origins[terrain.row(self.level), np.arange(self.num_envs) % terrain.config.columns]
        return middle + rng.uniform(-START_SPREAD, START_SPREAD, (self.num_envs, 2))

    def _off_the_ground(self) -> np.ndarray:
        """Robots that have come to the end of the ground, whose episodes are truncated. Shape (num_envs,), bool."""
        if self.sim.terrain is None:
            return np.zeros(self.num_envs, dtype=bool)
        return ~self.sim.terrain.contains(self.sim.base_pos_w[:, 0], self.sim.base_pos_w[:, 1])

    def _advance_gait(self) -> None:
        if self.task.gait is not None:
            self.gait_phase[:] = advance_phase(
                self.gait_phase, self._start_phase, self.command, self.task.gait.period_s, self.task.step_dt
            )

    def _average_velocity(self) -> None:
        lin_vel = rotation.about_z(self.sim.base_lin_vel_w, -rotation.yaw(self.sim.base_quat_w))
        lin_vel[:, 2] = self.sim.base_ang_vel_b[:, 2]
        share = self.task.step_dt / VELOCITY_WINDOW_S
        self._mean_velocity[:] = (1.0 - share) * self._mean_velocity + share * lin_vel

    def _eased(self, at_level_0: float) -> np.ndarray:
        """A factor that rises with each robot's level in the curriculum, to 1. Shape (num_envs,)."""
        return at_level_0 + (1.0 - at_level_0) * self.level

    def _grade(self, view: StepView, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """Move the robots whose episodes end up or down in the curriculum."""
        curriculum = self.task.curriculum
        if curriculum is None:
            return
        self._measured_sum += curriculum.measure(view)
        passed = truncated & (self._measured_sum >= curriculum.threshold * self.episode_step)
        change = curriculum.step * (passed.astype(float) - terminated)
        self.level[:] = np.clip(self.level + change, 0.0, 1.0)

    def _draw_commands(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """A command for every robot and how many control steps it lasts. Shapes (num_envs, 3), (num_envs,)."""
        commands = self.task.commands
        if commands is None:
            return np.zeros((self.num_envs, 3)), np.zeros(self.num_envs, dtype=np.int64)
        curriculum = self.task.curriculum
        drawn = commands.draw(rng, self._eased(curriculum.commands if curriculum else 1.0))
        return drawn, commands.draw_interval(rng, self.num_envs, self.task.step_dt)

    def _renew_commands(self) -> None:
        if self.task.commands is None:
            return
        due = self.episode_step >= self._next_command_step
        command, wait = self._draw_commands(self._command_rng)
        self.command[due] = command[due]
        self._next_command_step[due] = self.episode_step[due] + wait[due]

    def _metrics(self, terms: np.ndarray, diverged: np.ndarray) -> dict[str, float]:
        rates = terms.mean(axis=1) / self.task.step_dt
        metrics = {
            f"reward/{term.name}": float(rate) for term, rate in zip(self.task.rewards, rates, strict=True)
        }
        if self.task.curriculum is not None:
            metrics["level"] = float(self.level.mean())
        return metrics | {"diverged": float(diverged.mean())}

    def _privileged(self, view: StepView) -> dict[str, np.ndarray]:
        """What the critic sees beside the observation, float32, shape (num_envs, privileged_size)."""
        if not self.task.privileged:
            return {}
        values = np.concatenate([term.function(view) for term in self.task.privileged], axis=1)
        return {"privileged": values.astype(np.float32)}

    def _view(self, action: np.ndarray, terminated: np.ndarray) -> StepView:
        return StepView(
            **self._constants,
            action=action,
            last_action=self._last_action,
            terminated=terminated,
            command=self.command,
            mean_velocity=self._mean_velocity,
            gait_phase=self.gait_phase,
        )


def _function(reward: Reward, robot: Robot) -> Callable[[StepView], np.ndarray]:
    """The reward's function of a step alone, the joints it is about filled in."""
    if reward.joints is None:
        return reward.function
    pattern = re.compile(reward.joints)
    ids = np.array([i for i, name in enumerate(robot.joint_names) if pattern.search(name)], dtype=np.int64)
    return lambda view: reward.function(view, ids)


def _below(prefix: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}

"""Runs a task on many robots behind Gymnasium's `VectorEnv`.

One call of `step` is one control step of every robot. What one robot meets never depends on another:
noise, pushes and initial states are drawn for every robot at every step, whether used or not, so that a
robot's pushes up to its first fall are the same whatever policy runs, and all of its draws are the same
whatever happens to its neighbours.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from gymnasium.vector import VectorEnv as GymnasiumVectorEnv
from gymnasium.vector.utils import batch_space

from gaitway.policy import ObservationBuilder, Sensors
from gaitway.robots import Robot
from gaitway.sim import Simulation
from gaitway.tasks.task import StepView, Task, TaskError


class VectorEnv(GymnasiumVectorEnv[np.ndarray, np.ndarray, np.ndarray]):
    """`num_envs` robots learning one task.

    Observations are float32, shape (num_envs, obs_size), as `task.observation` lists them. Actions are
    network outputs, shape (num_envs, num_joints), clipped to `task.action.clip`. Episodes that end are reset
    in the same step: the last observation of the old episode is `infos["final_obs"]` where
    `infos["_final_obs"]` is true. `infos["diverged"]` marks episodes that ended because the physics
    diverged, and `infos["push"]` the robots that a push began on.
    """

    metadata = {"autoreset_mode": AutoresetMode.SAME_STEP, "render_modes": []}  # noqa: RUF012 (Gymnasium's name)

    def __init__(self, task: Task, robot: Robot, num_envs: int, *, seed: int = 0, num_threads: int = 0):
        """Make the environment; `reset` begins the first episodes.

        Args:
            task: what to learn.
            robot: on which robot.
            num_envs: how many robots.
            seed: source of all randomness; `reset(seed=...)` replaces it.
            num_threads: threads that step the physics; results do not depend on it.
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
        )
        self.observation_spec = tuple(term.spec(robot) for term in task.observation)
        self.action_spec = task.action.spec(robot)
        self._builder = ObservationBuilder(self.observation_spec)
        self._noise = [term.noise for term in task.observation]
        bound = np.full(robot.num_joints, task.action.clip, dtype=np.float32)
        self.single_observation_space = spaces.Box(-np.inf, np.inf, (self._builder.size,), np.float32)
        self.single_action_space = spaces.Box(-bound, bound, dtype=np.float32)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._home = np.array(robot.home_joint_pos)
        self._effort_limit = np.array(robot.effort_limit)
        self._imu_mounting_quat = np.array(robot.imu.quat)
        self._seed(seed)
        self.episode_step = np.zeros(num_envs, dtype=np.int64)
        """Control steps since each robot's reset. Shape (num_envs,)."""
        self._last_action = np.zeros((num_envs, robot.num_joints))
        longest = task.action.delay_steps[1]
        self._newest_actions = np.zeros((longest + 1, num_envs, robot.num_joints))  # newest first
        self._delay_steps = np.zeros(num_envs, dtype=np.int64)
        self._next_push_step = np.zeros(num_envs, dtype=np.int64)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[np.ndarray, dict[str, Any]]:
        """Begin an episode on every robot.

        Args:
            seed: new source of randomness, or None to go on with the present one.
            options: `{"desynchronize": True}` starts each episode at a random age, so that training does
                not see all time limits at once.

        Returns:
            Observations, shape (num_envs, obs_size), and an empty info.
        """
        if seed is not None:
            self._seed(seed)
        everyone = np.ones(self.num_envs, dtype=bool)
        self._begin_episodes(everyone)
        if options and options.get("desynchronize"):
            self.episode_step[:] = self._reset_rng.integers(0, self.task.episode_steps, self.num_envs)
            self._next_push_step += self.episode_step
        return self._observe(everyone, self._draw_noise()), {}

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
        pushed = self._push()
        self.sim.set_command(self._home + self.task.action.scale * self._delayed(action))
        diverged = self.sim.step()
        self.episode_step += 1

        view = self._view(action, np.zeros(self.num_envs, dtype=bool))
        terminated = diverged.copy()
        for term in self.task.terminations:
            terminated |= term(view)
        truncated = (self.episode_step >= self.task.episode_steps) & ~terminated
        reward = np.zeros(self.num_envs)
        view = self._view(action, terminated)
        for term in self.task.rewards:
            reward += (term.weight * self.task.step_dt) * term.function(view)
        reward[diverged] = 0.0
        self._last_action = action

        noise = self._draw_noise()
        nobody = np.zeros(self.num_envs, dtype=bool)
        obs = self._observe(nobody, noise)
        infos: dict[str, Any] = {"push": pushed, "diverged": diverged}
        ended = terminated | truncated
        self._begin_episodes(ended)
        if ended.any():
            infos["final_obs"], infos["_final_obs"] = obs, ended
            obs = self._observe(ended, noise, again=True)
        return obs, reward.astype(np.float32), terminated, truncated, infos

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on; arrays only."""
        generators = [self._noise_rng, self._push_rng, self._reset_rng]
        states = json.dumps([generator.bit_generator.state for generator in generators])
        return {
            "rng": np.frombuffer(states.encode(), dtype=np.uint8).copy(),
            "episode_step": self.episode_step.copy(),
            "last_action": self._last_action.copy(),
            "newest_actions": self._newest_actions.copy(),
            "delay_steps": self._delay_steps.copy(),
            "next_push_step": self._next_push_step.copy(),
            **{f"sim.{key}": value for key, value in self.sim.state_dict().items()},
            **{f"history.{key}": value for key, value in self._builder.state_dict().items()},
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        generators = [self._noise_rng, self._push_rng, self._reset_rng]
        for generator, saved in zip(generators, json.loads(state["rng"].tobytes().decode()), strict=True):
            generator.bit_generator.state = saved
        self.episode_step[:] = state["episode_step"]
        self._last_action = state["last_action"].copy()
        self._newest_actions = state["newest_actions"].copy()
        self._delay_steps[:] = state["delay_steps"]
        self._next_push_step[:] = state["next_push_step"]
        self.sim.load_state_dict(_below("sim.", state))
        self._builder.load_state_dict(_below("history.", state))

    def sensors(self) -> Sensors:
        """The robots' raw sensor values now, without noise."""
        return Sensors(
            joint_pos=self.sim.joint_pos,
            joint_vel=self.sim.joint_vel,
            imu_quat_w=self.sim.imu_quat_w,
            imu_ang_vel=self.sim.imu_ang_vel,
            last_action=self._last_action,
            home_joint_pos=self._home,
            imu_mounting_quat=self._imu_mounting_quat,
        )

    def _seed(self, seed: int) -> None:
        noise, push, reset = np.random.SeedSequence(seed).spawn(3)
        self._noise_rng = np.random.default_rng(noise)
        self._push_rng = np.random.default_rng(push)
        self._reset_rng = np.random.default_rng(reset)

    def _begin_episodes(self, which: np.ndarray) -> None:
        """Draw initial states for all robots and reset those marked in `which`, shape (num_envs,), bool."""
        width = self.task.initial_state.joint_pos_noise
        offset = self._reset_rng.uniform(-width, width, (self.num_envs, self.robot.num_joints))
        delay = self._reset_rng.integers(*self.task.action.delay_steps, self.num_envs, endpoint=True)
        push_wait = self._push_wait(self._reset_rng)
        env_ids = np.nonzero(which)[0]
        if len(env_ids) == 0:
            return
        self.sim.reset(env_ids, self._home + offset[env_ids])
        self.episode_step[env_ids] = 0
        self._last_action[env_ids] = 0.0
        self._newest_actions[:, env_ids] = 0.0
        self._delay_steps[env_ids] = delay[env_ids]
        self._next_push_step[env_ids] = push_wait[env_ids]

    def _delayed(self, action: np.ndarray) -> np.ndarray:
        """Each robot's action of its `delay_steps` ago, zero before an episode's first."""
        self._newest_actions = np.concatenate([action[None], self._newest_actions[:-1]])
        return self._newest_actions[self._delay_steps, np.arange(self.num_envs)]

    def _push(self) -> np.ndarray:
        """Begin the pushes that are due; returns which robots are pushed. Shape (num_envs,), bool."""
        pushes = self.task.pushes
        if pushes is None:
            return np.zeros(self.num_envs, dtype=bool)
        due = self.episode_step >= self._next_push_step
        angle = self._push_rng.uniform(0.0, 2.0 * np.pi, self.num_envs)
        size = self._push_rng.uniform(*pushes.impulse, self.num_envs)
        wait = self._push_wait(self._push_rng)
        if due.any():
            impulse = np.stack([size * np.cos(angle), size * np.sin(angle), 0.0 * size], axis=1)
            env_ids = np.nonzero(due)[0]
            self.sim.push(impulse[env_ids], env_ids)
            self._next_push_step[env_ids] = self.episode_step[env_ids] + wait[env_ids]
        return due

    def _push_wait(self, rng: np.random.Generator) -> np.ndarray:
        """Control steps until a next push, for every robot. Shape (num_envs,)."""
        pushes = self.task.pushes
        interval = rng.uniform(*(pushes.interval_s if pushes else (0.0, 0.0)), self.num_envs)
        return np.rint(interval / self.task.step_dt).astype(np.int64)

    def _draw_noise(self) -> list[np.ndarray | None]:
        """Observation noise of one step, term by term; None for a term without."""
        return [
            self._noise_rng.uniform(-width, width, (self.num_envs, spec.size)) if width else None
            for width, spec in zip(self._noise, self.observation_spec, strict=True)
        ]

    def _observe(self, fresh: np.ndarray, noise: list[np.ndarray | None], again: bool = False) -> np.ndarray:
        """The observation now; `again` replaces the newest instant of histories instead of adding one."""

        def corrupt(index: int, value: np.ndarray) -> np.ndarray:
            added = noise[index]
            return value if added is None else value + added

        return self._builder.build(self.sensors(), fresh, corrupt, again=again)

    def _view(self, action: np.ndarray, terminated: np.ndarray) -> StepView:
        return StepView(
            sim=self.sim,
            home_joint_pos=self._home,
            effort_limit=self._effort_limit,
            action=action,
            last_action=self._last_action,
            terminated=terminated,
        )


def _below(prefix: str, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}

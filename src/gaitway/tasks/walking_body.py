"""The body of `navigate` that walks: a robot in simulation under a walking policy."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from gaitway import rotation
from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.policy.velocity_command import ACCELERATION
from gaitway.robots import Robot
from gaitway.tasks.bodies import Body
from gaitway.tasks.commands import VelocityCommands
from gaitway.tasks.policy_task import as_trained
from gaitway.tasks.registry import get_task
from gaitway.tasks.task import Task, TaskError
from gaitway.tasks.vector_env import VectorEnv

_FOREVER_S = 1e9
_NONE_OF_ITS_OWN = VelocityCommands(
    lin_vel_x=(0.0, 0.0), lin_vel_y=(0.0, 0.0), ang_vel_z=(0.0, 0.0), interval_s=None
)


class WalkingBody(Body):
    """Robots on flat ground that carry out commands by a walking policy, run for all of them at once.

    The robots are alike and nobody pushes them; their sensors have the noise and delay that the policy was trained with.
    """

    def __init__(
        self,
        robot: Robot,
        num_envs: int,
        step_dt: float,
        *,
        policy: str | Path = "walk",
        seed: int = 0,
        num_threads: int = 0,
    ):
        """Make the robots.

        Args:
            robot: which robot.
            num_envs: how many.
            step_dt: how long one command lasts [s], rounded up to whole control steps of the policy.
            policy: a policy file that takes velocity commands, or the name of one in the package.
            seed: of sensors' noise and delays.
            num_threads: threads that step the physics; results do not depend on it.

        Raises:
            PolicyError: the file cannot be used.
            UnknownNameError: no policy is called that.
            TaskError: the policy takes no velocity commands.
        """
        self._runtime = load_policy(find_policy(policy))
        spec = self._runtime.spec
        if spec.command is None:
            raise TaskError(f"policy {policy} takes no velocity commands; a body that walks needs one")
        self._ranges = spec.command
        task, robot = as_trained(spec, get_task(spec.origin.task), robot)
        self._env = VectorEnv(_undisturbed(task), robot, num_envs, seed=seed, num_threads=num_threads)
        self._control_steps = math.ceil(step_dt / spec.step_dt - 1e-9)
        self._largest_change = np.array(ACCELERATION) * spec.step_dt
        self.num_envs, self.step_dt = num_envs, self._control_steps * spec.step_dt
        self._obs = self._env.reset()[0]

    @property
    def pose_w(self) -> np.ndarray:
        """x, y [m] and heading [rad] of the base in world frame. Shape (num_envs, 3)."""
        sim = self._env.sim
        return np.column_stack([sim.base_pos_w[:, :2], rotation.yaw(sim.base_quat_w)])

    def reset(self, seed: int | None) -> None:
        """Let every robot stand at the origin; `seed` replaces the source of randomness unless None."""
        self._obs = self._env.reset(seed=seed)[0]

    def move(self, command: np.ndarray) -> np.ndarray:
        """Walk for `step_dt`; who falls stands for the rest of it."""
        wanted = self._ranges.clip(command)
        fallen = np.zeros(self.num_envs, dtype=bool)
        for _ in range(self._control_steps):
            now = self._env.command
            change = np.where(fallen[:, None], 0.0, wanted) - now
            now += np.clip(change, -self._largest_change, self._largest_change)
            self._obs, _, terminated, _, _ = self._env.step(self._runtime.infer(self._obs))
            fallen |= terminated
        return fallen

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next moves depend on."""
        return {"obs": self._obs, **self._env.state_dict()}

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._obs = state["obs"].copy()
        self._env.load_state_dict({name: value for name, value in state.items() if name != "obs"})


def _undisturbed(task: Task) -> Task:
    """The task on flat ground, with robots all alike, without end, and with no more rewards than it must have."""
    return replace(
        task,
        rewards=task.rewards[:1],
        privileged=(),
        pushes=None,
        randomization=None,
        terrain=None,
        curriculum=None,
        commands=_NONE_OF_ITS_OWN,
        episode_s=_FOREVER_S,
    )

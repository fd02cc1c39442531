"""Gymnasium's registry: `gymnasium.make_vec("gaitway/walk", num_envs=8)` once `gaitway.tasks` is imported.

Gymnasium finds environments of other packages by importing them (it dropped entry points in 1.0), either in the
program or as part of the name: `"gaitway.tasks:gaitway/walk"`.
"""

from __future__ import annotations

import gymnasium
import numpy as np

from gaitway.policy.shipped import find_policy
from gaitway.robots import Robot, get_robot
from gaitway.tasks.batched_mujoco import BatchedMujoco
from gaitway.tasks.humanoid_v5 import HumanoidV5
from gaitway.tasks.navigate import NavigateConfig, NavigateEnv
from gaitway.tasks.planar_v5 import HalfCheetahV5, HopperV5, Walker2dV5
from gaitway.tasks.registry import TASKS, get_task
from gaitway.tasks.single_env import SingleEnv
from gaitway.tasks.task import Task
from gaitway.tasks.vector_env import VectorEnv
from gaitway.tasks.walking_body import WalkingBody

NAMESPACE = "gaitway"

BATCHED: dict[str, type[BatchedMujoco]] = {
    env.env_id: env for env in (HumanoidV5, HopperV5, HalfCheetahV5, Walker2dV5)
}
"""Those of Gymnasium's environments that are batched here, by Gymnasium's name."""


def register_environments() -> None:
    """Register every task in the box and those of Gymnasium's that are batched, where that has not been done."""
    for name in TASKS:
        _register(
            f"{NAMESPACE}/{name}",
            entry_point=f"{__name__}:make_env",
            vector_entry_point=f"{__name__}:make_vector_env",
            kwargs={"task": name},
        )
    for env_id, env in BATCHED.items():
        _register(
            f"{NAMESPACE}/{env_id}",
            vector_entry_point=f"{env.__module__}:{env.__name__}",
            max_episode_steps=1000,
        )
    for name, make in (("navigate", make_navigate), ("navigate_walking", make_navigate_walking)):
        _register(f"{NAMESPACE}/{name}", vector_entry_point=f"{__name__}:{make.__name__}")


def make_vector_env(
    num_envs: int,
    task: str | Task,
    robot: str | Robot = "h23",
    *,
    seed: int | None = None,
    num_threads: int = 0,
) -> VectorEnv:
    """A task on many robots.

    Args:
        num_envs: how many robots.
        task: a task, or the name of one in the box.
        robot: a robot, or the name of one in the box.
        seed: source of all randomness, how the robots differ included; None for another at each call.
        num_threads: threads that step the physics; 0 takes every CPU. Results do not depend on it.

    Raises:
        UnknownNameError: no task or robot is called that.
    """
    return VectorEnv(
        get_task(task) if isinstance(task, str) else task,
        get_robot(robot) if isinstance(robot, str) else robot,
        num_envs,
        seed=_any_seed() if seed is None else seed,
        num_threads=num_threads,
    )


def make_env(
    task: str | Task, robot: str | Robot = "h23", *, seed: int | None = None, num_threads: int = 1
) -> SingleEnv:
    """A task on one robot; the arguments are those of `make_vector_env`."""
    return SingleEnv(make_vector_env(1, task, robot, seed=seed, num_threads=num_threads))


def make_navigate(
    num_envs: int, robot: str | Robot = "h23", *, seed: int | None = None, num_threads: int = 0
) -> NavigateEnv:
    """The task `navigate` on moving points.

    Args:
        num_envs: how many.
        robot: means nothing here.
        seed: source of all randomness; None for another at each call.
        num_threads: means nothing here.
    """
    return NavigateEnv(num_envs, seed=seed)


def make_navigate_walking(
    num_envs: int, robot: str | Robot = "h23", *, seed: int | None = None, num_threads: int = 0
) -> NavigateEnv:
    """The task `navigate` on robots that the walking policy in the box moves; arguments as of `make_vector_env`.

    Raises:
        UnknownNameError: no robot is called that, or no walking policy is in the box for it.
    """
    robot = get_robot(robot) if isinstance(robot, str) else robot
    config = NavigateConfig()
    body = WalkingBody(
        robot, num_envs, config.step_dt,
        policy=find_policy(f"{robot.name}_walk"), seed=_any_seed() if seed is None else seed, num_threads=num_threads,
    )  # fmt: skip
    return NavigateEnv(num_envs, config=config, body=body, seed=seed)


def _any_seed() -> int:
    return int(np.random.SeedSequence().generate_state(1)[0])


def _register(name: str, **spec) -> None:
    if name not in gymnasium.registry:
        gymnasium.register(name, **spec)

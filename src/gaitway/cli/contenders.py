"""What `gaitway bench sim` measures, and how: each contender in turn."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gymnasium
import numpy as np

from gaitway.progress import progress_bar
from gaitway.robots import Robot
from gaitway.sim.replay import Replay, Stepped
from gaitway.tasks import HumanoidV5, Task, VectorEnv

_ACTION_STD = 0.3
_DRAWN_STEPS = 16


@dataclass(frozen=True, kw_only=True)
class Contender:
    """Something that steps robots."""

    name: str
    num_envs: int
    """Robots side by side."""
    workers: str
    """What steps them: "2 threads"."""
    run: Callable[[int], float]
    """Take that many control steps of every robot; returns the time it took [s]."""
    close: Callable[[], None] = lambda: None
    """Give everything back."""


def measure_in_turn(
    contenders: list[Contender], *, steps: int, repetitions: int, warm_up: int
) -> dict[str, list[float]]:
    """Measure each contender once in each repetition, so that what slows the machine slows them all.

    Args:
        contenders: in the order in which they run.
        steps: control steps in one repetition; contenders with fewer robots take more, so that all measure as many
            steps of single robots.
        repetitions: how many.
        warm_up: control steps that each takes before, so that episodes begin and end at different times.

    Returns:
        Steps of single robots per second, for each repetition, by contender.
    """
    speeds: dict[str, list[float]] = {contender.name: [] for contender in contenders}
    done = 0
    with progress_bar("bench sim", (repetitions + 1) * len(contenders)) as bar:
        most = max(contender.num_envs for contender in contenders)
        for repetition in range(repetitions + 1):
            for contender in contenders:
                count = steps * (most // contender.num_envs) if repetition else max(warm_up, 1)
                speed = count * contender.num_envs / contender.run(count)
                if repetition:
                    speeds[contender.name].append(speed)
                done += 1
                bar.update(done, f"{contender.name} {speed:,.0f} steps/s")
    for contender in contenders:
        contender.close()
    return speeds


def median_ratio(speeds: dict[str, list[float]], name: str, other: str) -> tuple[float, list[float]]:
    """How many times as fast `name` is as `other`: median and value of each repetition."""
    ratios = [a / b for a, b in zip(speeds[name], speeds[other], strict=True)]
    return statistics.median(ratios), ratios


def task_and_bare(task: Task, robot: Robot, num_envs: int) -> tuple[Contender, Contender]:
    """A task's environment, and the bare physics of the very steps that it took last.

    Each run of the environment is taken twice from the same state: once to write the physics steps down, once,
    timed, without. Actions are small and random, so that the robots move and some fall.
    """
    env = VectorEnv(task, robot, num_envs)
    env.reset(seed=0, options={"desynchronize": True})
    shape = (_DRAWN_STEPS, num_envs, robot.num_joints)
    actions = np.random.default_rng(0).normal(scale=_ACTION_STD, size=shape)
    return _with_bare(task.name, env, env.sim, actions)


def humanoid_and_bare(num_envs: int, threads: int) -> tuple[Contender, Contender]:
    """The batched Humanoid-v5, and the bare physics of the very steps that it took last.

    What `task_and_bare` says of runs and actions is so here too, with the actions of `humanoid_envpool`.
    """
    env = HumanoidV5(num_envs, num_threads=threads)
    env.reset(seed=0)
    return _with_bare("humanoid", env, env, _humanoid_actions(env, num_envs))


def _with_bare(name: str, env: Any, sim: Stepped, actions: np.ndarray) -> tuple[Contender, Contender]:
    replay = Replay(sim)

    def run(steps: int) -> float:
        before = env.state_dict()
        with replay.record():
            _time_steps(env, actions, steps)
        env.load_state_dict(before)
        return _time_steps(env, actions, steps)

    threads, num_envs = _count(replay.batch.nthread, "thread", "threads"), env.num_envs
    return (
        Contender(name=name, num_envs=num_envs, workers=threads, run=run),
        Contender(name=f"{name} bare", num_envs=num_envs, workers=threads, run=lambda steps: replay.run()),
    )


def humanoid_envpool(num_envs: int, threads: int) -> Contender:
    """EnvPool's Humanoid-v5, synchronous.

    Raises:
        ModuleNotFoundError: EnvPool is not installed.
    """
    import envpool  # pyright: ignore[reportMissingImports]

    env = envpool.make_gymnasium("Humanoid-v5", num_envs=num_envs, num_threads=threads, seed=0)
    return _humanoid("envpool", env, num_envs, _count(threads, "thread", "threads"))


def humanoid_async(num_envs: int) -> Contender:
    """Gymnasium's own Humanoid-v5, a process for each."""
    spawned = {"context": "spawn"}  # this process has threads, with which forking is unsafe
    env = gymnasium.make_vec("Humanoid-v5", num_envs, vectorization_mode="async", vector_kwargs=spawned)
    return _humanoid("gymnasium async", env, num_envs, _count(num_envs, "process", "processes"))


def _humanoid(name: str, env: Any, num_envs: int, workers: str) -> Contender:
    """Where a library spends a step on a reset, that counts as a step."""
    actions = _humanoid_actions(env, num_envs)
    env.reset()
    return Contender(
        name=name,
        num_envs=num_envs,
        workers=workers,
        run=lambda steps: _time_steps(env, actions, steps),
        close=env.close,
    )


def _humanoid_actions(env: Any, num_envs: int) -> np.ndarray:
    """Uniformly random torques, for each of some steps."""
    actions = np.random.default_rng(0).uniform(-0.4, 0.4, (_DRAWN_STEPS, num_envs, 17))
    return actions.astype(env.action_space.dtype)


def _time_steps(env: Any, actions: np.ndarray, steps: int) -> float:
    start = time.perf_counter()
    for step in range(steps):
        env.step(actions[step % len(actions)])
    return time.perf_counter() - start


def _count(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"

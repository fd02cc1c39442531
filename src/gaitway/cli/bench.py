"""`gaitway bench`: speed against a stated limit, both measured in one run."""

from __future__ import annotations

import json
import statistics
import time
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import tyro
from mujoco.batch import Batch
from rich.console import Console

from gaitway.errors import GaitwayError
from gaitway.machine import describe_machine, describe_versions
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.sim import build_model
from gaitway.tasks import VectorEnv, get_task


@dataclass(frozen=True, kw_only=True)
class BenchCommand:
    """Measure speed against a stated limit.

    `sim`: environment steps per second of a task, as a ratio to stepping the bare MuJoCo batch of its model.
    """

    what: tyro.conf.Positional[Literal["sim"]]
    """What to measure."""
    task: str = "stand"
    """Task."""
    robot: str = "h23"
    """Robot."""
    num_envs: int = 512
    """Robots side by side."""
    steps: int = 50
    """Control steps in one repetition."""
    repetitions: int = 9
    """Repetitions; the two are measured in turn and medians are reported."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if min(self.num_envs, self.steps, self.repetitions) < 1:
            raise GaitwayError("--num-envs, --steps and --repetitions must be at least 1")
        result = bench_sim(self)
        if self.json:
            print(json.dumps(result, indent=2))
            return
        Console().print(
            f"{self.task} with {self.num_envs} robots: {result['env_steps_per_second']:,.0f} environment steps/s; "
            f"bare batch {result['batch_steps_per_second']:,.0f}; ratio {result['ratio']:.2f} "
            f"(aim {result['aim']}; {self.repetitions} repetitions)"
        )


def bench_sim(config: BenchCommand) -> dict[str, Any]:
    """Measure both in turn, each repetition of the bare batch from the state the environment then has."""
    task, robot = get_task(config.task), get_robot(config.robot)
    env = VectorEnv(task, robot, config.num_envs)
    env.reset(seed=0)
    action = np.zeros((config.num_envs, robot.num_joints))
    batch = Batch(build_model(robot, task.physics_dt), config.num_envs)

    def env_step() -> None:
        env.step(action)

    def batch_step() -> None:
        batch.step(nstep=task.decimation)

    def speed(step: Any) -> float:
        start = time.perf_counter()
        for _ in range(config.steps):
            step()
        return config.steps * config.num_envs / (time.perf_counter() - start)

    for step in (env_step, batch_step):
        speed(step)  # warm up
    ours, bare = [], []
    with progress_bar("bench sim", config.repetitions) as bar:
        for repetition in range(config.repetitions):
            batch.state[:] = env.sim.state_dict()["state"]
            ours.append(speed(env_step))
            bare.append(speed(batch_step))
            bar.update(repetition + 1)
    return {
        "task": config.task,
        "num_envs": config.num_envs,
        "env_steps_per_second": statistics.median(ours),
        "batch_steps_per_second": statistics.median(bare),
        "ratio": statistics.median(a / b for a, b in zip(ours, bare, strict=True)),
        "ratios": [a / b for a, b in zip(ours, bare, strict=True)],
        "aim": 0.8,
        "machine": describe_machine(),
        "versions": describe_versions(),
    }


COMMAND = BenchCommand

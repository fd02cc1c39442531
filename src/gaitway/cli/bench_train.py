"""`gaitway bench train`: speed of PPO, part by part, beside the bare physics and beside Stable-Baselines3.

Each repetition trains for one iteration, then for another one whose physics is written down, and lets a bare
`mujoco.batch.Batch` take those physics steps again. The settings are those that the task is trained with; where a
policy is shipped for the task, training goes on from it, so that the robots walk while they are measured.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

from gaitway.errors import GaitwayError
from gaitway.learning import PPO, PPOConfig, recipe
from gaitway.learning.trainer import arithmetic, make_algorithm, make_robots
from gaitway.machine import describe_machine, describe_versions
from gaitway.policy.shipped import shipped_policies
from gaitway.progress import progress_bar
from gaitway.sim.replay import Replay
from gaitway.tasks import HumanoidV5, VectorEnv

AIMS = {"ppo_vs_bare": 0.65, "ppo_vs_sb3": 5.0}
"""The least that each ratio should be."""

_HUMANOIDS = 128
_SB3_MISSING = "Stable-Baselines3 is not installed; `pip install 'gaitway[bench]'` provides it"


@dataclass(frozen=True, kw_only=True)
class BenchTrain:
    """Samples per second of PPO, everything included.

    A task at the settings that it is trained with, beside the bare physics of the same states; and Humanoid-v5
    beside Stable-Baselines3's PPO with its own default settings.
    """

    task: str = "walk"
    """Task."""
    repetitions: int = 5
    """Repetitions; medians are reported, of ratios the median of the ratio in each."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if self.repetitions < 1:
            raise GaitwayError("--repetitions must be at least 1")
        result = measure_task(self.task, self.repetitions) | measure_humanoid(self.repetitions)
        result |= {"aims": AIMS, "machine": describe_machine(), "versions": describe_versions()}
        if self.json:
            print(json.dumps(result, indent=2))
            return
        console = Console()
        console.print(_table(result))
        for key, aim in AIMS.items():
            if result[key] is not None:
                console.print(f"{key}: {result[key]:.2f} (aim: at least {aim})")
        for note in result["notes"]:
            console.print(note)


class _Stopwatch:
    """Adds up the time spent in some functions, by the part that each belongs to."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    def watch(self, part: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        def timed(*args: Any, **kwargs: Any) -> Any:
            start = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds[part] = self.seconds.get(part, 0.0) + time.perf_counter() - start

        return timed


def measure_task(task: str, repetitions: int) -> dict[str, Any]:
    """The training of a task at its own settings, beside its bare physics.

    Args:
        task: name of the task.
        repetitions: how often both are measured, in turn.
    """
    config = recipe(task)
    init = shipped_policies().get(f"{config.robot}_{task}")
    with arithmetic(config):
        env = make_robots(config)
        algorithm = make_algorithm(replace(config, init=init and str(init)), env)
        assert isinstance(algorithm, PPO)
        replay = Replay(env.sim)
        algorithm.iterate()
        samples = algorithm.steps_per_iteration
        seconds, bare_seconds, parts = [], [], []
        with progress_bar(f"bench train {task}", repetitions) as bar:
            for repetition in range(repetitions):
                parts.append(_timed_iteration(algorithm, env))
                seconds.append(parts[-1]["whole"])
                with replay.record():
                    algorithm.iterate()
                bare_seconds.append(replay.run())
                bar.update(repetition + 1)
    ratios = [bare / ours for bare, ours in zip(bare_seconds, seconds, strict=True)]
    return {
        "task": task,
        "num_envs": config.num_envs,
        "from": init and init.stem,
        "ppo_samples_per_second": samples / statistics.median(seconds),
        "bare_steps_per_second": samples / statistics.median(bare_seconds),
        "ppo_vs_bare": statistics.median(ratios),
        "ratios": ratios,
        "microseconds_per_sample": {
            name: 1e6 * statistics.median(row[name] for row in parts) / samples for name in parts[0]
        },
    }


def _timed_iteration(algorithm: PPO, env: VectorEnv) -> dict[str, float]:
    """Time of one iteration and of its parts [s]."""
    watch = _Stopwatch()
    env.sim.step = watch.watch("physics", env.sim.step)  # type: ignore[method-assign]
    env.step = watch.watch("environment", env.step)  # type: ignore[method-assign]
    algorithm._learn = watch.watch("learning", algorithm._learn)  # type: ignore[method-assign]
    try:
        watch.watch("whole", algorithm.iterate)()
    finally:
        del env.sim.step, env.step, algorithm._learn
    part = watch.seconds
    return {
        "physics": part["physics"],
        "observation and reward": part["environment"] - part["physics"],
        "inference": part["whole"] - part["environment"] - part["learning"],
        "learning": part["learning"],
        "whole": part["whole"],
    }


def measure_humanoid(repetitions: int) -> dict[str, Any]:
    """Our PPO and Stable-Baselines3's on Humanoid-v5, in turn, each with its library's default settings."""
    try:
        import gymnasium
        from stable_baselines3 import PPO as SB3PPO
        from stable_baselines3.common.vec_env import SubprocVecEnv
    except ModuleNotFoundError as error:
        if error.name != "stable_baselines3":
            raise
        return {"ppo_vs_sb3": None, "notes": [_SB3_MISSING]}
    processes = torch.get_num_threads()
    ours = PPO(PPOConfig(), HumanoidV5(_HUMANOIDS), seed=0)
    theirs = SB3PPO(
        "MlpPolicy", SubprocVecEnv([lambda: gymnasium.make("Humanoid-v5")] * processes), device="cpu"
    )
    their_samples = theirs.n_steps * processes
    our_rates, their_rates = [], []
    with progress_bar("bench train Humanoid-v5", repetitions + 1) as bar:
        for repetition in range(repetitions + 1):  # the first warms up
            start = time.perf_counter()
            ours.iterate()
            our_rates.append(ours.steps_per_iteration / (time.perf_counter() - start))
            start = time.perf_counter()
            theirs.learn(their_samples)
            their_rates.append(their_samples / (time.perf_counter() - start))
            bar.update(repetition + 1)
    theirs.get_env().close()  # type: ignore[union-attr]
    ratios = [a / b for a, b in zip(our_rates[1:], their_rates[1:], strict=True)]
    return {
        "humanoid_num_envs": _HUMANOIDS,
        "humanoid_ppo_samples_per_second": statistics.median(our_rates[1:]),
        "sb3_processes": processes,
        "sb3_ppo_samples_per_second": statistics.median(their_rates[1:]),
        "ppo_vs_sb3": statistics.median(ratios),
        "notes": [],
    }


def _table(result: dict[str, Any]) -> Table:
    table = Table("", "µs per sample", "share", title=f"PPO on {result['task']}, {result['num_envs']} robots")
    parts = result["microseconds_per_sample"]
    for name, value in parts.items():
        table.add_row(name, f"{value:.1f}", f"{value / parts['whole']:.0%}")
    table.add_row("bare physics", f"{1e6 / result['bare_steps_per_second']:.1f}", "")
    return table


COMMAND = BenchTrain

"""`gaitway bench sim`: speed of the simulation beside the bare physics and beside other libraries."""

from __future__ import annotations

import json
import os
import statistics
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from gaitway.cli.contenders import (
    Contender,
    humanoid_and_bare,
    humanoid_async,
    humanoid_envpool,
    measure_in_turn,
    median_ratio,
    task_and_bare,
)
from gaitway.errors import GaitwayError
from gaitway.machine import describe_machine, describe_versions
from gaitway.robots import get_robot
from gaitway.tasks import get_task

TASK_AIM = 0.8
AIMS = {"walk_vs_bare": 0.85, "humanoid_vs_envpool": 2.0, "humanoid_vs_gymnasium_async": 5.0}
"""The least that each ratio should be."""

BOUNDS = ("humanoid_bare_vs_envpool", "humanoid_bare_vs_gymnasium_async")
"""What the ratios of the Humanoid-v5 would be if all that is not physics cost nothing."""

_PAIRS = {
    "walk_vs_bare": ("walk", "walk bare"),
    "humanoid_vs_envpool": ("humanoid", "envpool"),
    "humanoid_vs_gymnasium_async": ("humanoid", "gymnasium async"),
    "humanoid_bare_vs_envpool": ("humanoid bare", "envpool"),
    "humanoid_bare_vs_gymnasium_async": ("humanoid bare", "gymnasium async"),
}
_ENVPOOL_MISSING = (
    "EnvPool is not installed; `pip install 'gaitway[bench]'` provides it (Linux, Python 3.11 or newer)"
)


@dataclass(frozen=True, kw_only=True)
class BenchSim:
    """Control steps per second of single robots, all contenders measured in turn in one run.

    The task `walk` and the batched Humanoid-v5 beside bare MuJoCo batches that step the same states, and beside
    EnvPool's and Gymnasium's AsyncVectorEnv; or, with `--task`, one task beside its bare batch.
    """

    task: str | None = None
    """Measure this task only."""
    robot: str = "h23"
    """Robot of the task."""
    num_envs: int = 512
    """Robots side by side."""
    async_envs: int = 8
    """Robots of AsyncVectorEnv, which takes a process for each; it takes more steps instead."""
    steps: int = 10
    """Control steps in one repetition."""
    repetitions: int = 9
    """Repetitions; medians are reported, of ratios the median of the ratio in each."""
    warm_up: int = 60
    """Control steps before the first repetition."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if min(self.num_envs, self.async_envs, self.steps, self.repetitions) < 1:
            raise GaitwayError("--num-envs, --async-envs, --steps and --repetitions must be at least 1")
        result = self._measure_all() if self.task is None else self._measure_task(self.task)
        result |= {"machine": describe_machine(), "versions": describe_versions()}
        if self.json:
            print(json.dumps(result, indent=2))
            return
        Console().print(_table(result["speeds"], result["repetitions"]))
        for key, aim in {"ratio": TASK_AIM, **AIMS}.items():
            if result.get(key) is not None:
                Console().print(f"{key}: {result[key]:.2f} (aim: at least {aim})")
        for key in BOUNDS:
            if result.get(key) is not None:
                Console().print(f"{key}: {result[key]:.2f} (physics alone)")
        for note in result["notes"]:
            Console().print(note)

    def _measure_task(self, task: str) -> dict[str, Any]:
        contenders = list(task_and_bare(get_task(task), get_robot(self.robot), self.num_envs))
        speeds = self._speeds(contenders)
        ratio, ratios = median_ratio(speeds, task, f"{task} bare")
        return {
            "task": task,
            "num_envs": self.num_envs,
            "env_steps_per_second": statistics.median(speeds[task]),
            "batch_steps_per_second": statistics.median(speeds[f"{task} bare"]),
            "ratio": ratio,
            "ratios": ratios,
            "aim": TASK_AIM,
            "notes": [],
            **self._describe(contenders, speeds),
        }

    def _measure_all(self) -> dict[str, Any]:
        threads = os.cpu_count() or 1
        contenders = [
            *task_and_bare(get_task("walk"), get_robot(self.robot), self.num_envs),
            *humanoid_and_bare(self.num_envs, threads),
            humanoid_async(self.async_envs),
        ]
        notes = []
        try:
            contenders.append(humanoid_envpool(self.num_envs, threads))
        except ModuleNotFoundError as error:
            if error.name != "envpool":
                raise
            notes.append(_ENVPOOL_MISSING)
        speeds = self._speeds(contenders)
        pairs = {
            key: median_ratio(speeds, *pair) if pair[1] in speeds else (None, [])
            for key, pair in _PAIRS.items()
        }
        return {
            **{key: ratio for key, (ratio, _) in pairs.items()},
            "aims": AIMS,
            "ratios": {key: ratios for key, (_, ratios) in pairs.items()},
            "notes": notes,
            **self._describe(contenders, speeds),
        }

    def _speeds(self, contenders: list[Contender]) -> dict[str, list[float]]:
        return measure_in_turn(
            contenders, steps=self.steps, repetitions=self.repetitions, warm_up=self.warm_up
        )

    def _describe(self, contenders: list[Contender], speeds: dict[str, list[float]]) -> dict[str, Any]:
        return {
            "steps": self.steps,
            "repetitions": self.repetitions,
            "speeds": {
                contender.name: {
                    "steps_per_second": statistics.median(speeds[contender.name]),
                    "num_envs": contender.num_envs,
                    "workers": contender.workers,
                }
                for contender in contenders
            },
        }


def _table(speeds: dict[str, dict[str, Any]], repetitions: int) -> Table:
    table = Table("", "steps/s", "robots", "on", title=f"median of {repetitions} repetitions")
    for name, figures in speeds.items():
        row = f"{figures['steps_per_second']:,.0f}", str(figures["num_envs"]), figures["workers"]
        table.add_row(name, *row)
    return table


COMMAND = BenchSim

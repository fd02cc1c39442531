"""`gaitway eval`: measure a policy file in simulation."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from gaitway.policy import check_binding, load_policy
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.tasks import Evaluation, TaskError, evaluate, get_task, zero_action
from gaitway.tasks.evaluation import EVALUATION_SEED, Act, wilson_interval


@dataclass(frozen=True, kw_only=True)
class EvalCommand:
    """Run a policy on many simulated robots, and hold the home pose on as many under the same pushes."""

    policy: tyro.conf.Positional[Path]
    """Policy file."""
    robots: int = 256
    """Robots side by side."""
    episode_s: float | None = None
    """Length of the episode [s]; default the task's."""
    seed: int = EVALUATION_SEED
    """Of noise, pushes and initial states."""
    baseline: bool = True
    """Measure the zero action too."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if self.robots < 1 or self.seed < 0 or (self.episode_s is not None and not self.episode_s > 0.0):
            raise TaskError("--robots must be at least 1, --episode-s above 0 and --seed not negative")
        runtime = load_policy(self.policy)
        task, robot = get_task(runtime.spec.origin.task), get_robot(runtime.spec.robot.name)
        check_binding(runtime.spec, robot)

        def run(label: str, act: Act) -> Evaluation:
            with progress_bar(label, task.episode_steps) as bar:
                return evaluate(
                    act, task, robot, num_robots=self.robots, episode_s=self.episode_s, seed=self.seed,
                    on_step=lambda step, steps: bar.update(task.episode_steps * step / steps),
                )  # fmt: skip

        rows = {"policy": run("policy", runtime.infer)}
        if self.baseline:
            rows["zero action"] = run("zero action", lambda obs: zero_action(obs, robot.num_joints))
        figures = {name: evaluation_figures(evaluation) for name, evaluation in rows.items()}
        if self.json:
            print(json.dumps({"policy_file": str(self.policy), "seed": self.seed, **figures}, indent=2))
            return
        table = Table(box=None)
        for heading in ("", "upright to the end", "95 % interval", "mean time [s]", "mean return"):
            table.add_column(heading)
        for name, row in figures.items():
            low, high = row["survival_interval"]
            table.add_row(
                name, f"{row['survival']:.3f}", f"{low:.3f} .. {high:.3f}",
                f"{row['episode_s']:.1f}", f"{row['return']:.1f}",
            )  # fmt: skip
        Console().print(table)


def evaluation_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Survival with its Wilson interval, and means of time and return."""
    count = len(evaluation.survived)
    return {
        "robots": count,
        "survival": evaluation.survival,
        "survival_interval": wilson_interval(int(evaluation.survived.sum()), count),
        "episode_s": float(evaluation.episode_s.mean()),
        "return": float(evaluation.episode_return.mean()),
    }


COMMAND = EvalCommand

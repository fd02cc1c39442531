"""`gaitway eval`: measure a policy file in simulation."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tyro
from rich.console import Console
from rich.table import Table

from gaitway.policy import check_binding, load_policy
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.robots import Robot, get_robot
from gaitway.tasks import Evaluation, Task, TaskError, as_trained, evaluate, get_task, zero_action
from gaitway.tasks.changed_physics import CHANGES
from gaitway.tasks.evaluation import EVALUATION_SEED, Act, wilson_interval

_COLUMNS: dict[str, tuple[str, Callable[[dict[str, Any]], str]]] = {
    "survival": ("upright to the end", lambda row: f"{row['survival']:.3f}"),
    "survival_interval": ("95 % interval", lambda row: "{:.3f} .. {:.3f}".format(*row["survival_interval"])),
    "episode_s": ("mean time [s]", lambda row: f"{row['episode_s']:.1f}"),
    "return": ("mean return", lambda row: f"{row['return']:.1f}"),
    "guarded": ("guard acts [% of steps]", lambda row: f"{100 * row['guarded']:.2f}"),
    "velocity_error_rms": ("velocity error [m/s]", lambda row: f"{row['velocity_error_rms']:.3f}"),
    "yaw_rate_error_rms": ("yaw rate error [rad/s]", lambda row: f"{row['yaw_rate_error_rms']:.3f}"),
    "velocity_error_rms_with_pushes": (
        "the same with pushes", lambda row: "{velocity_error_rms_with_pushes:.3f} / {yaw_rate_error_rms_with_pushes:.3f}".format(**row),
    ),
}  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class EvalCommand:
    """Run a policy on many simulated robots, and hold the home pose on as many under the same pushes.

    Noise, latency, differences between robots and pushes are those of the policy's task, in full.
    """

    policy: tyro.conf.Positional[str]
    """Policy file, or the name of one in the box."""
    robot: str | None = None
    """Robot to run it on, a path to a TOML file if it is not in the box; default by the name in the policy file."""
    episodes: int = 256
    """Episodes, each of another robot, side by side."""
    episode_s: float | None = None
    """Length of an episode [s]; default the task's."""
    seed: int = EVALUATION_SEED
    """Of how robots differ, noise, commands, pushes and initial states."""
    baseline: bool = True
    """Measure the zero action too."""
    changed_physics: bool = False
    """Measure on physics that nobody trained on too: another solver, low friction, payload, latency."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if self.episodes < 1 or self.seed < 0 or (self.episode_s is not None and not self.episode_s > 0.0):
            raise TaskError("--episodes must be at least 1, --episode-s above 0 and --seed not negative")
        runtime = load_policy(find_policy(self.policy))
        task, robot = get_task(runtime.spec.origin.task), get_robot(self.robot or runtime.spec.robot.name)
        check_binding(runtime.spec, robot)
        task, robot = as_trained(runtime.spec, task, robot)
        figures = {"policy": self._measure("policy", runtime.batch(), task, robot)}
        if self.baseline:
            figures["zero action"] = self._measure(
                "zero action", lambda obs: zero_action(obs, robot.num_joints), task, robot
            )
        if self.changed_physics:
            for name, change in CHANGES.items():
                figures[name] = self._measure(name, runtime.batch(), change(task), robot)
        if self.json:
            print(json.dumps(self._as_json(figures), indent=2))
        else:
            _print(figures)

    def _measure(self, label: str, act: Act, task: Task, robot: Robot) -> dict[str, Any]:
        with progress_bar(label, 1.0) as bar:
            evaluation = evaluate(
                act, task, robot, num_robots=self.episodes, episode_s=self.episode_s, seed=self.seed,
                on_step=lambda step, steps: bar.update(step / steps),
            )  # fmt: skip
        return evaluation_figures(evaluation)

    def _as_json(self, figures: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """The policy's figures, and under names of their own those of everything else that was measured."""
        result: dict[str, Any] = {"policy_file": self.policy, "seed": self.seed, **figures["policy"]}
        if self.baseline:
            result["zero_action"] = figures["zero action"]
        if self.changed_physics:
            result["changed_physics"] = {name: figures[name] for name in CHANGES}
        return result


def _print(figures: dict[str, dict[str, Any]]) -> None:
    table = Table(box=None)
    shown = {key: column for key, column in _COLUMNS.items() if key in figures["policy"]}
    for heading in ("", *(heading for heading, _ in shown.values())):
        table.add_column(heading)
    for name, row in figures.items():
        table.add_row(name, *(text(row) for _, text in shown.values()))
    Console().print(table)


def evaluation_figures(evaluation: Evaluation) -> dict[str, Any]:
    """Survival with its Wilson interval, means of time and return, and how velocity commands were followed."""
    count = len(evaluation.survived)
    interval = wilson_interval(int(evaluation.survived.sum()), count)
    return {**evaluation.figures(), "robots": count, "survival_interval": interval}


COMMAND = EvalCommand

"""`gaitway bench false-stops`: how often the supervisor would stop robots that do nothing wrong."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from gaitway.errors import GaitwayError
from gaitway.machine import describe_machine, describe_versions
from gaitway.policy import check_binding, load_policy
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.tasks import get_task
from gaitway.tasks.evaluation import EVALUATION_SEED
from gaitway.tasks.false_stops import FalseStops, count_false_stops


@dataclass(frozen=True, kw_only=True)
class BenchFalseStops:
    """Stops by the supervisor's checks of robots that walk and stand by random commands, with noise and pushes.

    A stop is false where the robot, had nothing stopped it, does not fall within the second after it.
    """

    policy: str = "h23_walk"
    """Policy file, or the name of one in the box."""
    robot: str | None = None
    """Robot to run it on, a path to a TOML file if it is not in the box; default by the name in the policy file."""
    robot_hours: float = 1.0
    """Time of all robots together [h]."""
    num_envs: int = 512
    """Robots side by side."""
    seed: int = EVALUATION_SEED
    """Of commands, noise, pushes and initial states."""
    randomized: bool = False
    """Let the robots differ from their model, as in training."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Count and print."""
        if not self.robot_hours > 0.0 or self.num_envs < 1 or self.seed < 0:
            raise GaitwayError("--robot-hours must be above 0, --num-envs at least 1 and --seed not negative")
        count = self._count()
        result = {
            "policy_file": self.policy,
            "randomized": self.randomized,
            "seed": self.seed,
            "robot_hours": count.robot_hours,
            **{name: value for name, value in asdict(count).items() if name != "robot_s"},
            "machine": describe_machine(),
            "versions": describe_versions(),
        }
        if self.json:
            print(json.dumps(result, indent=2))
        else:
            _print(result)

    def _count(self) -> FalseStops:
        runtime = load_policy(find_policy(self.policy))
        robot = get_robot(self.robot or runtime.spec.robot.name)
        check_binding(runtime.spec, robot)
        task = get_task(runtime.spec.origin.task)
        with progress_bar("robot-hours", self.robot_hours) as bar:
            return count_false_stops(
                runtime.batch(), runtime.spec, task, robot, robot_s=3600.0 * self.robot_hours,
                num_robots=self.num_envs, seed=self.seed, randomized=self.randomized,
                on_progress=lambda count: bar.update(
                    count.robot_hours, f"{count.false_stops} false stops, {count.falls} falls"
                ),
            )  # fmt: skip


def _print(result: dict[str, Any]) -> None:
    console = Console()
    console.print(
        f"{result['robot_hours']:.2f} robot-hours: {result['false_stops']} false stops; {result['falls']} falls, "
        f"of which {result['falls_stopped']} were stopped before; the guard acted in {100 * result['guarded']:.2f} % "
        "of control steps"
    )
    if result["by_check"]:
        table = Table("check", "stops", "false stops")
        for check, stops in result["by_check"].items():
            table.add_row(check, str(stops), str(result["false_by_check"].get(check, 0)))
        console.print(table)
    for example in result["examples"]:
        pushed = (
            f", {example['after_push_s']:.2f} s after a push" if example["after_push_s"] is not None else ""
        )
        console.print(
            f"false: {example['check']} {example['value']:.3g}, limit {example['limit']:.3g}{pushed}"
        )


COMMAND = BenchFalseStops

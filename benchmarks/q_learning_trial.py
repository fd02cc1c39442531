"""Q-learning of `q_learning_agent` over ROS 2 in lock-step, in a scene where its action matters.

The walking robot is pushed again and again from the right, as it stands at first. What the agent has learned, without
exploration, is then measured beside each of its four actions alone, in the same scene, over the same nodes: a table that
prefers one action everywhere makes the agent take it.
"""

from __future__ import annotations

import json
import statistics
import tempfile
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from std_msgs.msg import String

from gaitway.policy.balance_learner import ACTIONS
from gaitway.policy.q_table import QTable
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.ros.launching import Launch
from gaitway.ros.lockstep import LockstepRobot, launch_lockstep
from gaitway.ros.node_main import steady_s
from gaitway.tasks import get_task
from gaitway.tasks.false_stops import task_noise

SEEDS = (21, 22, 23, 24, 25)
"""No setting was chosen by what these seeds do."""
TICKS = 30_000
"""Ticks of learning."""
EPISODE_TICKS = 160
"""After so many the robot is put back, fallen or not."""
EPISODES = 20
"""Of each evaluation."""
PUSHES = {"push.impulse": [0.0, 30.0, 0.0], "push.first_s": 3.0, "push.every_s": 2.0}
SETTINGS = {
    "joints": "[left_hip_pitch_joint]", "joint_bins": 2, "roll_bins": 1, "pitch_bins": 1, "yaw_bins": 8,
    "explore_ticks": 20, "epsilon_end": 0.02, "epsilon_ticks": 20_000, "learning_rate": 0.03,
    "discount": 0.98,
}  # fmt: skip
"""Parameters of the agent; the others are its defaults."""
_AGENT = "agents.q_learning_agent"
_STATUS = "/learning_status"
_SILENT_S, _MATCHED_S = 30.0, 0.5


@dataclass
class Episodes:
    """What the agent says of its episodes."""

    launch: Launch
    returns: list[float] = field(default_factory=list)
    """Of the episodes that have ended."""
    falls: int = 0
    ticks: int = 0
    """Learned from, those of earlier runs included."""
    length: int = 0
    """Ticks of the episode under way."""
    sum: float = 0.0
    stops: int = 0
    """Falls that the guard found before the agent."""
    fell: bool = False

    def __post_init__(self) -> None:
        client = self.launch.client
        client.node.create_subscription(String, _STATUS, self._on_status, 100)
        client.spin_until(lambda: client.node.count_publishers(_STATUS) > 0, _SILENT_S)
        client.spin_for(_MATCHED_S)

    def _on_status(self, message: String) -> None:
        status = json.loads(message.data)
        self.ticks = status["ticks"]
        self.fell = status["action"] == "fell"
        if status["reward"] is not None and self.length < EPISODE_TICKS:
            self.length += 1
            self.sum += status["reward"]

    @property
    def ended(self) -> bool:
        """Whether the robot is to be put back."""
        return self.fell or self.length >= EPISODE_TICKS

    def run(self, robot: LockstepRobot) -> None:
        """One episode."""
        client = self.launch.client
        self.length, self.sum, self.fell = 0, 0.0, False
        robot.stand_up()
        if not client.spin_until(lambda: self.ended or robot.stopped, _SILENT_S):
            self.launch.check()
            raise SystemExit(f"error: no end of an episode within {_SILENT_S:g} s")
        if not self.ended:  # the guard found it falling before the agent did; a robot that is stopped falls
            self.stops += 1
            self.fell, self.sum = True, self.sum - 1.0
        self.returns.append(self.sum)
        self.falls += self.fell


def trial(seed: int) -> dict[str, Any]:
    """Learn with one seed, and measure."""
    with tempfile.TemporaryDirectory() as folder:
        table = Path(folder) / "table.safetensors"
        started_s = steady_s()
        with running(Path(folder), table, seed, learn=True) as launch:
            robot, episodes = LockstepRobot(launch), Episodes(launch)
            with progress_bar(f"seed {seed}", TICKS) as bar:
                while episodes.ticks < TICKS:
                    episodes.run(robot)
                    bar.update(min(episodes.ticks, TICKS), f"return {episodes.returns[-1]:.0f}")
        learning = {
            "ticks": episodes.ticks,
            "seconds": steady_s() - started_s,
            "episodes": len(episodes.returns),
            "falls": episodes.falls,
            "stops": episodes.stops,
            "returns": episodes.returns,
        }
        learned = QTable.load(table)
        results = {"learned": evaluate(Path(folder), table, seed)}
        for action, name in enumerate(ACTIONS):
            learned.value[:] = 0.0
            learned.value[:, action] = 1.0
            learned.save(table)
            results[name] = evaluate(Path(folder), table, seed)
    best = max(ACTIONS, key=lambda name: results[name]["mean_return"])
    return {
        "seed": seed,
        "pushes": PUSHES,
        "settings": SETTINGS,
        "episode_ticks": EPISODE_TICKS,
        "learning": learning,
        "evaluations": results,
        "best_action": best,
        "beats_best_action": results["learned"]["mean_return"] > results[best]["mean_return"],
    }


def running(folder: Path, table: Path, seed: int, *, learn: bool) -> Launch:
    """Robot and controller in lock-step, and the agent."""
    noise = {f"noise.{name}": float(value) for name, value in asdict(task_noise(get_task("walk"))).items()}
    robot = [f"{name}:={value}" for name, value in {**PUSHES, **noise, "noise.seed": seed}.items()]
    agent = [
        f"table:={table}", f"seed:={seed}", f"learn:={str(learn).lower()}", "use_stamped_vel:=true",
        *(f"{name}:={value}" for name, value in SETTINGS.items()),
    ]  # fmt: skip
    policy = find_policy("h23_walk")
    return launch_lockstep(policy, "h23", folder / "logs", 0.1, robot, {_AGENT: agent})


def evaluate(folder: Path, table: Path, seed: int) -> dict[str, Any]:
    """Episodes without learning and exploration."""
    with running(folder, table, seed, learn=False) as launch:
        robot, episodes = LockstepRobot(launch), Episodes(launch)
        for _ in range(EPISODES):
            episodes.run(robot)
    return {
        "mean_return": statistics.fmean(episodes.returns),
        "falls": episodes.falls,
        "episodes": EPISODES,
        "returns": episodes.returns,
    }


PIECES = {f"q-learning-{seed}": partial(trial, seed) for seed in SEEDS}

"""`gaitway demo`: the whole loop in one command."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from gaitway.cli.eval import evaluation_figures
from gaitway.data import Recording
from gaitway.errors import GaitwayError
from gaitway.files import write_atomically
from gaitway.learning import ExportResult, TrainConfig, TrainResult, export_run, recipe, train
from gaitway.learning.export import EXPORT_TOLERANCE
from gaitway.machine import describe_machine, describe_versions
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.ros import require_ros
from gaitway.sim import SimError, render_pictures
from gaitway.tasks import evaluate, get_task, zero_action

_OUTPUTS = ("train", "logs", "policy.onnx", "live.npz", "report.json", "report.html")
_MIN_RUN_S = 4.0  # three pushes, each with its picture
_PUSH_SHARE = 0.7  # of the strongest push in training


@dataclass(frozen=True, kw_only=True)
class DemoCommand:
    """Train a humanoid to stand, pack the policy, run it over ROS 2, push it, stop it, and report.

    Writes report.html, report.json, policy.onnx and the training run into the folder. The figures are
    judged against what the product promises; a missed one is marked, and does not fail the command.
    """

    out: Path = Path("runs/demo")
    """Folder; an earlier demo in it is replaced."""
    env_steps: int = TrainConfig.env_steps
    """Environment steps of training."""
    seed: int = 1
    """Source of all randomness of training."""
    robots: int = 256
    """Robots in the evaluation."""
    run_s: float = 20.0
    """Time of the live run [s]."""
    toy: bool = False
    """Only show that everything works: a minute, and a policy that has learned nothing."""

    def run(self) -> None:
        """Do it all."""
        require_ros()
        if self.robots < 1 or not self.run_s >= _MIN_RUN_S:
            raise GaitwayError(f"--robots must be at least 1 and --run-s at least {_MIN_RUN_S:g}")
        console = Console()
        env_steps = 12_000 if self.toy else self.env_steps
        robots, episode_s = (16, 4.0) if self.toy else (self.robots, None)
        run_s, push_share = (6.0, 0.2) if self.toy else (self.run_s, _PUSH_SHARE)
        _clear(self.out)
        policy = self.out / "policy.onnx"

        console.print("1/4 train")
        config = replace(recipe("stand"), env_steps=env_steps, seed=self.seed)
        trained = train(config, self.out / "train")
        if trained.interrupted:
            raise KeyboardInterrupt
        console.print("2/4 evaluate and pack")
        with progress_bar("policy", 1.0) as bar:
            exported = export_run(
                trained.run_dir, policy, num_robots=robots, episode_s=episode_s,
                on_step=lambda step, steps: bar.update(step / steps),
            )  # fmt: skip
        evaluation = _evaluate(exported, config, robots, episode_s)
        console.print("3/4 run over ROS 2")
        pushes = get_task(config.task).pushes
        assert pushes is not None
        live, recording = _run_live(
            policy, config.robot, run_s, push_share * pushes.impulse[1], self.out / "logs"
        )
        recording.save(self.out / "live.npz")
        console.print("4/4 report")
        report = _report(config, trained, exported, evaluation, live)
        _write(report, trained, recording, self.out)
        _print(console, report, self.out)


def _clear(out: Path) -> None:
    """Remove an earlier demo; refuse a place that holds anything else."""
    if out.exists() and not out.is_dir():
        raise GaitwayError(f"{out} is a file; name a folder")
    entries = list(out.iterdir()) if out.exists() else []
    foreign = sorted(entry.name for entry in entries if entry.name not in _OUTPUTS)
    if foreign:
        raise GaitwayError(
            f"{out} holds more than an earlier demo ({', '.join(foreign[:5])}); name another folder"
        )
    for entry in entries:
        if entry.is_dir():
            shutil.rmtree(entry)
        else:
            entry.unlink()


def _evaluate(
    exported: ExportResult, config: TrainConfig, robots: int, episode_s: float | None
) -> dict[str, Any]:
    """The exported policy's figures beside those of the zero action under the same pushes."""
    task, robot = get_task(config.task), get_robot(config.robot)
    with progress_bar("zero action", 1.0) as bar:
        baseline = evaluate(
            lambda obs: zero_action(obs, robot.num_joints), task, robot,
            num_robots=robots, episode_s=episode_s,
            on_step=lambda step, steps: bar.update(step / steps),
        )  # fmt: skip
    ours, zero = evaluation_figures(exported.evaluation), evaluation_figures(baseline)
    return ours | {
        "episode_s": episode_s or task.episode_s,
        "survival_zero_action": zero["survival"],
        "survival_zero_action_interval": zero["survival_interval"],
    }


def _run_live(
    policy: Path, robot: str, run_s: float, push_ns: float, log_dir: Path
) -> tuple[dict[str, Any], Recording]:
    from gaitway.ros.exercise import Exercise, run_exercise

    with progress_bar("live run", run_s) as bar:
        return run_exercise(policy, robot, Exercise(run_s=run_s, push_ns=push_ns), log_dir, bar.update)


def _report(
    config: TrainConfig,
    trained: TrainResult,
    exported: ExportResult,
    evaluation: dict[str, Any],
    live: dict[str, Any],
) -> dict[str, Any]:
    report: dict[str, Any] = {
        "train": {
            "task": config.task,
            "robot": config.robot,
            "algorithm": config.algo,
            "seed": config.seed,
            "num_envs": config.num_envs,
            "seconds": trained.seconds,
            "env_steps": trained.env_steps,
            "env_steps_per_second": trained.env_steps_per_second,
        },
        "eval": evaluation,
        "export": {
            "file": exported.path.name,
            "max_abs_difference": exported.max_abs_difference,
            "source_commit": exported.spec.origin.source_commit,
        },
        "ros": live,
        "machine": describe_machine(),
        "versions": describe_versions(),
    }
    return report | {"checks": _checks(report)}


def _checks(report: dict[str, Any]) -> list[dict[str, Any]]:
    """What the product promises of each figure, and whether it was kept."""
    train, evaluation, live = report["train"], report["eval"], report["ros"]
    stop_ms = live["stop"]["latency_ms"]
    p99 = live["latency_ms"]["p99"]
    zero = evaluation["survival_zero_action"]
    rows = (
        ("training time", f"{train['seconds']:.0f} s", "at most 180 s", train["seconds"] <= 180.0),
        ("robots upright", f"{evaluation['survival']:.3f}", "at least 0.95", evaluation["survival"] >= 0.95),
        ("upright at zero action", f"{zero:.3f}", "0.2 to 0.5", 0.2 <= zero <= 0.5),
        (
            "ONNX against torch", f"{report['export']['max_abs_difference']:.1e}",
            f"at most {EXPORT_TOLERANCE:g} max(1, |a|)", True,  # export fails above it
        ),
        (
            "command rate", f"{live['command_rate_hz']:.2f} Hz", "49.5 to 50.5 Hz",
            abs(live["command_rate_hz"] - 50.0) <= 0.5,
        ),
        ("latency, 99th percentile", f"{p99:.1f} ms", "at most 10 ms", p99 <= 10.0),
        ("falls in the live run", "fell" if live["fell"] else "none", "none", not live["fell"]),
        (
            "stop to damping", "stopped before" if stop_ms is None else f"{stop_ms:.1f} ms",
            "at most 60 ms", stop_ms is not None and stop_ms <= 60.0,
        ),
        (
            "stop latched until reset", "yes" if live["stop"]["latched"] else "no", "yes",
            live["stop"]["latched"] and live["stop"]["cleared_by_reset_service"],
        ),
    )  # fmt: skip
    return [{"name": name, "value": value, "aim": aim, "met": bool(met)} for name, value, aim, met in rows]


def _write(report: dict[str, Any], trained: TrainResult, recording: Recording, out: Path) -> None:
    from gaitway.dashboard import render_demo_report  # takes long to import

    pictures, problem = [], None
    try:
        pictures = render_pictures(report["train"]["robot"], recording.picture_qpos)
    except SimError as error:
        problem = str(error)
    write_atomically(out / "report.json", json.dumps(report, indent=2) + "\n")
    page = render_demo_report(report, trained.curve, recording, pictures, problem)
    write_atomically(out / "report.html", page)


def _print(console: Console, report: dict[str, Any], out: Path) -> None:
    table = Table(box=None)
    for heading in ("", "measure", "value", "aim"):
        table.add_column(heading)
    for row in report["checks"]:
        mark = "[green]met[/]" if row["met"] else "[red]missed[/]"
        table.add_row(mark, row["name"], row["value"], row["aim"])
    console.print(table)
    console.print(f"the report: {out / 'report.html'}; the policy: {out / 'policy.onnx'}")


COMMAND = DemoCommand

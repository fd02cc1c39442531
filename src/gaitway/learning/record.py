"""What a run says of itself in `run.json`, and whether it can be gone on with."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any, get_type_hints

import msgspec

from gaitway.files import write_atomically
from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.checkpoint import CheckpointError
from gaitway.learning.config import TrainConfig
from gaitway.machine import describe_machine, describe_versions
from gaitway.policy.binding import robot_differences, robot_spec
from gaitway.policy.spec import RobotSpec
from gaitway.robots import Robot

FREE = ("env_steps", "sim_threads", "checkpoint_every", "eval_every", "eval_episodes", "target_return")
"""Settings that a resumed run may have otherwise: none of them changes what an iteration learns."""


def write_record(
    run_dir: Path, config: TrainConfig, robot: Robot | None = None, randomization: Any = None
) -> None:
    """Write what a run is: its config, its robot and how its copies differ, its machine and versions.

    Raises:
        GaitwayError: it could not be written.
    """
    record = {
        "algo": config.algo,
        "config": asdict(config),
        "robot": robot and msgspec.to_builtins(robot_spec(robot)),
        "randomization": msgspec.to_builtins(randomization),
        "machine": describe_machine(),
        "versions": describe_versions(),
    }
    write_atomically(run_dir / "run.json", json.dumps(record, indent=2) + "\n")


def read_record(run_dir: Path) -> dict[str, Any]:
    """What `write_record` wrote.

    Raises:
        CheckpointError: the folder is no run.
    """
    path = run_dir / "run.json"
    try:
        record = json.loads(path.read_text())
    except (FileNotFoundError, NotADirectoryError):
        raise CheckpointError(f"{run_dir} is no run: it has no run.json") from None
    except ValueError as error:
        raise CheckpointError(f"{path} cannot be read: {error}") from error
    if not isinstance(record, dict) or "config" not in record:
        raise CheckpointError(f"{path} cannot be read: it holds no config")
    return record


def read_config(run_dir: Path) -> TrainConfig:
    """The config a run was started with.

    Raises:
        CheckpointError: the folder is no run.
    """
    record = read_record(run_dir)
    try:
        algorithm = ALGORITHMS[record["algo"]]
        settings = msgspec.convert(record["config"].pop("settings"), algorithm.settings_type)
        types = get_type_hints(TrainConfig)  # converted one by one: msgspec knows no union of settings
        values = {name: msgspec.convert(value, types[name]) for name, value in record["config"].items()}
        return TrainConfig(**values, settings=settings)
    except (msgspec.ValidationError, KeyError) as error:
        raise CheckpointError(f"{run_dir / 'run.json'} cannot be read: {error}") from error


def check_same_run(config: TrainConfig, run_dir: Path) -> None:
    """Refuse to go on with a run by a config that is not its own.

    Raises:
        CheckpointError: with each setting that differs, or because the folder is no run.
    """
    before = read_config(run_dir)
    changed = []
    if config.algo != before.algo:
        changed.append(f"algo was {before.algo}, is {config.algo}")
    else:
        changed += _changes(before.settings, config.settings)
    changed = _changes(before, config, but=(*FREE, "settings")) + changed
    if changed:
        raise CheckpointError(f"{run_dir} holds another run: {'; '.join(changed)}")


def check_same_robot(robot: Robot, run_dir: Path) -> None:
    """Refuse a robot that is no longer the one that the run was started with.

    Raises:
        CheckpointError: with each difference, or because the folder is no run.
    """
    recorded = read_record(run_dir).get("robot")
    if recorded is None:  # of a run that was started before runs said so
        return
    if found := robot_differences(msgspec.convert(recorded, RobotSpec), robot):
        lines = "\n".join(f"  - {difference}" for difference in found)
        raise CheckpointError(f"the robot {robot.name!r} has changed since {run_dir} was started:\n{lines}")


def _changes(before: Any, after: Any, but: tuple[str, ...] = ()) -> list[str]:
    names = [field.name for field in fields(before) if field.name not in but]
    return [
        f"{name} was {getattr(before, name)}, is {getattr(after, name)}"
        for name in names
        if getattr(before, name) != getattr(after, name)
    ]

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.learning import CheckpointError, PPOConfig, TrainConfig, TrainResult, export_run, recipe, train
from gaitway.learning.checkpoint import Checkpoints, load_checkpoint
from gaitway.learning.q_learning import QLearningConfig
from gaitway.learning.record import read_config
from gaitway.learning.trainer import arithmetic
from tests.robots.biped import GAINS, write_biped

SMALL = TrainConfig(
    env_steps=16 * 8 * 12, num_envs=16, checkpoint_every=3, torch_threads=1,
    settings=replace(recipe("stand").settings, hidden=(32,), rollout_steps=8),
)  # fmt: skip
ARGUMENTS = [
    sys.executable, "-m", "gaitway.cli.main", "train", "stand", "--num-envs", "16", "--checkpoint-every", "3",
    "--torch-threads", "1", "--hidden", "32", "--rollout-steps", "8",
]  # fmt: skip


def policy_of(run_dir: Path) -> dict[str, torch.Tensor]:
    tensors = load_checkpoint(run_dir).tensors
    return {name: tensor for name, tensor in tensors.items() if name.startswith("policy.")}


def assert_same_policy(left: Path, right: Path) -> None:
    ours, theirs = policy_of(left), policy_of(right)
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


@pytest.mark.parametrize("precision", ["highest", "medium"])
def test_a_resumed_run_ends_in_the_bits_of_one_never_stopped(
    precision: Literal["highest", "medium"], tmp_path: Path
) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    config = replace(SMALL, matmul_precision=precision)
    train(config, whole)
    train(replace(config, env_steps=SMALL.env_steps // 2), parts)
    result = train(config, parts, resume=True)
    assert result.env_steps == SMALL.env_steps
    assert [row["env_steps"] for row in result.curve] == [128 * i for i in range(1, 13)]
    assert_same_policy(whole, parts)


def test_the_precision_of_a_training_does_not_outlast_it() -> None:
    before = torch.get_float32_matmul_precision()
    with arithmetic(replace(SMALL, matmul_precision="medium")):
        assert torch.get_float32_matmul_precision() == "medium"
    assert torch.get_float32_matmul_precision() == before


def _wait_for_checkpoint(run_dir: Path) -> None:
    for _ in range(1200):
        paths = (run_dir / "checkpoints").glob("*.safetensors")
        if any(int(path.stem) > 0 for path in paths):
            return
        time.sleep(0.05)
    raise AssertionError("no checkpoint within a minute")


@pytest.fixture(scope="module")
def never_killed(tmp_path_factory: pytest.TempPathFactory) -> TrainResult:
    return train(replace(SMALL, env_steps=128 * 100), tmp_path_factory.mktemp("runs") / "whole")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_to_the_same_bits(
    never_killed: TrainResult, tmp_path: Path, number: signal.Signals
) -> None:
    steps = never_killed.env_steps
    run_dir = tmp_path / "killed"
    process = subprocess.Popen([*ARGUMENTS, "--env-steps", str(steps), "--out", str(run_dir)])
    _wait_for_checkpoint(run_dir)
    process.send_signal(number)
    code = process.wait(30)
    assert code == (130 if number == signal.SIGINT else -number)
    before = load_checkpoint(run_dir).values["env_steps"]
    assert 0 < before < steps
    done = subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", "train", "--out", str(run_dir), "--resume"],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert_same_policy(never_killed.run_dir, run_dir)


def test_curves_go_to_tensorboard(tmp_path: Path) -> None:
    train(SMALL, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("kl")] == [128 * i for i in range(1, 13)]


def test_an_old_run_is_not_covered_and_another_is_not_resumed(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    train(SMALL, run_dir)
    before = {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()}
    with pytest.raises(CheckpointError, match="holds a run already; add --resume"):
        train(SMALL, run_dir)
    narrower = PPOConfig(hidden=(16,), rollout_steps=8)
    for change, message in (
        ({"seed": 7}, "holds another run: seed was 1, is 7"),
        ({"task": "walk"}, "holds another run: task was stand, is walk"),
        ({"settings": narrower}, r"holds another run: hidden was \(32,\), is \(16,\)"),
    ):
        with pytest.raises(CheckpointError, match=message):
            train(replace(SMALL, **change), run_dir, resume=True)
    with pytest.raises(CheckpointError, match="is no run: it has no run.json"):
        train(SMALL, tmp_path / "elsewhere", resume=True)
    assert not (tmp_path / "elsewhere").exists()
    assert {path: path.read_bytes() for path in run_dir.rglob("*") if path.is_file()} == before
    assert read_config(run_dir) == SMALL


def test_a_run_that_died_before_its_first_checkpoint_is_started_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_space(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as full:
        full.setattr(Checkpoints, "save", no_space)
        with pytest.raises(GaitwayError, match="No space left on device"):
            train(SMALL, tmp_path / "run")
    train(SMALL, tmp_path / "run")
    train(SMALL, tmp_path / "whole")
    assert_same_policy(tmp_path / "run", tmp_path / "whole")


def test_a_robot_that_has_changed_since_is_not_trained_on_nor_packed(tmp_path: Path) -> None:
    robot = write_biped(tmp_path)
    config = replace(SMALL, robot=str(robot))
    train(config, tmp_path / "run")
    write_biped(tmp_path, GAINS.replace("stiffness = 60.0", "stiffness = 50.0"))
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    changed = r"'biped' has changed since .*run was started:\n  - left_hip: stiffness is 50 .* needs 60"
    with pytest.raises(CheckpointError, match=changed):
        train(config, tmp_path / "run", resume=True)
    with pytest.raises(CheckpointError, match=changed):
        export_run(tmp_path / "run", tmp_path / "policy.onnx")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_checkpoint_of_another_task_or_network_is_refused(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    train(SMALL, run_dir)
    checkpoint = load_checkpoint(run_dir)
    checkpoint.values["algo"] = "td3"
    Checkpoints(run_dir).save(checkpoint)
    with pytest.raises(CheckpointError, match="is of td3 on stand; the run is of ppo on stand"):
        train(SMALL, run_dir, resume=True)
    checkpoint.values["algo"] = "ppo"
    del checkpoint.tensors["policy.log_std_parameter"]
    Checkpoints(run_dir).save(checkpoint)
    with pytest.raises(CheckpointError, match="(?s)does not fit the run: .*log_std_parameter"):
        train(SMALL, run_dir, resume=True)


def test_after_damage_the_run_goes_on_from_the_one_before_to_the_same_bits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    train(SMALL, tmp_path / "whole")
    train(SMALL, tmp_path / "run")
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    result = train(SMALL, tmp_path / "run", resume=True)
    assert f"warning: {newest} is damaged" in capsys.readouterr().err
    assert [row["env_steps"] for row in result.curve] == [128 * i for i in range(1, 13)]
    assert_same_policy(tmp_path / "whole", tmp_path / "run")


EVALUATED = replace(SMALL, eval_every=4, eval_episodes=4)


@pytest.fixture(scope="module")
def evaluated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    run_dir = tmp_path_factory.mktemp("evaluated") / "run"
    train(EVALUATED, run_dir)
    return run_dir


def test_evaluations_change_nothing_of_what_is_learned(evaluated: Path, tmp_path: Path) -> None:
    train(SMALL, tmp_path / "without")
    assert_same_policy(evaluated, tmp_path / "without")


def test_the_policy_that_did_best_is_kept(evaluated: Path) -> None:
    values = load_checkpoint(evaluated).values
    rows = [row for row in values["curve"] if "eval/return" in row]
    assert [row["env_steps"] for row in rows] == [128 * i for i in (4, 8, 12)]
    assert all(0.0 <= row["eval/survival"] <= 1.0 for row in rows)
    best = max(rows, key=lambda row: row["eval/return"])
    assert values["best"]["env_steps"] == best["env_steps"]
    assert Checkpoints(evaluated).load_best().values["env_steps"] == best["env_steps"]
    events = EventAccumulator(str(evaluated / "tensorboard")).Reload()
    assert len(events.Scalars("eval/return")) == 3


def test_a_run_with_evaluations_is_resumed_to_the_same_figures(evaluated: Path, tmp_path: Path) -> None:
    train(replace(EVALUATED, env_steps=128 * 6), tmp_path / "parts")
    train(EVALUATED, tmp_path / "parts", resume=True)
    ours, theirs = (load_checkpoint(path).values for path in (evaluated, tmp_path / "parts"))
    assert ours["best"] == theirs["best"]
    for left, right in zip(ours["curve"], theirs["curve"], strict=True):
        assert left | {"seconds": 0.0} == right | {"seconds": 0.0}


def test_a_training_ends_at_its_target_and_stays_there(tmp_path: Path) -> None:
    config = replace(EVALUATED, target_return=-1e9)
    result = train(config, tmp_path / "run")
    assert result.env_steps == 128 * 4
    assert not result.interrupted
    assert train(config, tmp_path / "run", resume=True).env_steps == 128 * 4
    assert train(EVALUATED, tmp_path / "run", resume=True).env_steps == EVALUATED.env_steps
    with pytest.raises(GaitwayError, match="target_return needs evaluations .* set eval_every above 0"):
        replace(SMALL, target_return=5.0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "stnad"}, "unknown task 'stnad'; did you mean 'stand'"),
        ({"robot": "h32"}, "unknown robot 'h32'; did you mean 'h23'"),
    ],
)
def test_unknown_names_are_refused_and_leave_nothing(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        train(replace(SMALL, **change), tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_an_unknown_algorithm_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown algorithm 'pop'; did you mean 'ppo'"):
        recipe("stand", "pop")


def test_evaluations_say_how_episodes_ended_where_the_task_does(tmp_path: Path) -> None:
    settings = QLearningConfig(bins=(1,), rollout_steps=8)
    config = TrainConfig(
        task="navigate", num_envs=4, env_steps=32, eval_every=1, eval_episodes=8, settings=settings
    )
    row = train(config, tmp_path / "run").curve[-1]
    shares = [row[f"eval/{name}"] for name in ("reached", "collided", "fell")]
    assert all(share in np.arange(9) / 8 for share in shares)
    assert sum(shares) <= 1.0
    assert row["eval/fell"] == 0.0  # a moving point does not
    assert sum(shares) > 0.0 or row["eval/length"] == 100.0  # all episodes ran into their time limit

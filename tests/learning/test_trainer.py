from __future__ import annotations

import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from gaitway.errors import UnknownNameError
from gaitway.learning import CheckpointError, TrainConfig, recipe, train
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.trainer import resumed_config

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


def test_a_resumed_run_ends_in_the_bits_of_one_never_stopped(tmp_path: Path) -> None:
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    train(SMALL, whole)
    train(replace(SMALL, env_steps=SMALL.env_steps // 2), parts)
    result = train(SMALL, parts, resume=True)
    assert result.env_steps == SMALL.env_steps
    assert [row["env_steps"] for row in result.curve] == [128 * i for i in range(1, 13)]
    assert_same_policy(whole, parts)


def _wait_for_checkpoint(run_dir: Path) -> None:
    for _ in range(1200):
        paths = (run_dir / "checkpoints").glob("*.safetensors")
        if any(int(path.stem) > 0 for path in paths):
            return
        time.sleep(0.05)
    raise AssertionError("no checkpoint within a minute")


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_run_that_is_killed_goes_on_to_the_same_bits(tmp_path: Path, number: signal.Signals) -> None:
    steps = 128 * 100
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
    train(replace(SMALL, env_steps=steps), tmp_path / "whole")
    assert_same_policy(tmp_path / "whole", run_dir)


def test_curves_go_to_tensorboard(tmp_path: Path) -> None:
    train(SMALL, tmp_path / "run")
    events = EventAccumulator(str(tmp_path / "run" / "tensorboard")).Reload()
    assert [event.step for event in events.Scalars("kl")] == [128 * i for i in range(1, 13)]


def test_an_old_run_is_not_covered_and_another_is_not_resumed(tmp_path: Path) -> None:
    run_dir = tmp_path / "run"
    train(SMALL, run_dir)
    with pytest.raises(CheckpointError, match="holds a run already; add --resume"):
        train(SMALL, run_dir)
    with pytest.raises(CheckpointError, match="holds another run: seed was 1, is 7"):
        resumed_config(replace(recipe("stand"), seed=7), run_dir)
    assert resumed_config(recipe("stand"), run_dir) == SMALL
    assert resumed_config(replace(recipe("stand"), num_envs=16), run_dir, 9999) == replace(
        SMALL, env_steps=9999
    )
    with pytest.raises(CheckpointError, match="is no run: it has no run.json"):
        resumed_config(recipe("stand"), tmp_path / "elsewhere")


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    train(SMALL, tmp_path / "run")
    newest = sorted((tmp_path / "run" / "checkpoints").iterdir())[-1]
    newest.write_bytes(newest.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="is not a whole checkpoint"):
        train(SMALL, tmp_path / "run", resume=True)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"task": "stnad"}, "unknown task 'stnad'; did you mean 'stand'"),
        ({"robot": "h32"}, "unknown robot 'h32'; did you mean 'h23'"),
        ({"algo": "pop"}, "unknown algorithm 'pop'; did you mean 'ppo'"),
    ],
)
def test_unknown_names_are_refused_and_leave_nothing(tmp_path: Path, change: dict, message: str) -> None:
    with pytest.raises(UnknownNameError, match=message):
        train(replace(SMALL, **change), tmp_path / "run")
    assert not (tmp_path / "run").exists()

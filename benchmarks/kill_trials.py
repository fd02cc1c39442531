"""Trainings that are killed again and again, and what is left of them in the end."""

from __future__ import annotations

import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import torch
from acceptance import ROOT

from gaitway.learning.checkpoint import load_checkpoint

KILLS = 10


def kill_trial(arguments: list[str], folder: Path, kills: int = KILLS, seed: int = 0) -> dict[str, Any]:
    """Train once undisturbed and once killed with SIGKILL at random moments, and compare every saved bit.

    The learning is cut into as many stretches as there are kills. In each the training is killed at a random time
    after a random checkpoint, be it learning, writing the next one, or starting again.

    Args:
        arguments: of `gaitway train`, without `--out`.
        folder: where both runs go; an older trial there is removed.
        kills: how many.
        seed: of the moments.
    """
    shutil.rmtree(folder, ignore_errors=True)
    whole, killed = folder / "whole", folder / "killed"
    _finish(_train([*arguments, "--out", str(whole)]))
    values = load_checkpoint(whole).values
    moments = random.Random(seed)
    moments_of_death = []
    for stretch in range(kills):
        resume = ["--out", str(killed), *(["--resume"] if (killed / "run.json").exists() else arguments)]
        process = _train(resume)
        checkpoint = values["env_steps"] * 0.9 * (stretch + moments.random()) / kills
        pause = moments.uniform(0.0, 0.5)
        while process.poll() is None and _env_steps(killed) < checkpoint:
            time.sleep(0.005)
        time.sleep(pause)
        if process.poll() is not None:
            sys.exit(
                f"the training ended with {process.returncode} after {stretch} kills; {kills} were wanted"
            )
        process.send_signal(signal.SIGKILL)
        process.wait()
        moments_of_death.append({"checkpoint_env_steps": _env_steps(killed), "pause_s": pause})
    _finish(_train(["--out", str(killed), "--resume"]))
    return {
        "command": " ".join(["gaitway", "train", *arguments]),
        "kills": moments_of_death,
        "learning_s": values["seconds"],
        **differences(whole, killed),
    }


def differences(left: Path, right: Path) -> dict[str, Any]:
    """How many tensors the newest checkpoints of two runs hold, and the names of those that differ in a bit."""
    ours, theirs = load_checkpoint(left), load_checkpoint(right)
    names = ours.tensors.keys() | theirs.tensors.keys()
    differing = sorted(
        name
        for name in names
        if name not in ours.tensors
        or name not in theirs.tensors
        or not torch.equal(_bits(ours.tensors[name]), _bits(theirs.tensors[name]))
    )
    return {"tensors": len(names), "differing": differing, "env_steps": ours.values["env_steps"]}


def _bits(tensor: torch.Tensor) -> torch.Tensor:
    return tensor.contiguous().view(-1).view(torch.uint8)


def _env_steps(run_dir: Path) -> int:
    names = [int(path.stem) for path in (run_dir / "checkpoints").glob("*.safetensors")]
    return max(names, default=0)


def _train(arguments: list[str]) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "gaitway.cli.main", "train", *arguments]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def _finish(process: subprocess.Popen[bytes]) -> None:
    if code := process.wait():
        sys.exit(f"{' '.join(map(str, process.args))} ended with {code}")  # type: ignore[arg-type]

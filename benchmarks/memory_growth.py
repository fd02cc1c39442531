"""Resident memory of a training over half an hour, sampled by a process of its own that outlives a sitting."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from acceptance import ROOT

from gaitway.files import write_atomically

MINUTES = 30.0
WARM_UP_S = 120.0
_EVERY_S = 5.0
_BUDGET = 10**12  # environment steps that nobody reaches


def measure_growth(arguments: list[str], folder: Path, sitting_s: float) -> dict[str, Any]:
    """Growth of the memory of `gaitway train` over 30 minutes after a warm-up, by linear regression.

    Sampling goes on between sittings; the sitting in which it ends returns the figures, the others exit.

    Args:
        arguments: of `gaitway train`, without `--out` and `--env-steps`.
        folder: of the samples and the run.
        sitting_s: longest time to wait [s].
    """
    samples, pid_file = folder / "samples.json", folder / "sampler.pid"
    if not samples.exists() and not _alive(pid_file):
        folder.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, __file__, str(folder), *arguments]
        sampler = subprocess.Popen(command, cwd=ROOT, start_new_session=True)
        write_atomically(pid_file, str(sampler.pid))
    deadline = time.monotonic() + sitting_s
    while not samples.exists():
        if time.monotonic() > deadline:
            sys.exit("memory: still sampling in the background; run it again to go on")
        time.sleep(1.0)
    return {"command": " ".join(["gaitway", "train", *arguments]), **growth(json.loads(samples.read_text()))}


def growth(samples: list[tuple[float, int]]) -> dict[str, Any]:
    """What samples of (time [s], resident memory [bytes]) amount to."""
    time_s, memory = np.array([row for row in samples if row[0] >= WARM_UP_S], dtype=np.float64).T
    slope = float(np.polyfit(time_s, memory, 1)[0])
    return {
        "minutes": float(time_s[-1] - time_s[0]) / 60.0,
        "mean_mib": float(memory.mean()) / 2**20,
        "growth_share": slope * 60.0 * MINUTES / float(memory.mean()),
        "aim": 0.01,
    }


def sample(folder: Path, arguments: list[str]) -> None:
    """Train, write down the memory every few seconds, and end the training after the last sample."""
    run_dir = folder / f"run-{os.getpid()}"
    command = [sys.executable, "-m", "gaitway.cli.main", "train", *arguments]
    command += ["--env-steps", str(_BUDGET), "--out", str(run_dir)]
    training = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    started, samples = time.monotonic(), []
    try:
        while (elapsed := time.monotonic() - started) < WARM_UP_S + 60.0 * MINUTES:
            if training.poll() is not None:
                sys.exit(f"the training ended with {training.returncode}")
            samples.append((elapsed, _resident(training.pid)))
            time.sleep(_EVERY_S)
    finally:
        training.kill()
        training.wait()
    write_atomically(folder / "samples.json", json.dumps(samples))


def _resident(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _alive(pid_file: Path) -> bool:
    if not pid_file.exists():
        return False
    try:
        return __file__.encode() in Path(f"/proc/{pid_file.read_text()}/cmdline").read_bytes()
    except OSError:
        return False


if __name__ == "__main__":
    sample(Path(sys.argv[1]), sys.argv[2:])

"""The measurements of issue 2: speed, the shipped walking policy in simulation and over ROS 2, and retraining it.

Each piece takes under twenty minutes on two cores; retraining is resumed until it is done.
"""

from __future__ import annotations

import json
import math
import subprocess
import sys
import time
from functools import partial
from typing import Any

from acceptance import ROOT, accept, gaitway

POLICY = "h23_walk"
EPISODES = "512"
SEEDS = (20_240, 1, 2)
WALKS = 10
DISTANCE_M = 5.0
RUN = ROOT / "runs" / "accept-02" / "retrain"
SITTING_S = 1080.0


def bench_sim() -> dict[str, Any]:
    """The environments' speed against the bare physics, EnvPool and Gymnasium."""
    return json.loads(gaitway("bench", "sim", "--json"))


def bench_train() -> dict[str, Any]:
    """PPO's speed, part by part, against the bare physics and Stable-Baselines3."""
    return json.loads(gaitway("bench", "train", "--json"))


def evaluation(seed: int, policy: str = POLICY) -> dict[str, Any]:
    """The policy under full randomisation, commands and pushes."""
    return json.loads(gaitway("eval", policy, "--episodes", EPISODES, "--seed", str(seed), "--json"))


def changed_physics() -> dict[str, Any]:
    """The same policy on physics that nobody trained on."""
    figures = gaitway("eval", POLICY, "--episodes", EPISODES, "--no-baseline", "--changed-physics", "--json")
    return json.loads(figures)


def walk_to(odometry: str) -> dict[str, Any]:
    """Ten walks to a goal 5 m away, each in another direction, with all processes new."""
    walks = []
    for walk in range(WALKS):
        angle = 2.0 * math.pi * walk / WALKS
        goal = (DISTANCE_M * math.cos(angle), DISTANCE_M * math.sin(angle))
        out = ROOT / "runs" / "accept-02" / f"walk-{odometry}-{walk}.json"
        gaitway(
            "launch", "walk", "--to", *(f"{value:.3f}" for value in goal),
            "--odometry", odometry, "--record", str(out), check=False,
        )  # fmt: skip
        walks.append({"goal": goal, **json.loads(out.read_text())})
    return {
        "walks": walks,
        "reached": sum(walk["reached"] for walk in walks),
        "fell": sum(walk["fell"] for walk in walks),
    }


def retrain() -> dict[str, Any]:
    """The one command of the docs, in sittings that each end before twenty minutes, and the same evaluation."""
    command = [sys.executable, "-m", "gaitway.cli.main", "train", "walk", "--seed", "2", "--out", str(RUN)]
    resume = ["--resume"] if RUN.exists() else []
    training = subprocess.Popen([*command, *resume], cwd=ROOT)
    try:
        code = training.wait(SITTING_S)
    except subprocess.TimeoutExpired:
        training.send_signal(2)
        training.wait()
        sys.exit("retrain: interrupted after one sitting; run it again to go on")
    if code != 0:
        sys.exit(code)
    started = time.perf_counter()
    gaitway("export", str(RUN), "--out", str(RUN / "policy.onnx"))
    report = json.loads((RUN / "policy.json").read_text())
    return {
        "seed": report["seed"],
        "env_steps": report["env_steps"],
        "training_s": report["seconds"],
        "export_s": time.perf_counter() - started,
        "evaluation": evaluation(SEEDS[0], str(RUN / "policy.onnx")),
    }


PIECES = (
    {"bench-sim": bench_sim, "bench-train": bench_train}
    | {f"eval-seed-{seed}": partial(evaluation, seed) for seed in SEEDS}
    | {"changed-physics": changed_physics}
    | {f"walk-to-{odometry}": partial(walk_to, odometry) for odometry in ("ground-truth", "estimated")}
    | {"retrain": retrain}
)

if __name__ == "__main__":
    accept("02", PIECES)

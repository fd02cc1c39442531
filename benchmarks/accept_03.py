"""The measurements of issue 4: exact resume, memory, and every algorithm beside Stable-Baselines3.

Each piece takes under twenty minutes on two cores, or ends before and goes on when it is run again: runs are resumed,
and those that are over have a record in `docs/results/curves/`, by version and machine. Pieces that compare may be run
beside one another, as many as there are cores.
"""

from __future__ import annotations

import dataclasses
import fcntl
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import tyro
from acceptance import ROOT, accept
from kill_trials import differences, kill_trial
from memory_growth import measure_growth
from navigate_trial import trial_arguments, trial_figures
from reference import Curve, kept_run, reference_run
from scipy.stats import bootstrap

from gaitway.cli.train import TrainCommand, default_for
from gaitway.learning import TrainConfig
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.trainer import make_algorithm, make_environment

RUNS = ROOT / "runs" / "accept-03"
SITTING_S = 1080.0
MARGIN = 0.1
"""By how much of the reference's return a mean may be below it."""
EVALUATIONS = 20
EVAL_EPISODES = 10

KILL_TRIALS = {
    "ppo": ["stand", "--num-envs", "64", "--env-steps", "150000", "--checkpoint-every", "2", "--eval-every", "20"],
    "sac": [
        "gymnasium:Pendulum-v1", "--algo", "sac", "--env-steps", "6000", "--rollout-steps", "50",
        "--checkpoint-every", "2", "--eval-every", "40",
    ],
    "dqn": [
        "gymnasium:CartPole-v1", "--algo", "dqn", "--env-steps", "40000", "--checkpoint-every", "4",
        "--eval-every", "40",
    ],
}  # fmt: skip
"""Arguments of `gaitway train`. Learning must take longer than ten starts, or the kills fall into starts only."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One algorithm on one environment, ours beside the reference's."""

    algo: str
    """Ours."""
    reference: str
    """Class in Stable-Baselines3 or sb3-contrib."""
    env_id: str
    env_steps: int
    seeds: int
    threshold: float
    """The return to which wall time is measured: the first evaluation at or above it."""
    faster: float
    """How many times shorter the wall time to it should be; 0 where nothing is asked for."""
    ours: tuple[str, ...] = ()
    """Arguments of `gaitway train` beside the recipe's."""
    threads: int = 1
    """Of ours. The reference has one, and is no faster with two where ours has more."""
    num_envs: int = 1
    """Environments of the reference."""
    settings: dict[str, Any] = field(default_factory=dict)
    """Of the reference, where they are not its defaults."""
    reference_steps: int | None = None
    """Samples of the reference, where it is compared by wall time and not by samples."""
    note: str = ""
    """What a reader of the figures should know."""
    variant: str = ""
    """What sets ours apart from another comparison of the same algorithm on the same environment."""

    @property
    def name(self) -> str:
        """Name of the piece."""
        return "-".join(part for part in (self.algo, self.env_id, self.variant) if part)

    @property
    def eval_every(self) -> int:
        """Environment steps between two evaluations."""
        return self.env_steps // EVALUATIONS


DQN_CARTPOLE = {  # of RL Baselines3 Zoo
    "learning_rate": 2.3e-3, "batch_size": 64, "buffer_size": 100_000, "learning_starts": 1000,
    "target_update_interval": 10, "train_freq": 256, "gradient_steps": 128, "exploration_fraction": 0.16,
    "exploration_final_eps": 0.04, "policy_kwargs": {"net_arch": [256, 256]},
}  # fmt: skip
PPO_PENDULUM = {  # of RL Baselines3 Zoo, without state-dependent exploration
    "n_steps": 1024, "gae_lambda": 0.95, "gamma": 0.9, "learning_rate": 1e-3,
}  # fmt: skip
OUR_PPO_PENDULUM = (  # returns are in the hundreds, so the value loss is weighed less; chosen by seeds 21 to 23
    "--discount", "0.9", "--decay-steps", "200000", "--minibatches", "4", "--learning-rate", "0.002",
    "--value-weight", "0.1",
)  # fmt: skip
OFF_POLICY = {  # the same on both sides: exploration, widths, and one update per sample
    "sac": ((), {"learning_starts": 1000}),
    "td3": (("--hidden", "400", "300"), {"learning_starts": 1000, "action_noise_std": 0.1}),
    "ddpg": (("--hidden", "400", "300"), {"learning_starts": 1000, "action_noise_std": 0.1}),
}
PENDULUM = (
    Comparison(
        algo="ppo", reference="PPO", env_id="Pendulum-v1", env_steps=200_000, seeds=5, threshold=-200.0, faster=4.0,
        ours=OUR_PPO_PENDULUM, num_envs=4, settings=PPO_PENDULUM,
    ),
    Comparison(
        algo="recurrent_ppo", reference="RecurrentPPO", env_id="Pendulum-v1", env_steps=100_000, seeds=5,
        threshold=-300.0, faster=0.0, ours=("--discount", "0.9", "--decay-steps", "100000"), num_envs=4, settings=PPO_PENDULUM,
    ),
    *(
        Comparison(
            algo=algo, reference=algo.upper(), env_id="Pendulum-v1", env_steps=8_000, seeds=5, threshold=-200.0,
            faster=0.0, ours=ours, settings=settings,
        )
        for algo, (ours, settings) in OFF_POLICY.items()
    ),
)  # fmt: skip
HUMANOID_NOTE = (
    "single evaluations vary by a hundred, and the reference passes 350 by chance at its first ones and falls below it "
    "again, so the time to it says little; the time of the whole run and the last return say more."
)
FLOAT32_NOTE = "an update is nearly all matrix products, which torch computes for both; what differs is what stands between them."
BFLOAT16_NOTE = (
    "ours with `--matmul-precision medium`, the reference in float32: a program around it can set the same switch of "
    "torch, so this is what the option brings, not what the algorithms differ by."
)
FAST_SAC_NOTE = "ours has ten times as many samples as the reference: the two are compared by wall time."
COMPARISONS = (
    Comparison(
        algo="dqn", reference="DQN", env_id="CartPole-v1", env_steps=50_000, seeds=5, threshold=475.0, faster=0.0,
        settings=DQN_CARTPOLE,
    ),
    *PENDULUM,
    *(
        Comparison(
            algo="ppo", reference="PPO", env_id=env_id, env_steps=500_000, seeds=3, threshold=threshold, faster=4.0,
            threads=2, note=note,
        )
        for env_id, threshold, note in (
            ("Hopper-v5", 1000.0, ""), ("HalfCheetah-v5", 1000.0, ""), ("Humanoid-v5", 350.0, HUMANOID_NOTE),
        )
    ),
    *(
        Comparison(
            algo=algo, reference=algo.upper(), env_id=env_id, env_steps=50_000, seeds=3, threshold=threshold,
            faster=1.5, ours=(*OFF_POLICY[algo][0], *precision), settings=OFF_POLICY[algo][1], variant=variant,
            note=BFLOAT16_NOTE if variant else FLOAT32_NOTE,
        )
        for env_id, threshold, variant, precision in (
            ("Hopper-v5", 1000.0, "", ()),
            ("HalfCheetah-v5", 2000.0, "", ()),
            ("HalfCheetah-v5", 2000.0, "bfloat16", ("--matmul-precision", "medium")),
        )
        for algo in ("sac", "td3")
    ),
    Comparison(
        algo="fast_sac", reference="SAC", env_id="HalfCheetah-v5", env_steps=500_000, reference_steps=50_000, seeds=3,
        threshold=2000.0, faster=0.0, settings=OFF_POLICY["sac"][1], note=FAST_SAC_NOTE,
    ),
)  # fmt: skip


def sim_threads() -> dict[str, Any]:
    """The same training with one and with two threads of physics."""
    folders = []
    for threads in ("1", "2"):
        folder = RUNS / f"sim-threads-{threads}"
        folders.append(folder)
        arguments = ["stand", "--num-envs", "64", "--env-steps", "100000", "--sim-threads", threads]
        sitting(arguments, folder, time.monotonic() + SITTING_S)
    return differences(*folders)


def memory() -> dict[str, Any]:
    """Growth of resident memory at 256 robots over half an hour."""
    return measure_growth(["walk", "--num-envs", "256"], RUNS / "memory", SITTING_S)


def navigate(algo: str) -> dict[str, Any]:
    """Reaching a goal past obstacles by skills."""
    folder = RUNS / f"navigate-{algo}"
    sitting(trial_arguments(algo), folder, time.monotonic() + SITTING_S)
    return trial_figures(algo, folder)


def compare(comparison: Comparison) -> dict[str, Any]:
    """Every seed of ours and of the reference, in turn, and what they amount to."""
    deadline = time.monotonic() + SITTING_S
    reference_steps = comparison.reference_steps or comparison.env_steps
    ours, theirs = [], []
    for seed in range(1, comparison.seeds + 1):
        ours.append(our_curve(comparison, seed, deadline))
        if time.monotonic() > deadline:
            sys.exit(f"{comparison.name}: {seed} of {comparison.seeds} seeds of ours; run it again to go on")
        with machine(whole=False):
            theirs.append(
                reference_run(
                    comparison.reference, comparison.env_id, seed, env_steps=reference_steps,
                    eval_every=reference_steps // EVALUATIONS, eval_episodes=EVAL_EPISODES,
                    num_envs=comparison.num_envs, settings=comparison.settings,
                )
            )  # fmt: skip
        if time.monotonic() > deadline and seed < comparison.seeds:
            sys.exit(f"{comparison.name}: {seed} of {comparison.seeds} seeds; run it again to go on")
    return {
        "algo": comparison.algo,
        "env_id": comparison.env_id,
        "variant": comparison.variant,
        "env_steps": comparison.env_steps,
        "reference_steps": reference_steps,
        "reference": comparison.reference,
        "reference_versions": theirs[0]["versions"],
        "reference_settings": comparison.settings,
        "reference_num_envs": comparison.num_envs,
        "threads": comparison.threads,
        "our_arguments": list(comparison.ours),
        "note": comparison.note,
        "threshold": comparison.threshold,
        "faster_aim": comparison.faster,
        **judged(ours, [run["curve"] for run in theirs], comparison.threshold),
    }


def our_curve(comparison: Comparison, seed: int, deadline: float) -> Curve:
    """The evaluations of one training of ours, which is resumed where it was stopped."""
    arguments = [
        f"gymnasium:{comparison.env_id}", "--algo", comparison.algo, "--env-steps", str(comparison.env_steps),
        "--seed", str(seed), "--eval-episodes", str(EVAL_EPISODES), "--sim-threads", str(comparison.threads),
        "--torch-threads", str(comparison.threads), *comparison.ours,
    ]  # fmt: skip
    iterations = max(1, round(comparison.eval_every / steps_per_iteration(arguments)))
    arguments += ["--eval-every", str(iterations)]
    config = dataclasses.asdict(described(arguments))

    def measure(name: str) -> Curve:
        folder = RUNS / name
        with machine(whole=comparison.threads > 1):
            sitting(arguments, folder, deadline)
        return [row for row in load_checkpoint(folder).values["curve"] if "eval/return" in row]

    return kept_run(f"gaitway-{comparison.name}-{seed}", {"config": config}, measure)["curve"]


@contextmanager
def machine(*, whole: bool) -> Iterator[None]:
    """Wait for the machine, to have it alone or to share it with others that take one core."""
    RUNS.mkdir(parents=True, exist_ok=True)
    with open(RUNS / "machine.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX if whole else fcntl.LOCK_SH)
        yield


def described(arguments: list[str]) -> TrainConfig:
    """The training that arguments of `gaitway train` describe."""
    return tyro.cli(TrainCommand, args=arguments, default=default_for(arguments)).config


def steps_per_iteration(arguments: list[str]) -> int:
    """Environment steps of one iteration of the training that arguments describe."""
    config = described(arguments)
    env = make_environment(config)
    return make_algorithm(config, env).steps_per_iteration


def sitting(arguments: list[str], folder: Path, deadline: float) -> None:
    """Train to the end, or exit at the deadline with the run saved; a run that is there is gone on with."""
    command = [sys.executable, "-m", "gaitway.cli.main", "train"]
    resume = ["--resume"] if (folder / "run.json").exists() else arguments
    training = subprocess.Popen(
        [*command, *resume, "--out", str(folder)], cwd=ROOT, stdout=subprocess.DEVNULL
    )
    try:
        code = training.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        training.send_signal(2)
        training.wait()
        sys.exit(f"{folder.name}: interrupted after one sitting; run it again to go on")
    if code:
        sys.exit(code)


def judged(ours: list[Curve], theirs: list[Curve], threshold: float) -> dict[str, Any]:
    """The last evaluations and the times to a return, over seeds.

    Args:
        ours: curves, one for each seed.
        theirs: the reference's.
        threshold: the return to which wall time is measured.
    """
    last = [np.array([curve[-1]["eval/return"] for curve in curves]) for curves in (ours, theirs)]
    interval = bootstrap(
        last, lambda a, b, axis: a.mean(axis=axis) - b.mean(axis=axis), vectorized=True, method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval  # fmt: skip
    difference, margin = float(last[0].mean() - last[1].mean()), MARGIN * abs(float(last[1].mean()))
    times = [[time_to(curve, threshold) for curve in curves] for curves in (ours, theirs)]
    medians = [statistics.median(seconds) for seconds in times]
    return {
        "our_returns": last[0].tolist(),
        "their_returns": last[1].tolist(),
        "difference": difference,
        "difference_interval": [float(interval.low), float(interval.high)],
        "margin": margin,
        "mean_not_inferior": difference >= -margin,
        "interval_not_inferior": float(interval.low) >= -margin,
        "our_seconds": [curve[-1]["seconds"] for curve in ours],
        "their_seconds": [curve[-1]["seconds"] for curve in theirs],
        "our_seconds_to_threshold": [_or_none(seconds) for seconds in times[0]],
        "their_seconds_to_threshold": [_or_none(seconds) for seconds in times[1]],
        "times_faster": None if np.inf in medians else medians[1] / medians[0],
    }


def time_to(curve: Curve, threshold: float) -> float:
    """Seconds of learning at the first evaluation at or above a return; infinite where there is none."""
    return next((row["seconds"] for row in curve if row["eval/return"] >= threshold), np.inf)


def _or_none(seconds: float) -> float | None:
    return seconds if np.isfinite(seconds) else None


PIECES = (
    {
        f"kill-{algo}": partial(kill_trial, arguments, RUNS / f"kill-{algo}")
        for algo, arguments in KILL_TRIALS.items()
    }
    | {"sim-threads": sim_threads, "memory": memory}
    | {f"navigate-{algo}": partial(navigate, algo) for algo in ("dqn", "q_learning")}
    | {f"compare-{comparison.name}": partial(compare, comparison) for comparison in COMPARISONS}
)

if __name__ == "__main__":
    accept("03", PIECES)

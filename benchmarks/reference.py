"""Stable-Baselines3 on a Gymnasium task, and records of learning curves, one for a version and a machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from acceptance import RESULTS, commit
from gymnasium import spaces

from gaitway.files import write_atomically
from gaitway.machine import describe_machine
from gaitway.tasks.evaluation import EVALUATION_SEED

CURVES = RESULTS / "curves"
VERSIONS = ("stable-baselines3", "torch", "mujoco", "numpy")

Curve = list[dict[str, float]]
"""Rows of `env_steps`, `seconds` of learning without evaluations, and `eval/return`."""


def kept_run(name: str, what: dict[str, Any], measure: Callable[[str], Curve]) -> dict[str, Any]:
    """A run's record: from the repository where it was measured with these versions on this kind of machine, or else new.

    So a table is measured in as many sittings, and from as many checkouts, as it takes.

    Args:
        name: begins the record's name.
        what: everything that decides the curve, but for the code; the record holds the commit of that.
        measure: runs it; is told the record's name, which no run of other settings has.
    """
    versions = {package: importlib.metadata.version(package) for package in VERSIONS}
    machine = {fact: value for fact, value in describe_machine().items() if fact != "date"}
    key = hashlib.sha256(json.dumps([what, versions, machine], sort_keys=True).encode()).hexdigest()[:12]
    path = CURVES / f"{name}-{key}.json"
    if not path.exists():
        measured_commit = commit()
        curve = [
            {column: row[column] for column in ("env_steps", "seconds", "eval/return")}
            for row in measure(path.stem)
        ]
        record = {**what, "commit": measured_commit, "versions": versions, "machine": machine, "curve": curve}
        path.parent.mkdir(exist_ok=True)
        write_atomically(path, json.dumps(record) + "\n")
    return json.loads(path.read_text())


def reference_run(
    algo: str,
    env_id: str,
    seed: int,
    *,
    env_steps: int,
    eval_every: int,
    eval_episodes: int,
    num_envs: int,
    settings: dict[str, Any],
) -> dict[str, Any]:
    """The record of one training of the reference on one thread, with its `settings`, `versions` and `curve`.

    Args:
        algo: its class in Stable-Baselines3 or sb3-contrib, such as "PPO".
        env_id: Gymnasium's id.
        seed: of everything.
        env_steps: budget.
        eval_every: environment steps between two evaluations.
        eval_episodes: episodes of each, without exploration.
        num_envs: environments, in this process.
        settings: arguments of the algorithm; `action_noise_std` stands for normal noise on actions.
    """
    what = {
        "algo": algo, "env_id": env_id, "seed": seed, "env_steps": env_steps, "eval_every": eval_every,
        "eval_episodes": eval_episodes, "num_envs": num_envs, "settings": settings,
    }  # fmt: skip
    return kept_run(f"{algo}-{env_id}-{seed}", what, lambda _: _train(**what))


def _train(
    algo: str, env_id: str, seed: int, env_steps: int, eval_every: int, eval_episodes: int, num_envs: int,
    settings: dict[str, Any],
) -> list[dict[str, float]]:  # fmt: skip
    import stable_baselines3
    import torch
    from stable_baselines3.common.callbacks import BaseCallback
    from stable_baselines3.common.env_util import make_vec_env
    from stable_baselines3.common.evaluation import evaluate_policy
    from stable_baselines3.common.noise import NormalActionNoise

    measured_on = make_vec_env(env_id, 1)

    class Measure(BaseCallback):
        """Evaluates every so many steps, with the time it takes left out."""

        def __init__(self) -> None:
            super().__init__()
            self.curve: list[dict[str, float]] = []
            self.started = time.perf_counter()

        def _on_step(self) -> bool:
            if self.num_timesteps // eval_every > len(self.curve):
                self.measure()
            return True

        def measure(self) -> None:
            seconds = time.perf_counter() - self.started
            measured_on.seed(EVALUATION_SEED)
            returns, _ = evaluate_policy(
                self.model, measured_on, eval_episodes, deterministic=True, return_episode_rewards=True
            )
            mean = float(np.mean(returns))
            self.curve.append({"env_steps": self.num_timesteps, "seconds": seconds, "eval/return": mean})
            self.started += time.perf_counter() - self.started - seconds

    if hasattr(stable_baselines3, algo):
        algorithm = getattr(stable_baselines3, algo)
    else:
        import sb3_contrib  # pyright: ignore[reportMissingImports]

        algorithm = getattr(sb3_contrib, algo)
    torch.set_num_threads(1)
    policy = "MlpLstmPolicy" if algo == "RecurrentPPO" else "MlpPolicy"
    settings = dict(settings)
    if std := settings.pop("action_noise_std", None):
        size = spaces.flatdim(measured_on.action_space)
        settings["action_noise"] = NormalActionNoise(np.zeros(size), np.full(size, std))
    model = algorithm(policy, make_vec_env(env_id, num_envs, seed=seed), seed=seed, device="cpu", **settings)
    measure = Measure()
    model.learn(env_steps, callback=measure)
    measure.measure()
    return measure.curve

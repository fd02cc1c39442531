"""Stable-Baselines3 on a Gymnasium task, each run once for a version and a machine."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
from gymnasium import spaces

from gaitway.files import write_atomically
from gaitway.machine import describe_machine
from gaitway.tasks.evaluation import EVALUATION_SEED


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
    cache: Path,
) -> dict[str, Any]:
    """The curve of one training, from the cache where it was measured with this version on this kind of machine.

    Args:
        algo: its class in Stable-Baselines3 or sb3-contrib, such as "PPO".
        env_id: Gymnasium's id.
        seed: of everything.
        env_steps: budget.
        eval_every: environment steps between two evaluations.
        eval_episodes: episodes of each, without exploration.
        num_envs: environments, in this process.
        settings: arguments of the algorithm; `action_noise_std` stands for normal noise on actions.
        cache: folder of the records.

    Returns:
        `settings`, `versions` and `curve`: rows of `env_steps`, `seconds` of learning without evaluations, and
        `eval/return`.
    """
    what = {
        "algo": algo, "env_id": env_id, "seed": seed, "env_steps": env_steps, "eval_every": eval_every,
        "eval_episodes": eval_episodes, "num_envs": num_envs, "settings": settings,
    }  # fmt: skip
    versions = {name: importlib.metadata.version(name) for name in ("stable-baselines3", "torch", "mujoco")}
    machine = {name: value for name, value in describe_machine().items() if name != "date"}
    key = hashlib.sha256(json.dumps([what, versions, machine], sort_keys=True).encode()).hexdigest()[:16]
    path = cache / f"{algo}-{env_id}-{seed}-{key}.json"
    if not path.exists():
        curve = _train(**what)
        record = {**what, "versions": versions, "machine": machine, "curve": curve}
        write_atomically(path, json.dumps(record, indent=2) + "\n")
    return json.loads(path.read_text())


def _train(
    algo: str, env_id: str, seed: int, env_steps: int, eval_every: int, eval_episodes: int, num_envs: int,
    settings: dict[str, Any],
) -> list[dict[str, float]]:  # fmt: skip
    import stable_baselines3
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

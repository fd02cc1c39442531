"""How the policy does without exploration, measured now and then on environments that it does not learn from."""

from __future__ import annotations

import numpy as np
import torch
from gymnasium.vector import VectorEnv

from gaitway.learning.algorithm import Act
from gaitway.tasks.evaluation import EVALUATION_SEED

MOST_STEPS = 10_000
"""An episode that has not ended by then counts with what it has [control steps]."""


class PeriodicEvaluation:
    """Runs one episode in each of some environments, the same ones each time.

    It has its own environments and draws nothing from the training's random generators, so that a run with evaluations
    learns what it would have learned without.
    """

    def __init__(self, env: VectorEnv, *, has_survival: bool):
        """Measure on these environments.

        Args:
            env: environments of the same task, used by nobody else. Where it has `outcomes`, names of arrays of bool
                in its infos that say how episodes ended, their shares are reported.
            has_survival: whether an episode that ends by its time limit is one that did not fail.
        """
        self._env = env
        self._has_survival = has_survival

    @torch.random.fork_rng(devices=())
    def run(self, act: Act, seed: int = EVALUATION_SEED) -> dict[str, float]:
        """Mean return, length, survival and outcomes of the episodes, under the names that curves have them by.

        Args:
            act: what `Algorithm.evaluator` gives.
            seed: of the episodes.
        """
        env = self._env
        obs, _ = env.reset(seed=seed)
        outcomes = dict.fromkeys(getattr(env, "outcomes", ()), 0)
        running = np.ones(env.num_envs, dtype=bool)
        survived = np.zeros(env.num_envs, dtype=bool)
        episode_return, length = np.zeros((2, env.num_envs))
        for _ in range(MOST_STEPS):
            obs, reward, terminated, truncated, infos = env.step(act(obs))
            episode_return[running] += reward[running]
            length[running] += 1
            survived |= running & truncated & ~terminated
            for name in outcomes:
                outcomes[name] += int((running & infos[name]).sum())
            running &= ~(terminated | truncated)
            if not running.any():
                break
        figures = {"eval/return": float(episode_return.mean()), "eval/length": float(length.mean())}
        figures |= {f"eval/{name}": count / env.num_envs for name, count in outcomes.items()}
        return figures | ({"eval/survival": float(survived.mean())} if self._has_survival else {})

"""Training on `navigate` to the end, and how often the best policy reaches its goal, beside rules that learn nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from gaitway.learning import recipe
from gaitway.learning.checkpoint import Checkpoints, load_checkpoint
from gaitway.learning.periodic_evaluation import PeriodicEvaluation
from gaitway.learning.trainer import make_algorithm, make_environment
from gaitway.tasks.navigate import SKILLS

EPISODES = 1024
SEED = 77
"""Of episodes that neither training nor the choice of the best policy has seen."""

Act = Callable[[np.ndarray], np.ndarray]


def trial_arguments(algo: str) -> list[str]:
    """Arguments of `gaitway train`."""
    return ["navigate", "--algo", algo, "--eval-every", "50", "--eval-episodes", "256"]


def trial_figures(algo: str, folder: Path) -> dict[str, Any]:
    """The best policy of a finished run, a walk straight to the goal, and random skills, on the same courses."""
    config = replace(recipe("navigate", algo), eval_episodes=EPISODES)
    algorithm = make_algorithm(config, make_environment(config))
    best = Checkpoints(folder).load_best()
    algorithm.policy.load_state_dict(
        {name.removeprefix("policy."): values for name, values in best.tensors.items()}
    )
    evaluation = PeriodicEvaluation(make_environment(config, for_evaluation=True), has_survival=False)
    newest = load_checkpoint(folder).values
    return {
        "algo": algo,
        "command": " ".join(["gaitway", "train", *trial_arguments(algo)]),
        "episodes": EPISODES,
        "env_steps": newest["env_steps"],
        "seconds": newest["seconds"],
        "best_env_steps": best.values["best"]["env_steps"],
        "learned": evaluation.run(algorithm.evaluator(), SEED),
        "straight": evaluation.run(straight_to_the_goal, SEED),
        "random": evaluation.run(random_skills(), SEED),
    }


def straight_to_the_goal(obs: np.ndarray) -> np.ndarray:
    """The skill whose direction is nearest to the goal's, whatever stands in the way."""
    directions = np.array([skill.command[:2] for skill in SKILLS])
    lengths = np.linalg.norm(directions, axis=1, keepdims=True)
    return (obs[:, 1:3] @ (directions / np.where(lengths > 0.0, lengths, 1.0)).T).argmax(axis=1)


def random_skills() -> Act:
    """Any skill, with equal probability."""
    rng = np.random.default_rng(SEED)
    return lambda obs: rng.integers(len(SKILLS), size=len(obs))

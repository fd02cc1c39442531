"""The settings that each task is trained with unless told otherwise."""

from __future__ import annotations

from dataclasses import replace

from gaitway.errors import UnknownNameError
from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.config import TrainConfig
from gaitway.learning.dqn import DQNConfig
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.q_learning import QLearningConfig

RECIPES: dict[tuple[str, str], TrainConfig] = {
    ("stand", "ppo"): TrainConfig(task="stand", settings=PPOConfig(target_kl=0.01, init_std=0.6)),
    ("walk", "ppo"): TrainConfig(
        task="walk",
        env_steps=32_000_000,
        num_envs=512,
        settings=PPOConfig(rollout_steps=24, epochs=3, minibatches=8, init_std=0.6),
    ),
}
"""By task and algorithm. What is not here is trained with the defaults."""
for _task in ("navigate", "navigate_walking"):
    RECIPES[_task, "dqn"] = TrainConfig(
        task=_task, env_steps=500_000, num_envs=32, settings=DQNConfig(discount=0.98, epsilon_steps=50_000)
    )
    RECIPES[_task, "q_learning"] = TrainConfig(
        task=_task,
        env_steps=2_000_000,
        num_envs=128,
        settings=QLearningConfig(
            bins=(2, 3, 3, *[2] * 8, 1, 1, 1), upper=(3.0, 1.0, 1.0, *[1.6] * 8, 2.0, 2.0, 2.0)
        ),
    )
RECIPES["walk_rough", "ppo"] = replace(RECIPES["walk", "ppo"], task="walk_rough")


def recipe(task: str, algo: str = PPO.name) -> TrainConfig:
    """The settings to train a task with.

    Raises:
        UnknownNameError: no algorithm has that name.
    """
    if algo not in ALGORITHMS:
        raise UnknownNameError("algorithm", algo, ALGORITHMS)
    return RECIPES.get((task, algo), TrainConfig(task=task, settings=ALGORITHMS[algo].settings_type()))

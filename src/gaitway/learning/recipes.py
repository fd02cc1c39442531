"""The settings that each task is trained with unless told otherwise."""

from __future__ import annotations

from dataclasses import replace

from gaitway.learning.config import TrainConfig
from gaitway.learning.ppo import PPOConfig

RECIPES: dict[str, TrainConfig] = {
    "stand": TrainConfig(task="stand", ppo=PPOConfig(target_kl=0.01, init_std=0.6)),
    "walk": TrainConfig(
        task="walk",
        env_steps=32_000_000,
        num_envs=512,
        ppo=PPOConfig(rollout_steps=24, epochs=3, minibatches=8, init_std=0.6),
    ),
}
"""By task. A task that is not here is trained with the defaults of `TrainConfig`."""
RECIPES["walk_rough"] = replace(RECIPES["walk"], task="walk_rough")


def recipe(task: str) -> TrainConfig:
    """The settings to train a task with."""
    return RECIPES.get(task, TrainConfig(task=task))

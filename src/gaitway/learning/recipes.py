"""The settings that each task is trained with unless told otherwise."""

from __future__ import annotations

from dataclasses import replace

from gaitway.errors import UnknownNameError
from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.config import TrainConfig
from gaitway.learning.ddpg import DDPGConfig
from gaitway.learning.dqn import DQNConfig
from gaitway.learning.fast_sac import FastSACConfig
from gaitway.learning.gymnasium_tasks import PREFIX
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.q_learning import QLearningConfig
from gaitway.learning.recurrent_ppo import RecurrentPPOConfig
from gaitway.learning.sac import SACConfig
from gaitway.learning.td3 import TD3Config

RECIPES: dict[tuple[str, str], TrainConfig] = {
    ("stand", "ppo"): TrainConfig(
        task="stand", settings=PPOConfig(decay_steps=TrainConfig.env_steps, init_std=0.6)
    ),
    ("walk", "ppo"): TrainConfig(
        task="walk",
        env_steps=32_000_000,
        num_envs=512,
        settings=PPOConfig(rollout_steps=24, epochs=2, minibatches=8, init_std=0.6),
    ),
}
"""By task and algorithm. What is not here is trained with the defaults."""
for _task in ("navigate", "navigate_walking"):
    RECIPES[_task, "dqn"] = TrainConfig(
        task=_task, env_steps=500_000, num_envs=32, settings=DQNConfig(discount=0.98, epsilon_steps=50_000)
    )
    RECIPES[_task, "q_learning"] = TrainConfig(
        task=_task,
        env_steps=3_000_000,
        num_envs=128,
        settings=QLearningConfig(  # the goal's direction, what is near, and the last skill by its velocity
            bins=(1, 3, 3, *[2] * 8, 3, 3, 1),
            lower=(0.0, -1.0, -1.0, *[0.0] * 8, -0.6, -0.6, -2.0),
            upper=(6.0, 1.0, 1.0, *[1.4] * 8, 0.6, 0.6, 2.0),
        ),
    )
RECIPES["walk_rough", "ppo"] = replace(RECIPES["walk", "ppo"], task="walk_rough")

_PROXIMAL = {
    "rollout_steps": 256,
    "epochs": 10,
    "minibatches": 8,
    "learning_rate": 1e-3,
    "target_kl": None,
    "decay_steps": 500_000,
}
GYMNASIUM: dict[str, TrainConfig] = {
    "ppo": TrainConfig(num_envs=8, env_steps=500_000, settings=PPOConfig(hidden=(64, 64), **_PROXIMAL)),
    "recurrent_ppo": TrainConfig(
        num_envs=8,
        env_steps=500_000,
        settings=RecurrentPPOConfig(**_PROXIMAL | {"minibatches": 4}, hidden=(64,), memory=64),
    ),
    "sac": TrainConfig(num_envs=1, env_steps=100_000, settings=SACConfig(rollout_steps=1000)),
    "fast_sac": TrainConfig(num_envs=64, env_steps=500_000, settings=FastSACConfig(return_bound=500.0)),
    "td3": TrainConfig(
        num_envs=1, env_steps=100_000, settings=TD3Config(rollout_steps=1000, learning_rate=1e-3)
    ),
    "ddpg": TrainConfig(
        num_envs=1, env_steps=100_000, settings=DDPGConfig(rollout_steps=1000, learning_rate=1e-3)
    ),
    "dqn": TrainConfig(
        num_envs=8,
        env_steps=100_000,
        settings=DQNConfig(
            updates=4,
            learning_starts=1_000,
            epsilon_steps=10_000,
            learning_rate=1e-3,
            importance_steps=100_000,
        ),
    ),
    "q_learning": TrainConfig(num_envs=8, env_steps=500_000, settings=QLearningConfig()),
}
"""By algorithm, for environments of Gymnasium's: fewer robots, and the usual settings of the literature."""


def recipe(task: str, algo: str = PPO.name) -> TrainConfig:
    """The settings to train a task with.

    Raises:
        UnknownNameError: no algorithm has that name.
    """
    if algo not in ALGORITHMS:
        raise UnknownNameError("algorithm", algo, ALGORITHMS)
    if task.startswith(PREFIX):
        return replace(GYMNASIUM[algo], task=task)
    return RECIPES.get((task, algo), TrainConfig(task=task, settings=ALGORITHMS[algo].settings_type()))

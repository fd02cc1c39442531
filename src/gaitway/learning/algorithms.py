"""The algorithms in the box."""

from __future__ import annotations

from typing import Any

from gaitway.learning.algorithm import Algorithm
from gaitway.learning.ddpg import DDPG, DDPGConfig
from gaitway.learning.dqn import DQN, DQNConfig
from gaitway.learning.fast_sac import FastSAC, FastSACConfig
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.q_learning import QLearning, QLearningConfig
from gaitway.learning.recurrent_ppo import RecurrentPPO, RecurrentPPOConfig
from gaitway.learning.sac import SAC, SACConfig
from gaitway.learning.td3 import TD3, TD3Config

ALGORITHMS: dict[str, type[Algorithm[Any]]] = {
    algorithm.name: algorithm for algorithm in (PPO, RecurrentPPO, SAC, FastSAC, TD3, DDPG, DQN, QLearning)
}
"""By the name that `--algo` gives."""

Settings = (
    PPOConfig
    | RecurrentPPOConfig
    | SACConfig
    | FastSACConfig
    | TD3Config
    | DDPGConfig
    | DQNConfig
    | QLearningConfig
)
"""The settings of any of them."""

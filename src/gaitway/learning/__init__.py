"""Learning: algorithms, and the trainer that runs them."""

from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.checkpoint import CheckpointError
from gaitway.learning.config import TrainConfig
from gaitway.learning.ddpg import DDPG, DDPGConfig
from gaitway.learning.dqn import DQN, DQNConfig
from gaitway.learning.environments import ENVIRONMENTS
from gaitway.learning.export import ExportResult, export_run
from gaitway.learning.fast_sac import FastSAC, FastSACConfig
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.q_learning import QLearning, QLearningConfig
from gaitway.learning.recipes import RECIPES, recipe
from gaitway.learning.recurrent_ppo import RecurrentPPO, RecurrentPPOConfig
from gaitway.learning.sac import SAC, SACConfig
from gaitway.learning.td3 import TD3, TD3Config
from gaitway.learning.trainer import TrainResult, train

__all__ = [
    "ALGORITHMS",
    "DDPG",
    "DQN",
    "ENVIRONMENTS",
    "PPO",
    "RECIPES",
    "SAC",
    "TD3",
    "CheckpointError",
    "DDPGConfig",
    "DQNConfig",
    "ExportResult",
    "FastSAC",
    "FastSACConfig",
    "PPOConfig",
    "QLearning",
    "QLearningConfig",
    "RecurrentPPO",
    "RecurrentPPOConfig",
    "SACConfig",
    "TD3Config",
    "TrainConfig",
    "TrainResult",
    "export_run",
    "recipe",
    "train",
]

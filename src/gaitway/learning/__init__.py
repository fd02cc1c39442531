"""Learning: algorithms, and the trainer that runs them."""

from gaitway.learning.algorithms import ALGORITHMS
from gaitway.learning.checkpoint import CheckpointError
from gaitway.learning.config import TrainConfig
from gaitway.learning.export import ExportResult, export_run
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.recipes import RECIPES, recipe
from gaitway.learning.recurrent_ppo import RecurrentPPO, RecurrentPPOConfig
from gaitway.learning.trainer import TrainResult, train

__all__ = [
    "ALGORITHMS",
    "PPO",
    "RECIPES",
    "CheckpointError",
    "ExportResult",
    "PPOConfig",
    "RecurrentPPO",
    "RecurrentPPOConfig",
    "TrainConfig",
    "TrainResult",
    "export_run",
    "recipe",
    "train",
]

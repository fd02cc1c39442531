"""Learning: algorithms, and the trainer that runs them."""

from gaitway.learning.checkpoint import CheckpointError
from gaitway.learning.export import ExportResult, export_run
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.trainer import ALGORITHMS, TrainConfig, TrainResult, train

__all__ = [
    "ALGORITHMS",
    "PPO",
    "CheckpointError",
    "ExportResult",
    "PPOConfig",
    "TrainConfig",
    "TrainResult",
    "export_run",
    "train",
]

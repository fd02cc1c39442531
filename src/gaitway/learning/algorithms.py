"""The algorithms in the box."""

from __future__ import annotations

from gaitway.learning.algorithm import Algorithm
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.recurrent_ppo import RecurrentPPO, RecurrentPPOConfig

ALGORITHMS: dict[str, type[Algorithm]] = {algorithm.name: algorithm for algorithm in (PPO, RecurrentPPO)}
"""By the name that `--algo` gives."""

Settings = PPOConfig | RecurrentPPOConfig
"""The settings of any of them."""

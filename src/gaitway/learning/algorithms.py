"""The algorithms in the box."""

from __future__ import annotations

from gaitway.learning.algorithm import Algorithm
from gaitway.learning.ppo import PPO, PPOConfig

ALGORITHMS: dict[str, type[Algorithm]] = {algorithm.name: algorithm for algorithm in (PPO,)}
"""By the name that `--algo` gives."""

Settings = PPOConfig
"""The settings of any of them."""

"""What a training is: everything that decides its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import tyro

from gaitway.errors import GaitwayError
from gaitway.learning.algorithms import ALGORITHMS, Settings
from gaitway.learning.ppo import PPOConfig


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """A training, wholly: the same config gives the same bits on the same kind of machine."""

    task: tyro.conf.Positional[str] = "stand"
    """Task to learn: one that `gaitway list tasks` names, or gymnasium:ID for any environment of Gymnasium's."""
    robot: str = "h23"
    """Robot to learn on; `gaitway list robots` names them. Environments of Gymnasium's have their own."""
    env_steps: int = 1_000_000
    """Budget of environment steps, over all robots together."""
    num_envs: int = 128
    """Robots simulated in parallel."""
    seed: int = 1
    """Source of all randomness."""
    sim_threads: int = 0
    """Threads that step the physics; 0 takes every CPU. Does not change the result."""
    torch_threads: int = 2
    """Threads of the network's arithmetic; part of what makes a run repeatable."""
    matmul_precision: Literal["highest", "medium"] = "highest"
    """How exactly torch multiplies matrices: `medium` lets a CPU that has instructions for bfloat16 multiply with three
    digits and add with seven, which is faster; others are not affected."""
    checkpoint_every: int = 50
    """Iterations between two checkpoints."""
    eval_every: int = 0
    """Iterations between two evaluations, without exploration and on robots of their own; 0 for none."""
    eval_episodes: int = 16
    """Episodes of an evaluation, side by side; the same ones each time."""
    target_return: float | None = None
    """End when the mean return of an evaluation reaches this."""
    init: str | None = None
    """Policy file whose network the training starts from; it must observe and act as the task does."""
    allow_unmeasured: bool = False
    """Let the policy observe what no robot measures."""
    guarded: bool = False
    """Limit joint targets in training as the Guard does on a robot; evaluations always do."""
    settings: Settings = field(default_factory=PPOConfig)
    """Settings of the algorithm; their type says which it is."""

    @property
    def algo(self) -> str:
        """Name of the algorithm."""
        return next(name for name, each in ALGORITHMS.items() if each.settings_type is type(self.settings))

    def __post_init__(self) -> None:
        for name in ("env_steps", "num_envs", "torch_threads", "checkpoint_every", "eval_episodes"):
            if getattr(self, name) < 1:
                raise GaitwayError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("seed", "sim_threads", "eval_every"):
            if getattr(self, name) < 0:
                raise GaitwayError(f"{name} must not be negative; got {getattr(self, name)}")
        if self.target_return is not None and not self.eval_every:
            raise GaitwayError(
                "target_return needs evaluations to measure the return; set eval_every above 0"
            )

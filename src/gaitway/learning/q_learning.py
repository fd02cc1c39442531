"""Tabular Q-learning (Watkins 1989) of many robots that fill one table.

The table itself is `gaitway.policy.q_table`, which needs neither torch nor simulation; here it meets the trainer.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.algorithm import Algorithm, Episodes, Policy, State, below, env_state, load_env_state
from gaitway.learning.discrete import discrete_actions, final_observations
from gaitway.policy.exploration import ExplorationConfig
from gaitway.policy.q_table import Grid, QTable
from gaitway.tasks import TaskMirror


@dataclass(frozen=True, kw_only=True)
class QLearningConfig(ExplorationConfig):
    """Settings of tabular Q-learning."""

    bins: tuple[int, ...] = (8,)
    """Cells in each dimension of the observation, of equal width; 1 for what is not to be looked at. One number holds
    for all dimensions. Discrete observations are cells themselves."""
    lower: tuple[float, ...] = ()
    """Where the first cell of each dimension begins, in the observation's units; empty for the bounds of the
    observation space."""
    upper: tuple[float, ...] = ()
    """Where the last one ends."""
    learning_rate: float = 0.02
    """Least step size. That of an action in a cell begins at 1 and falls with its visits v as v^-0.8 until there; 0
    lets it fall without end, so that values converge."""
    discount: float = 0.98
    """Discount per control step."""
    rollout_steps: int = 128
    """Control steps of each robot in one iteration; the table is updated after each."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.rollout_steps < 1:
            raise GaitwayError(f"rollout_steps must be at least 1; got {self.rollout_steps}")
        for name in ("learning_rate", "discount"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise GaitwayError(f"{name} must be from 0 to 1; got {getattr(self, name)}")


class TablePolicy(Policy):
    """A table as a network: a layer that finds the cell, and one that looks it up."""

    value: torch.Tensor
    visits: torch.Tensor

    def __init__(self, table: QTable):
        super().__init__()
        self.grid = table.grid
        self.register_buffer("value", torch.from_numpy(table.value))  # the table's own memory
        self.register_buffer("visits", torch.from_numpy(table.visits))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Values of all actions. Shape (n, num_actions)."""
        return self.deployed()(obs)

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: from raw observations to values (n, num_actions)."""
        return nn.Sequential(_Cells(self.grid), nn.Embedding.from_pretrained(self.value.float())).eval()


class _Cells(nn.Module):
    """`Grid.cells`, to the same cell."""

    origin: torch.Tensor
    scale: torch.Tensor
    bins: torch.Tensor
    strides: torch.Tensor

    def __init__(self, grid: Grid):
        super().__init__()
        for name in ("origin", "scale"):
            self.register_buffer(name, torch.from_numpy(getattr(grid, name)))
        for name in ("bins", "strides"):
            self.register_buffer(name, torch.tensor(getattr(grid, name)))

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        values = obs.double().reshape(-1, len(self.bins))
        place = torch.floor((values - self.origin) * self.scale).long()
        return (place.clamp(min=0).minimum(self.bins - 1) * self.strides).sum(dim=1)


class QLearning(Algorithm[TablePolicy]):
    """Trains a table of action values."""

    name = "q_learning"
    summary = "tabular Q-learning over bins of the observation; discrete actions"
    settings_type = QLearningConfig
    discrete = True
    tabular = True

    def __init__(self, config: QLearningConfig, env: VectorEnv, seed: int, mirror: TaskMirror | None = None):
        """Make the table, and begin the first episodes.

        Args:
            config: settings.
            env: any vector environment with SAME_STEP autoreset, Box or Discrete observations and Discrete actions.
                Where it has `metrics`, scalars by name, their means are reported.
            seed: of exploration.
            mirror: not used.

        Raises:
            GaitwayError: observations or actions are of another kind, or the grid does not fit them.
        """
        actions = discrete_actions(env, self.name)
        self.config = config
        self.env = env
        self.table = QTable(
            make_grid(config, env.single_observation_space),
            int(actions.n),
            discount=config.discount,
            learning_rate=config.learning_rate,
        )
        self.policy = TablePolicy(self.table)
        self.rng = np.random.default_rng(seed)
        self._first_action = int(actions.start)
        self.episodes = Episodes(env.num_envs)
        self.env_steps = 0
        self.obs = np.array(env.reset(seed=seed, options={"desynchronize": True})[0])

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps in one iteration."""
        return self.config.rollout_steps * self.env.num_envs

    def iterate(self) -> dict[str, float]:
        """Act, and learn from every step."""
        totals: dict[str, float] = defaultdict(float)
        for _ in range(self.config.rollout_steps):
            action = self.table.act(self.obs, self.config.epsilon(self.env_steps), self.rng)
            obs, reward, terminated, truncated, infos = self.env.step(action + self._first_action)
            next_obs = final_observations(infos, obs, terminated | truncated)
            totals["error"] += self.table.update(self.obs, action, reward, next_obs, terminated)
            totals["reward"] += float(reward.mean())
            for name, value in getattr(self.env, "metrics", {}).items():
                totals[name] += value
            self.episodes.take(reward, terminated, truncated)
            self.env_steps += self.env.num_envs
            self.obs = np.array(obs)
        metrics = {name: total / self.config.rollout_steps for name, total in totals.items()}
        metrics |= self.episodes.summary() | {"epsilon": self.config.epsilon(self.env_steps)}
        return metrics | {"visited": float((self.table.visits > 0).mean())}

    def state_dict(self) -> State:
        """What a checkpoint holds."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= env_state(self.env)
        tensors["obs"] = torch.from_numpy(self.obs)
        tensors["episodes"] = torch.from_numpy(self.episodes.running)
        return tensors, {"env_steps": self.env_steps, "rng": json.dumps(self.rng.bit_generator.state)}

    def load_state_dict(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.policy.load_state_dict(below("policy.", tensors))
        if load_env_state(self.env, tensors):
            self.obs = tensors["obs"].numpy().copy()
            self.episodes.running[:] = tensors["episodes"].numpy()
        self.env_steps = values["env_steps"]
        self.rng.bit_generator.state = json.loads(values["rng"])


def make_grid(config: QLearningConfig, space: spaces.Space) -> Grid:
    """The cells of an observation space.

    Raises:
        GaitwayError: it is neither a vector of numbers nor discrete, or the settings do not fit it.
    """
    if isinstance(space, spaces.Discrete):
        first, count = int(space.start), int(space.n)
        return Grid(lower=(first - 0.5,), upper=(first + count - 0.5,), bins=(count,))
    if not isinstance(space, spaces.Box) or len(space.shape) != 1:
        raise GaitwayError(f"q_learning observes vectors of numbers, or discrete states; these are {space}")
    size = space.shape[0]
    bins = config.bins * size if len(config.bins) == 1 else config.bins
    lower = config.lower or tuple(space.low.astype(float).tolist())
    upper = config.upper or tuple(space.high.astype(float).tolist())
    for name, given in (("bins", bins), ("lower", lower), ("upper", upper)):
        if len(given) != size:
            raise GaitwayError(f"{name} must name {size} values, one per dimension; got {len(given)}")
    unbounded = [i for i in range(size) if bins[i] > 1 and not np.isfinite([lower[i], upper[i]]).all()]
    if unbounded:
        raise GaitwayError(
            f"dimensions {unbounded} of the observation have no bounds; give --lower and --upper"
        )
    return Grid(lower=lower, upper=upper, bins=bins)

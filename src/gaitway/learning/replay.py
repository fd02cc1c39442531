"""A replay buffer: the newest transitions of many robots, in preallocated tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class Transitions:
    """Sampled transitions of one or several steps. Shapes (n, ...)."""

    obs: torch.Tensor
    action: torch.Tensor
    reward: torch.Tensor
    """Discounted sum over the steps."""
    next_obs: torch.Tensor
    """The observation after the last of the steps; of an episode that ended, its own last one."""
    discount: torch.Tensor
    """Of the value of `next_obs`: discount^steps, 0 where the episode terminated."""
    index: torch.Tensor
    """Where they are in the buffer: row and robot. Shape (n, 2), int."""


class Replay:
    """Holds the last `capacity // num_envs` steps of every robot, as rings over time.

    Attributes:
        written: rows written since the beginning; the newest is row `(written - 1) % rows`.
        rows: how many there are.
    """

    def __init__(
        self,
        capacity: int,
        num_envs: int,
        obs_size: int,
        action_size: int,
        *,
        action_dtype: torch.dtype = torch.float32,
        discount: float,
        n_steps: int = 1,
    ):
        """Allocate.

        Args:
            capacity: transitions, over all robots together.
            num_envs: robots.
            obs_size: length of an observation.
            action_size: length of an action; 1 for a discrete one.
            action_dtype: int64 for discrete actions.
            discount: per step.
            n_steps: steps of a sampled transition; it ends earlier where the episode does.
        """
        self.rows = max(1 + n_steps, capacity // num_envs)
        self.num_envs = num_envs
        self.written = 0
        self._discount, self._n_steps = discount, n_steps
        self.obs = torch.zeros(self.rows, num_envs, obs_size)
        self.next_obs = torch.zeros(self.rows, num_envs, obs_size)
        self.action = torch.zeros(self.rows, num_envs, action_size, dtype=action_dtype)
        self.reward = torch.zeros(self.rows, num_envs)
        self.terminated = torch.zeros(self.rows, num_envs, dtype=torch.bool)
        self.ended = torch.zeros(self.rows, num_envs, dtype=torch.bool)

    def __len__(self) -> int:
        """Transitions held."""
        return min(self.written, self.rows) * self.num_envs

    def add(
        self,
        obs: torch.Tensor,
        action: torch.Tensor,
        reward: torch.Tensor,
        next_obs: torch.Tensor,
        terminated: torch.Tensor,
        truncated: torch.Tensor,
    ) -> None:
        """Take in one step of every robot, in place of the oldest where the buffer is full.

        Args:
            obs: what was acted on. Shape (num_envs, obs_size).
            action: shape (num_envs, action_size).
            reward: shape (num_envs,).
            next_obs: what came of it; where an episode ended, its last observation. Shape (num_envs, obs_size).
            terminated: shape (num_envs,), bool.
            truncated: shape (num_envs,), bool.
        """
        row = self.written % self.rows
        self.obs[row], self.next_obs[row], self.action[row] = obs, next_obs, action
        self.reward[row], self.terminated[row], self.ended[row] = reward, terminated, terminated | truncated
        self.written += 1

    @property
    def columns(self) -> dict[str, torch.Tensor]:
        """All that its rows hold, by name. Shapes (rows, num_envs, ...)."""
        return {
            "obs": self.obs,
            "next_obs": self.next_obs,
            "action": self.action,
            "reward": self.reward,
            "terminated": self.terminated,
            "ended": self.ended,
        }

    def rows_from(self, first: int) -> dict[str, torch.Tensor]:
        """The rows from number `first` on, which it must still hold, oldest first, by name."""
        index = torch.arange(first, self.written) % self.rows
        return {name: column[index] for name, column in self.columns.items()}

    def put_back(self, first: int, rows: dict[str, torch.Tensor]) -> None:
        """Put rows that `rows_from` returned where they were; those it has no place for, newer ones cover."""
        columns = self.columns
        for name, values in rows.items():
            newest = values[-self.rows :]
            end = first + len(values)
            columns[name][torch.arange(end - len(newest), end) % self.rows] = newest

    def sample(self, count: int, generator: torch.Generator) -> Transitions:
        """Draw transitions uniformly, with replacement."""
        held = min(self.written, self.rows)
        age = torch.randint(held, (count,), generator=generator)
        robot = torch.randint(self.num_envs, (count,), generator=generator)
        return self.at((self.written - 1 - age) % self.rows, robot)

    def at(self, row: torch.Tensor, robot: torch.Tensor) -> Transitions:
        """The transitions that begin at the given places. Shapes (n,), int.

        Those of several steps end early where an episode does, and at the newest row.
        """
        reward = self.reward[row, robot].clone()
        last, scale = row.clone(), torch.ones(len(row))
        newest = (self.written - 1) % self.rows
        for _ in range(self._n_steps - 1):
            goes_on = ~self.ended[last, robot] & (last != newest)
            last = torch.where(goes_on, (last + 1) % self.rows, last)
            scale = torch.where(goes_on, scale * self._discount, scale)
            reward += torch.where(goes_on, scale * self.reward[last, robot], 0.0)
        alive = (~self.terminated[last, robot]).float()
        return Transitions(
            obs=self.obs[row, robot],
            action=self.action[row, robot],
            reward=reward,
            next_obs=self.next_obs[last, robot],
            discount=scale * self._discount * alive,
            index=torch.stack([row, robot], dim=1),
        )

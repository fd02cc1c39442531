"""A replay buffer: the newest transitions of many robots, in preallocated tensors."""

from __future__ import annotations

from dataclasses import dataclass

import torch

_STORED = ("obs", "next_obs", "action", "reward", "terminated", "ended")


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
        shape = (self.rows, num_envs)  # never read before it is written, and no memory until then
        self.obs = torch.empty(*shape, obs_size)
        self.next_obs = torch.empty(*shape, obs_size)
        self.action = torch.empty(*shape, action_size, dtype=action_dtype)
        self.reward = torch.empty(shape)
        self.terminated = torch.empty(shape, dtype=torch.bool)
        self.ended = torch.empty(shape, dtype=torch.bool)
        self._flat = {name: getattr(self, name).flatten(0, 1) for name in _STORED}

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
        return {name: getattr(self, name) for name in _STORED}

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
        place = torch.randint(len(self), (count,), generator=generator)
        return self._at(place)

    def at(self, row: torch.Tensor, robot: torch.Tensor) -> Transitions:
        """The transitions that begin at the given places. Shapes (n,), int.

        Those of several steps end early where an episode does, and at the newest row.
        """
        return self._at(row * self.num_envs + robot)

    def _at(self, place: torch.Tensor) -> Transitions:
        """The transitions that begin at the given places, counted through rows and robots. Shape (n,), int."""
        reward, last, discount = self._flat["reward"][place], place, torch.full(place.shape, self._discount)
        if self._n_steps > 1:
            reward, last, discount = self._accumulate(place, reward)
        discount = discount.masked_fill_(self._flat["terminated"][last], 0.0)
        return Transitions(
            obs=self._flat["obs"].index_select(0, place),
            action=self._flat["action"].index_select(0, place),
            reward=reward,
            next_obs=self._flat["next_obs"].index_select(0, last),
            discount=discount,
            index=torch.stack([place // self.num_envs, place % self.num_envs], dim=1),
        )

    def _accumulate(
        self, place: torch.Tensor, reward: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Discounted sums of several rewards, the places of the last ones, and the discount behind them."""
        reward_at, ended_at = self._flat["reward"], self._flat["ended"]
        last, scale = place, torch.ones(place.shape)
        newest = (self.written - 1) % self.rows
        for _ in range(self._n_steps - 1):
            goes_on = ~ended_at[last] & (last // self.num_envs != newest)
            last = torch.where(goes_on, (last + self.num_envs) % len(reward_at), last)
            scale = torch.where(goes_on, scale * self._discount, scale)
            reward = reward + torch.where(goes_on, scale * reward_at[last], 0.0)
        return reward, last, scale * self._discount

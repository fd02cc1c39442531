"""Tabular Q-learning (Watkins 1989): values of actions in cells of what is observed, in plain numpy.

It learns as well on a robot as in simulation, from one robot or from many at once, and needs no more than a table.
"""

from __future__ import annotations

import json
import math
import textwrap
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import safetensors
import safetensors.numpy

from gaitway.files import write_atomically
from gaitway.policy.spec import PolicyError

MAX_CELLS = 10_000_000
"""Greater tables are refused: nobody visits so many cells."""
_RATE_EXPONENT = 0.8  # of visits; from 0.5 to 1 for convergence, best near here (Even-Dar and Mansour 2003)
_METADATA_KEY = "gaitway"


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Cuts a box of observations into cells: each dimension into bins of equal width, what lies outside into the outermost.

    A dimension of one bin is not looked at.
    """

    lower: tuple[float, ...]
    """Where the first bin of each dimension begins, in the observation's units."""
    upper: tuple[float, ...]
    """Where the last one ends."""
    bins: tuple[int, ...]
    """How many there are."""

    def __post_init__(self) -> None:
        if not len(self.lower) == len(self.upper) == len(self.bins):
            raise PolicyError(
                f"a grid needs bounds and bins for every dimension; got {len(self.lower)} lower and "
                f"{len(self.upper)} upper bounds and {len(self.bins)} numbers of bins"
            )
        for index, (lower, upper, bins) in enumerate(zip(self.lower, self.upper, self.bins, strict=True)):
            if bins < 1 or (bins > 1 and not -np.inf < lower < upper < np.inf):
                raise PolicyError(
                    f"dimension {index} needs at least 1 bin, and finite bounds where it has more; "
                    f"got {bins} from {lower} to {upper}"
                )
        if self.num_cells > MAX_CELLS:
            cells = textwrap.shorten(" x ".join(map(str, self.bins)), 60)
            raise PolicyError(f"{cells} cells are too many (at most {MAX_CELLS:,}); take fewer bins")

    @property
    def num_cells(self) -> int:
        """How many cells there are."""
        return math.prod(self.bins)

    @property
    def strides(self) -> tuple[int, ...]:
        """What one bin further in each dimension adds to the number of a cell; the last dimension runs fastest."""
        return tuple(int(np.prod(self.bins[i + 1 :])) for i in range(len(self.bins)))

    @property
    def scale(self) -> np.ndarray:
        """Bins per unit of each dimension; 0 where there is one bin. Shape (obs_size,)."""
        width = np.subtract(self.upper, self.lower)
        return np.array([n / w if n > 1 else 0.0 for n, w in zip(self.bins, width, strict=True)])

    @property
    def origin(self) -> np.ndarray:
        """Lower bounds; 0 where there is one bin. Shape (obs_size,)."""
        return np.array([low if n > 1 else 0.0 for n, low in zip(self.bins, self.lower, strict=True)])

    def cells(self, obs: np.ndarray) -> np.ndarray:
        """The cells that observations lie in.

        Args:
            obs: shape (n, obs_size), or (n,) where there is one dimension.

        Returns:
            Numbers of cells. Shape (n,).
        """
        values = np.asarray(obs, dtype=np.float64).reshape(-1, len(self.bins))
        place = np.floor((values - self.origin) * self.scale)
        return np.clip(place, 0, np.array(self.bins) - 1).astype(np.int64) @ np.array(self.strides)


class QTable:
    """Learns the values of actions.

    Attributes:
        grid: what observations are told apart.
        value: expected return of each action in each cell. Shape (cells, num_actions).
        visits: how often it was learned from. Shape (cells, num_actions).
        meaning: names of the grid's dimensions, then of the actions; empty where nobody has said.
    """

    def __init__(
        self,
        grid: Grid,
        num_actions: int,
        *,
        discount: float,
        learning_rate: float,
        meaning: tuple[str, ...] = (),
    ):
        """Begin with values of 0.

        Args:
            grid: what observations are told apart.
            num_actions: how many actions there are.
            discount: per step.
            learning_rate: the least step size. That of an action in a cell begins at 1 and falls with its visits v as
                v^-0.8 until there; 0 lets it fall without end, so that values converge.
            meaning: names of the grid's dimensions, then of the actions.
        """
        self.grid, self.meaning = grid, meaning
        self.discount, self.learning_rate = discount, learning_rate
        self.value = np.zeros((grid.num_cells, num_actions))
        self.visits = np.zeros((grid.num_cells, num_actions), dtype=np.int64)

    def act(self, obs: np.ndarray, epsilon: float, rng: np.random.Generator) -> np.ndarray:
        """Best known actions, some replaced by random ones.

        Args:
            obs: observations. Shape (n, obs_size).
            epsilon: share of random actions.
            rng: source of the draws.

        Returns:
            Actions. Shape (n,).
        """
        best = self.value[self.grid.cells(obs)].argmax(axis=1)
        explores = rng.random(len(best)) < epsilon
        return np.where(explores, rng.integers(self.value.shape[1], size=len(best)), best)

    def update(
        self,
        obs: np.ndarray,
        action: np.ndarray,
        reward: np.ndarray,
        next_obs: np.ndarray,
        terminated: np.ndarray,
    ) -> float:
        """Learn from one step of each of n robots.

        Where several took the same action in the same cell, its value moves to the mean of their targets as far as if
        they had come one after another.

        Args:
            obs: what was acted on. Shape (n, obs_size).
            action: shape (n,), int.
            reward: shape (n,).
            next_obs: what came of it; where an episode ended, its last observation. Shape (n, obs_size).
            terminated: episodes that ended for good, not by a time limit. Shape (n,), bool.

        Returns:
            Mean absolute error of the values before.
        """
        later = self.value[self.grid.cells(next_obs)].max(axis=1)
        target = reward + self.discount * np.where(terminated, 0.0, later)
        place = self.grid.cells(obs) * self.value.shape[1] + action
        value, visits = self.value.reshape(-1), self.visits.reshape(-1)
        error = float(np.abs(target - value[place]).mean())
        places, index, count = np.unique(place, return_inverse=True, return_counts=True)
        mean_target = np.bincount(index, target) / count
        rate = np.maximum(self.learning_rate, (1.0 + visits[places]) ** -_RATE_EXPONENT)
        value[places] += (1.0 - (1.0 - rate) ** count) * (mean_target - value[places])
        visits[places] += count
        return error

    def save(self, path: Path | str) -> None:
        """Write everything to a safetensors file, atomically."""
        facts = {
            "discount": self.discount,
            "learning_rate": self.learning_rate,
            "grid": vars(self.grid),
            "meaning": self.meaning,
        }
        write_atomically(
            path,
            safetensors.numpy.save(
                {"value": self.value, "visits": self.visits}, metadata={_METADATA_KEY: json.dumps(facts)}
            ),
        )

    @classmethod
    def load(cls, path: Path | str) -> QTable:
        """Read what `save` wrote.

        Raises:
            PolicyError: there is no such file, or it holds something else.
        """
        try:
            with safetensors.safe_open(path, framework="numpy") as file:
                arrays = {name: file.get_tensor(name) for name in ("value", "visits")}
                facts = json.loads((file.metadata() or {})[_METADATA_KEY])
            grid = Grid(**{name: tuple(values) for name, values in facts["grid"].items()})
            table = cls(
                grid,
                arrays["value"].shape[1],
                discount=facts["discount"],
                learning_rate=facts["learning_rate"],
                meaning=tuple(facts["meaning"]),
            )
            table.value[:], table.visits[:] = arrays["value"], arrays["visits"]
        except (safetensors.SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            raise PolicyError(f"{path} is no table of Q-learning: {error}") from error
        return table

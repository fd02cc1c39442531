"""How often a learner of discrete actions tries another than the best known."""

from __future__ import annotations

from dataclasses import dataclass

from gaitway.errors import GaitwayError


@dataclass(frozen=True, kw_only=True)
class ExplorationConfig:
    """How often an action is drawn at random instead of being the best known."""

    epsilon_start: float = 1.0
    """Share of random actions in the beginning."""
    epsilon_end: float = 0.05
    """Share of random actions after `epsilon_steps`."""
    epsilon_steps: int = 100_000
    """Environment steps, over all robots, in which the share of random actions falls linearly."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.epsilon_end <= self.epsilon_start <= 1.0:
            raise GaitwayError(
                f"expected 0 <= epsilon_end <= epsilon_start <= 1; got {self.epsilon_end}, {self.epsilon_start}"
            )
        if self.epsilon_steps < 1:
            raise GaitwayError(f"epsilon_steps must be at least 1; got {self.epsilon_steps}")

    def epsilon(self, env_steps: int) -> float:
        """Share of random actions after so many environment steps, over all robots."""
        fallen = min(1.0, env_steps / self.epsilon_steps)
        return self.epsilon_start + (self.epsilon_end - self.epsilon_start) * fallen

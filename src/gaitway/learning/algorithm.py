"""What the trainer asks of every algorithm."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, Generic, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.replay import Replay
from gaitway.policy import PolicyBatch
from gaitway.tasks import TaskMirror

State = tuple[dict[str, torch.Tensor], dict[str, Any]]
"""Everything that the next iteration depends on: tensors by name, and plain JSON values."""

Act = Callable[[np.ndarray], np.ndarray]
"""From observations (num_envs, obs_size) to actions (num_envs, ...), one control step after another."""


class Policy(nn.Module, ABC):
    """What an algorithm trains, networks that serve only its training included."""

    state_size: int = 0
    """Length of the state that the network carries from one step to the next; 0 where it carries none."""

    @abstractmethod
    def deployed(self) -> nn.Module:
        """What a policy file holds: from raw observations (n, obs_size) to actions (n, action_size).

        With a state: from observations and states (n, state_size) to actions and the next states.
        """

    def batch(self) -> PolicyBatch:
        """What is deployed, to act on many robots."""
        network, recurrent = self.deployed(), self.state_size > 0

        @torch.no_grad()
        def advance(obs: np.ndarray, state: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            seen = torch.from_numpy(np.asarray(obs, dtype=np.float32))
            if not recurrent:
                return network(seen).numpy(), state
            action, next_state = network(seen, torch.from_numpy(state))
            return action.numpy(), next_state.numpy()

        return PolicyBatch(advance, (self.state_size,))


PolicyT = TypeVar("PolicyT", bound=Policy)


class Algorithm(ABC, Generic[PolicyT]):
    """Learns from a vector environment with SAME_STEP autoreset, one iteration after another.

    The constructor takes the algorithm's settings, the environment, a seed of all its randomness, and the reflections
    of the task where it has them; it begins the first episodes.

    A replay buffer is too large to be written whole again and again. An algorithm that has one calls it `replay` and
    leaves its rows, and how many were written, out of `state_dict`: the checkpoint writes the rows that are new, and
    fills `replay` again before it calls `load_state_dict`. What changes in rows that were written before, such as
    priorities, is part of `state_dict`.
    """

    name: ClassVar[str]
    """What `--algo` calls it."""
    summary: ClassVar[str]
    """One line for `gaitway list algorithms`."""
    settings_type: ClassVar[type]
    """The frozen dataclass of its settings."""
    discrete: ClassVar[bool] = False
    """Whether it chooses among discrete actions; the others give vectors of numbers."""
    tabular: ClassVar[bool] = False
    """Whether it tells discrete observations apart by their number; the others need one-hot vectors."""

    env: VectorEnv
    policy: PolicyT
    replay: Replay | None = None
    """The replay buffer, of an algorithm that has one."""

    @abstractmethod
    def __init__(self, config: Any, env: VectorEnv, seed: int, mirror: TaskMirror | None = None): ...

    @property
    @abstractmethod
    def steps_per_iteration(self) -> int:
        """Environment steps in one iteration, over all robots."""

    @abstractmethod
    def iterate(self) -> dict[str, float]:
        """Collect experience and learn from it.

        Returns:
            Means over the iteration: `return`, `length` and `survival` of the episodes that ended in it (absent when
            none did), `reward` per step, the environment's own metrics, and what the updates say of themselves.
        """

    @abstractmethod
    def state_dict(self) -> State:
        """What a checkpoint holds; the tensors of `policy` below the prefix "policy."."""

    @abstractmethod
    def load_state_dict(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned, to the same bits.

        An environment that could not be saved has begun new episodes (`load_env_state` returns False); what belongs to
        the old ones is then left as the constructor made it.
        """

    def evaluator(self) -> Act:
        """The policy without exploration, for episodes that begin now.

        Where actions are discrete, it takes the one of the largest output.
        """
        act = self.policy.batch()
        if isinstance(self.env.single_action_space, spaces.Discrete):
            return lambda obs: act(obs).argmax(axis=1)
        return act


class Episodes:
    """Adds up the returns of running episodes, and says how those did that ended."""

    def __init__(self, num_envs: int):
        self.running = np.zeros((2, num_envs))
        """Return and length of each episode so far. Shape (2, num_envs)."""
        self._forget()

    def take(self, reward: np.ndarray, terminated: np.ndarray, truncated: np.ndarray) -> None:
        """Take in one step of all robots. Shapes (num_envs,)."""
        self.running += reward, np.ones_like(reward)
        ended = terminated | truncated
        if ended.any():
            self._ended.append(self.running[:, ended])
            self._truncations += int((truncated & ~terminated).sum())
            self.running[:, ended] = 0.0

    def summary(self) -> dict[str, float]:
        """Of the episodes that ended since the last call: mean return and length, and the share that did not fail."""
        if not self._ended:
            return {}
        returns, lengths = np.concatenate(self._ended, axis=1)
        survival = self._truncations / len(returns)
        self._forget()
        return {"return": float(returns.mean()), "length": float(lengths.mean()), "survival": survival}

    def _forget(self) -> None:
        self._ended: list[np.ndarray] = []
        self._truncations = 0


def env_state(env: VectorEnv) -> dict[str, torch.Tensor]:
    """What the environment's next steps depend on, where it can say so, by name below "env."."""
    if not hasattr(env, "state_dict"):
        return {}
    return {f"env.{name}": torch.from_numpy(value) for name, value in env.state_dict().items()}  # type: ignore[attr-defined]


def load_env_state(env: VectorEnv, tensors: dict[str, torch.Tensor]) -> bool:
    """Let the environment continue from what `env_state` returned; False where that was nothing."""
    state = {name: value.numpy() for name, value in below("env.", tensors).items()}
    if state:
        getattr(env, "load_state_dict")(state)  # noqa: B009 (not in Gymnasium's interface)
    return bool(state)


def require_continuous(algo: str, env: VectorEnv) -> None:
    """Refuse an environment whose actions are not vectors of numbers.

    Raises:
        GaitwayError: with what its actions are.
    """
    if not isinstance(env.single_action_space, spaces.Box):
        raise GaitwayError(
            f"{algo} needs continuous actions; those of this task are {env.single_action_space}"
        )


def optimizer_state(prefix: str, optimizer: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    """The tensors of an optimiser, by name below `prefix`."""
    return {
        f"{prefix}{index}.{name}": value
        for index, state in optimizer.state_dict()["state"].items()
        for name, value in state.items()
    }


def load_optimizer_state(
    prefix: str, optimizer: torch.optim.Optimizer, tensors: dict[str, torch.Tensor]
) -> None:
    """Let an optimiser continue from what `optimizer_state` returned."""
    whole = optimizer.state_dict()
    states = {index: below(f"{prefix}{index}.", tensors) for index in whole["param_groups"][0]["params"]}
    whole["state"] = {index: state for index, state in states.items() if state}
    optimizer.load_state_dict(whole)


def below(prefix: str, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}

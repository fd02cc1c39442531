"""What algorithms share that learn continuous actions from a replay buffer: collecting, and when to update.

An iteration is `rollout_steps` control steps of every robot. After each, as many gradient steps follow as
`updates_per_step` asks for. Actions are kept in [-1, 1], as networks and buffer see them, and are scaled to the
environment's bounds on the way out.
"""

from __future__ import annotations

from abc import abstractmethod
from collections import defaultdict
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv

from gaitway.errors import GaitwayError
from gaitway.learning.actors import ActionScale
from gaitway.learning.algorithm import (
    Algorithm,
    Episodes,
    Policy,
    State,
    below,
    env_state,
    load_env_state,
    load_optimizer_state,
    optimizer_state,
)
from gaitway.learning.collecting import critic_obs, final_critic_obs, one_thread
from gaitway.learning.replay import Replay, Transitions
from gaitway.tasks import TaskMirror


@dataclass(frozen=True, kw_only=True)
class OffPolicyConfig:
    """Settings of algorithms that learn from a replay buffer."""

    hidden: tuple[int, ...] = (256, 256)
    """Widths of the hidden layers of actor and critics."""
    learning_rate: float = 3e-4
    """Step size of Adam."""
    batch_size: int = 256
    """Transitions in one gradient step."""
    updates_per_step: float = 1.0
    """Gradient steps per environment step, steps being counted over all robots together."""
    buffer_size: int = 1_000_000
    """Newest transitions kept, over all robots together; memory is taken as they come."""
    warmup_steps: int = 1_000
    """Environment steps of uniformly random actions, over all robots together, before learning begins."""
    rollout_steps: int = 100
    """Control steps of each robot in one iteration, after which curves have a point."""
    discount: float = 0.99
    """Discount per control step."""
    n_steps: int = 1
    """Control steps of reward that a target sums up before it relies on the critics."""
    target_rate: float = 0.005
    """Share of the way that target networks move towards the trained ones in each gradient step."""
    action_bound: float | None = None
    """Largest action, in the environment's units; where none is given, the environment's own bounds."""

    def __post_init__(self) -> None:
        for name in ("batch_size", "buffer_size", "rollout_steps", "n_steps"):
            if getattr(self, name) < 1:
                raise GaitwayError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("learning_rate", "updates_per_step"):
            if not getattr(self, name) > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")
        if self.warmup_steps < 0:
            raise GaitwayError(f"warmup_steps must not be negative; got {self.warmup_steps}")
        if not 0.0 <= self.discount <= 1.0:
            raise GaitwayError(f"discount must be from 0 to 1; got {self.discount}")
        if not 0.0 < self.target_rate <= 1.0:
            raise GaitwayError(f"target_rate must be above 0 and at most 1; got {self.target_rate}")
        if self.action_bound is not None and not self.action_bound > 0.0:
            raise GaitwayError(f"action_bound must be above 0; got {self.action_bound}")
        if not self.hidden or min(self.hidden) < 1:
            raise GaitwayError(f"hidden must be widths of at least 1; got {self.hidden}")


Config = TypeVar("Config", bound=OffPolicyConfig)
Networks = TypeVar("Networks", bound=Policy)


class OffPolicy(Algorithm[Networks], Generic[Config, Networks]):
    """Collects experience into a replay buffer, and says when to learn from it.

    An algorithm makes its networks in `_make_policy` and its optimisers in `_make_optimizers`, and says in `_explore`
    how it acts and in `_update` how it learns.
    """

    replay: Replay

    def __init__(self, config: Config, env: VectorEnv, seed: int, mirror: TaskMirror | None = None):
        """Make networks, optimisers and buffer, and begin the first episodes.

        Args:
            config: settings.
            env: any vector environment with SAME_STEP autoreset and continuous actions. Where it has a
                `privileged_size`, the critics see `infos["privileged"]` too; where it has `metrics`, scalars by
                name, their means are reported.
            seed: of weights, exploration and samples.
            mirror: the reflections of the task; not used.

        Raises:
            GaitwayError: the environment's actions are not continuous or not bounded.
        """
        self.config = config
        self.env = env
        self.generator = torch.Generator().manual_seed(seed)
        self.scale = ActionScale.of(env.single_action_space, config.action_bound)
        self._obs_size = spaces.flatdim(env.single_observation_space)
        self._action_size = len(self.scale.center)
        self._critic_size = self._obs_size + getattr(env, "privileged_size", 0)
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.policy = self._make_policy()
        self.optimizers = self._make_optimizers()
        self.replay = Replay(  # pyright: ignore[reportIncompatibleVariableOverride]
            config.buffer_size, env.num_envs, self._critic_size, self._action_size,
            discount=config.discount, n_steps=config.n_steps,
        )  # fmt: skip
        obs, infos = env.reset(seed=seed, options={"desynchronize": True})
        self.critic_obs = critic_obs(obs, infos)
        self.episodes = Episodes(env.num_envs)
        self.env_steps = 0
        """Environment steps so far, over all robots."""
        self.updates = 0
        """Gradient steps so far."""

    @abstractmethod
    def _make_policy(self) -> Networks:
        """The networks; torch's global generator is seeded for their initial weights."""

    @abstractmethod
    def _make_optimizers(self) -> dict[str, torch.optim.Optimizer]:
        """The optimisers, by names for the checkpoint."""

    @abstractmethod
    def _explore(self, obs: torch.Tensor) -> torch.Tensor:
        """Actions in [-1, 1] to gather experience with, shape (num_envs, action_size), without gradients."""

    @abstractmethod
    def _update(self, batch: Transitions) -> dict[str, torch.Tensor]:
        """One gradient step; returns what to report of it, scalars by name."""

    def _see(self, critic_obs: torch.Tensor) -> None:
        """Take notice of observations as they come. Shape (num_envs, critic_size)."""

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps in one iteration."""
        return self.config.rollout_steps * self.env.num_envs

    def iterate(self) -> dict[str, float]:
        """Collect experience and learn from it."""
        totals: dict[str, float] = defaultdict(float)
        reports: dict[str, list[torch.Tensor]] = defaultdict(list)
        for _ in range(self.config.rollout_steps):
            with one_thread():
                self._collect(totals)
            for _ in range(self._updates_due()):
                batch = self.replay.sample(self.config.batch_size, self.generator)
                for name, value in self._update(batch).items():
                    reports[name].append(value)
                self.updates += 1
        metrics = {name: total / self.config.rollout_steps for name, total in totals.items()}
        metrics |= self.episodes.summary()
        return metrics | {name: float(torch.stack(values).mean()) for name, values in reports.items()}

    def state_dict(self) -> State:
        """What a checkpoint holds."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        for name, optimizer in self.optimizers.items():
            tensors |= optimizer_state(f"{name}_optimizer.", optimizer)
        tensors |= env_state(self.env)
        tensors["critic_obs"] = self.critic_obs
        tensors["episodes"] = torch.from_numpy(self.episodes.running)
        tensors["generator"] = self.generator.get_state()
        return tensors, {"env_steps": self.env_steps, "updates": self.updates}

    def load_state_dict(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.policy.load_state_dict(below("policy.", tensors))
        for name, optimizer in self.optimizers.items():
            load_optimizer_state(f"{name}_optimizer.", optimizer, tensors)
        if load_env_state(self.env, tensors):
            self.critic_obs = tensors["critic_obs"].clone()
            self.episodes.running[:] = tensors["episodes"].numpy()
        self.generator.set_state(tensors["generator"])
        self.env_steps, self.updates = values["env_steps"], values["updates"]

    @torch.no_grad()
    def _collect(self, totals: dict[str, float]) -> None:
        """Take one control step with every robot, and add what it was like to `totals`."""
        self._see(self.critic_obs)
        action = self._action()
        obs, reward, terminated, truncated, infos = self.env.step(self.scale(action).numpy())
        new_obs = last_obs = critic_obs(obs, infos)
        if (ended := terminated | truncated).any():
            which = torch.from_numpy(ended.nonzero()[0])
            last_obs = new_obs.index_copy(0, which, final_critic_obs(infos, ended))
        self.replay.add(
            self.critic_obs,
            action,
            torch.from_numpy(np.asarray(reward, dtype=np.float32)),
            last_obs,
            torch.from_numpy(terminated),
            torch.from_numpy(truncated),
        )
        self.episodes.take(reward, terminated, truncated)
        self.critic_obs = new_obs
        self.env_steps += self.env.num_envs
        totals["reward"] += float(reward.mean())
        for name, value in getattr(self.env, "metrics", {}).items():
            totals[name] += value

    def _action(self) -> torch.Tensor:
        if self.env_steps < self.config.warmup_steps:
            shape = (self.env.num_envs, self._action_size)
            return torch.rand(shape, generator=self.generator) * 2.0 - 1.0
        return self._explore(self.critic_obs[:, : self._obs_size])

    def _updates_due(self) -> int:
        learning_steps = max(0, self.env_steps - self.config.warmup_steps)
        return int(learning_steps * self.config.updates_per_step) - self.updates


def descend(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """Step the optimiser's parameters against their gradient; that of others is not computed."""
    parameters = optimizer.param_groups[0]["params"]
    for parameter in parameters:  # what zero_grad does, without its profiling
        parameter.grad = None
    loss.backward(inputs=parameters)
    optimizer.step()

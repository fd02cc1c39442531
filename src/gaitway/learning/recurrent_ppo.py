"""PPO whose actor and critic remember, for tasks in which one observation does not say all.

A rollout is learned from as one sequence per robot: gradients go back to its first step and not beyond, nor beyond the
beginning of an episode, and a minibatch is the whole rollouts of some robots. The memories that a rollout begins with
are those in which the last one ended, left by older weights.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from gymnasium.vector import VectorEnv

from gaitway.errors import GaitwayError
from gaitway.learning.algorithm import State
from gaitway.learning.ppo import FinalObs, ProximalConfig, ProximalOptimization
from gaitway.learning.recurrent_networks import RecurrentActorCritic
from gaitway.learning.rollout import Samples
from gaitway.tasks import TaskMirror


@dataclass(frozen=True, kw_only=True)
class RecurrentPPOConfig(ProximalConfig):
    """Settings of recurrent PPO."""

    memory: int = 128
    """Width of the gated recurrent units in front of actor and critic."""
    hidden: tuple[int, ...] = (128, 64)
    """Widths of the hidden layers behind them."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.memory < 1:
            raise GaitwayError(f"memory must be at least 1; got {self.memory}")


@dataclass(frozen=True)
class Sequences(Samples):
    """Samples in their order; time first. Shapes (steps, n, ...) but for the memories."""

    ended: torch.Tensor
    """Whether an episode ended in the step. Shape (steps, n, 1), bool."""
    actor_memory: torch.Tensor
    """Before the first step. Shape (n, memory)."""
    critic_memory: torch.Tensor
    """Before the first step. Shape (n, memory)."""

    def minibatches(self, count: int, generator: torch.Generator) -> list[Samples]:
        """The whole sequences of robots in a random order, in parts of nearly equal size."""
        order = torch.randperm(len(self.actor_memory), generator=generator)
        return [self.of(robots) for robots in order.chunk(count)]

    def of(self, robots: torch.Tensor) -> Sequences:
        """The sequences of some robots. Shape (n,), int."""
        dims = {field.name: 0 if field.name.endswith("memory") else 1 for field in fields(self)}
        return Sequences(
            **{name: getattr(self, name).index_select(dim, robots) for name, dim in dims.items()}
        )


class RecurrentPPO(ProximalOptimization[RecurrentActorCritic]):
    """Trains a Gaussian actor-critic with gated recurrent units. It is not symmetric: mirrors are ignored."""

    name = "recurrent_ppo"
    summary = "PPO with a memory (GRU), for what one observation does not say"
    settings_type = RecurrentPPOConfig

    def __init__(
        self, config: RecurrentPPOConfig, env: VectorEnv, seed: int, mirror: TaskMirror | None = None
    ):
        super().__init__(config, env, seed, mirror)
        self.actor_memory = torch.zeros(env.num_envs, config.memory)
        """Before the next step. Shape (num_envs, memory)."""
        self.critic_memory = torch.zeros(env.num_envs, config.memory)
        """Before the next step. Shape (num_envs, memory)."""
        self._before = self.actor_memory, self.critic_memory

    def state_dict(self) -> State:
        """What a checkpoint holds."""
        tensors, values = super().state_dict()
        return tensors | {"actor_memory": self.actor_memory, "critic_memory": self.critic_memory}, values

    def _load_episodes(self, tensors: dict[str, torch.Tensor]) -> None:
        super()._load_episodes(tensors)
        self.actor_memory = tensors["actor_memory"].clone()
        self.critic_memory = tensors["critic_memory"].clone()

    def _make_policy(
        self, obs_size: int, privileged_size: int, action_size: int, mirror: TaskMirror | None
    ) -> RecurrentActorCritic:
        config = self.config
        return RecurrentActorCritic(
            obs_size, privileged_size, action_size, config.memory, config.hidden, config.init_std
        )

    def _collect(self) -> tuple[dict[str, float], FinalObs]:
        self._before = self.actor_memory, self.critic_memory
        return super()._collect()

    def _mean_action(self) -> torch.Tensor:
        mean, self.actor_memory = self.policy(self.critic_obs[:, : self._obs_size], self.actor_memory)
        return mean

    def _note_ended(self, ended: torch.Tensor) -> None:
        self.actor_memory = self.actor_memory.masked_fill(ended.bool().unsqueeze(-1), 0.0)

    def _values(
        self, critic_obs: torch.Tensor, final_obs: FinalObs
    ) -> tuple[torch.Tensor, list[torch.Tensor], torch.Tensor]:
        policy, normalizer, ended = self.policy, self.policy.normalizer, self._ended()
        value, memories = policy.values(critic_obs, self._before[1], ended)
        final_values = [
            policy.value(normalizer(last), memories[t, torch.from_numpy(cut_off)])
            for t, cut_off, last in final_obs
        ]
        self.critic_memory = memories[-1].masked_fill(ended[-1], 0.0)
        return value, final_values, policy.value(normalizer(self.critic_obs), self.critic_memory)

    def _samples(self, final_obs: FinalObs) -> tuple[Sequences, torch.Tensor]:
        samples, std = super()._samples(final_obs)
        shape = self.rollout.reward.shape
        whole = {field.name: getattr(samples, field.name).unflatten(0, shape) for field in fields(samples)}
        actor_memory, critic_memory = self._before
        return Sequences(
            **whole, ended=self._ended(), actor_memory=actor_memory, critic_memory=critic_memory
        ), std

    def _evaluate(self, batch: Sequences) -> tuple[torch.Tensor, torch.Tensor]:
        mean = self.policy.means(batch.critic_obs[..., : self._obs_size], batch.actor_memory, batch.ended)
        value, _ = self.policy.values(batch.critic_obs, batch.critic_memory, batch.ended)
        return mean, value

    def _ended(self) -> torch.Tensor:
        """Whether an episode ended, as `remember` takes it. Shape (steps, num_envs, 1), bool."""
        return self.rollout.ended.bool().unsqueeze(-1)

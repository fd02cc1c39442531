"""Deep Q-learning (Mnih et al. 2015) for many robots, with the improvements that have lasted.

Double Q-learning (van Hasselt et al. 2016), duelling networks (Wang et al. 2016), returns of several steps and
prioritised replay (Schaul et al. 2016), each of which a setting turns off. All robots act at once, epsilon-greedily;
after every `update_every` control steps of theirs come `updates` gradient steps.
"""

from __future__ import annotations

import copy
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from torch import nn

from gaitway.errors import GaitwayError
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
from gaitway.learning.discrete import discrete_actions, final_observations
from gaitway.learning.networks import mlp
from gaitway.learning.normalizer import Normalizer
from gaitway.learning.prioritized import PrioritizedReplay
from gaitway.learning.replay import Replay, Transitions
from gaitway.policy.exploration import ExplorationConfig
from gaitway.tasks import TaskMirror


@dataclass(frozen=True, kw_only=True)
class DQNConfig(ExplorationConfig):
    """Settings of DQN."""

    hidden: tuple[int, ...] = (128, 128)
    """Widths of the hidden layers; of a duelling network, the last is that of each of its two streams."""
    double: bool = True
    """Whether the online network chooses the action whose target value counts, which keeps values from growing."""
    dueling: bool = True
    """Whether the network computes the value of a state and the advantages of actions apart."""
    n_steps: int = 3
    """Steps of reward before the target network's value; 1 for the plain algorithm."""
    prioritized: bool = True
    """Whether transitions that surprised are sampled more often."""
    priority_exponent: float = 0.6
    """How much priorities count: 0 samples uniformly, 1 in proportion to the error."""
    importance_exponent: float = 0.4
    """How much of the bias of prioritised sampling the weights take away in the beginning, 0 to 1."""
    importance_steps: int = 500_000
    """Environment steps, over all robots, in which this rises linearly to 1."""
    normalize: bool = True
    """Whether observations are scaled to zero mean and unit variance, and clipped to ten deviations."""
    rollout_steps: int = 32
    """Control steps of each robot in one iteration."""
    update_every: int = 1
    """Control steps of each robot between two updates."""
    updates: int = 1
    """Gradient steps in one update."""
    learning_starts: int = 5_000
    """Environment steps, over all robots, before the first update."""
    replay_capacity: int = 200_000
    """Transitions kept, over all robots."""
    batch_size: int = 128
    """Transitions in one gradient step."""
    learning_rate: float = 5e-4
    """Step size of Adam."""
    target_every: int = 250
    """Gradient steps between two copies of the network to the target network."""
    discount: float = 0.99
    """Discount per control step."""
    max_grad_norm: float = 10.0
    """Gradients are scaled down to this norm."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.hidden or min(self.hidden) < 1:
            raise GaitwayError(f"hidden must name at least one width, each at least 1; got {self.hidden}")
        counts = ("n_steps", "rollout_steps", "update_every", "updates", "batch_size", "target_every")
        for name in (*counts, "importance_steps"):
            if getattr(self, name) < 1:
                raise GaitwayError(f"{name} must be at least 1; got {getattr(self, name)}")
        for name in ("learning_rate", "max_grad_norm"):
            if not getattr(self, name) > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")
        for name in ("priority_exponent", "importance_exponent", "discount"):
            if not 0.0 <= getattr(self, name) <= 1.0:
                raise GaitwayError(f"{name} must be from 0 to 1; got {getattr(self, name)}")
        if self.learning_starts < 0:
            raise GaitwayError(f"learning_starts must not be negative; got {self.learning_starts}")
        if self.replay_capacity < self.batch_size:
            raise GaitwayError(
                f"replay_capacity must be at least batch_size, {self.batch_size}; got {self.replay_capacity}"
            )


class QNetwork(nn.Module):
    """Values of all actions from normalised observations, in a duelling network Q = V + A - mean of A."""

    def __init__(self, obs_size: int, num_actions: int, hidden: tuple[int, ...], dueling: bool):
        super().__init__()
        *shared, width = hidden
        self._width = width
        streams = 2 if dueling else 1
        self.features = mlp([obs_size, *shared, streams * width], output_gain=2.0**0.5).append(
            nn.ELU(inplace=True)
        )
        self.value = mlp([width, 1], output_gain=1.0) if dueling else None
        self.advantage = mlp([width, num_actions], output_gain=0.01)

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Values. Shape (n, num_actions)."""
        features = self.features(obs)
        if self.value is None:
            return self.advantage(features)
        advantage = self.advantage(features[:, self._width :])
        return self.value(features[:, : self._width]) + advantage - advantage.mean(dim=1, keepdim=True)

    @torch.no_grad()
    def plain(self) -> nn.Sequential:
        """The same in ordinary layers: what is linear after the last activation, joined in one layer."""
        if self.value is None:
            return nn.Sequential(*self.features, *self.advantage)
        value, advantage = self.value[0], self.advantage[0]
        assert isinstance(value, nn.Linear)
        assert isinstance(advantage, nn.Linear)
        joined = nn.Linear(2 * self._width, advantage.out_features)
        joined.weight[:, : self._width] = value.weight
        joined.weight[:, self._width :] = advantage.weight - advantage.weight.mean(dim=0)
        joined.bias.copy_(value.bias + advantage.bias - advantage.bias.mean())
        return nn.Sequential(*self.features, joined)


class QPolicy(Policy):
    """A network of action values that is trained, and the older copy of it that it is trained towards."""

    def __init__(self, obs_size: int, num_actions: int, config: DQNConfig):
        super().__init__()
        self.normalizer = Normalizer(obs_size) if config.normalize else nn.Identity()
        self.online = QNetwork(obs_size, num_actions, config.hidden, config.dueling)
        self.target = copy.deepcopy(self.online).requires_grad_(False)

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """Values of all actions from raw observations. Shape (n, num_actions)."""
        return self.online(self.normalizer(obs))

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: normaliser and network, from raw observations to values (n, num_actions)."""
        return copy.deepcopy(nn.Sequential(self.normalizer, *self.online.plain())).eval()

    def update_target(self) -> None:
        """Let the target network be the online network."""
        self.target.load_state_dict(self.online.state_dict())


class DQN(Algorithm[QPolicy]):
    """Trains a network of action values from replayed experience."""

    replay: Replay

    name = "dqn"
    summary = "deep Q-learning: double, duelling, n-step, prioritised; discrete actions"
    settings_type = DQNConfig
    discrete = True

    def __init__(self, config: DQNConfig, env: VectorEnv, seed: int, mirror: TaskMirror | None = None):
        """Make networks, optimiser and buffer, and begin the first episodes.

        Args:
            config: settings.
            env: any vector environment with SAME_STEP autoreset, Box observations and Discrete actions. Where it has
                `metrics`, scalars by name, their means are reported.
            seed: of weights, exploration and sampling.
            mirror: not used.

        Raises:
            GaitwayError: observations or actions are of another kind.
        """
        space = env.single_observation_space
        if not isinstance(space, spaces.Box) or len(space.shape) != 1:
            raise GaitwayError(f"dqn observes vectors of numbers; these are {space}")
        actions = discrete_actions(env, self.name)
        self.config = config
        self.env = env
        self.generator = torch.Generator().manual_seed(seed)
        self._num_actions, self._first_action = int(actions.n), int(actions.start)
        (obs_size,) = space.shape
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.policy = QPolicy(obs_size, self._num_actions, config)
        self.optimizer = torch.optim.Adam(
            self.policy.online.parameters(), lr=config.learning_rate, fused=True
        )
        self.replay = _make_replay(config, env.num_envs, obs_size)  # pyright: ignore[reportIncompatibleVariableOverride]
        self.episodes = Episodes(env.num_envs)
        self.env_steps = 0
        self.updates = 0
        """Gradient steps so far."""
        self.obs = _float32(env.reset(seed=seed, options={"desynchronize": True})[0])

    @property
    def steps_per_iteration(self) -> int:
        """Environment steps in one iteration."""
        return self.config.rollout_steps * self.env.num_envs

    def iterate(self) -> dict[str, float]:
        """Collect experience, and learn from what is in the buffer."""
        config = self.config
        totals: dict[str, float] = defaultdict(float)
        seen: list[torch.Tensor] = []
        learned: list[torch.Tensor] = []
        for _ in range(config.rollout_steps):
            seen.append(self._collect(totals))
            steps = self.env_steps // self.env.num_envs
            if steps % config.update_every == 0 and self.env_steps >= config.learning_starts:
                learned += [self._update() for _ in range(config.updates)]
        if isinstance(self.policy.normalizer, Normalizer):
            self.policy.normalizer.update(torch.cat(seen))
        metrics = {name: total / config.rollout_steps for name, total in totals.items()}
        metrics |= self.episodes.summary() | {"epsilon": config.epsilon(self.env_steps)}
        if learned:
            loss, value = torch.stack(learned).mean(dim=0).tolist()
            metrics |= {"loss": loss, "value": value}
        return metrics

    def state_dict(self) -> State:
        """What a checkpoint holds."""
        tensors = {f"policy.{name}": value for name, value in self.policy.state_dict().items()}
        tensors |= optimizer_state("optimizer.", self.optimizer) | env_state(self.env)
        if isinstance(self.replay, PrioritizedReplay):
            tensors["priority"] = torch.from_numpy(self.replay.tree.values)
        tensors["obs"] = self.obs
        tensors["episodes"] = torch.from_numpy(self.episodes.running)
        tensors["generator"] = self.generator.get_state()
        values = {"env_steps": self.env_steps, "updates": self.updates}
        if isinstance(self.replay, PrioritizedReplay):
            values["greatest_priority"] = self.replay.greatest
        return tensors, values

    def load_state_dict(self, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
        """Continue from what `state_dict` returned."""
        self.policy.load_state_dict(below("policy.", tensors))
        load_optimizer_state("optimizer.", self.optimizer, tensors)
        if load_env_state(self.env, tensors):
            self.obs = tensors["obs"].clone()
            self.episodes.running[:] = tensors["episodes"].numpy()
        self.generator.set_state(tensors["generator"])
        self.env_steps, self.updates = values["env_steps"], values["updates"]
        if isinstance(self.replay, PrioritizedReplay):
            self.replay.tree.fill(tensors["priority"].numpy())
            self.replay.greatest = values["greatest_priority"]

    @torch.no_grad()
    def _act(self) -> torch.Tensor:
        """Best known actions, some replaced by random ones. Shape (num_envs,)."""
        count, generator = self.env.num_envs, self.generator
        explores = torch.rand(count, generator=generator) < self.config.epsilon(self.env_steps)
        anything = torch.randint(self._num_actions, (count,), generator=generator)
        return torch.where(explores, anything, self.policy(self.obs).argmax(dim=1))

    def _collect(self, totals: dict[str, float]) -> torch.Tensor:
        """One control step of every robot, into the buffer; returns what was acted on."""
        before, action = self.obs, self._act()
        obs, reward, terminated, truncated, infos = self.env.step(action.numpy() + self._first_action)
        self.replay.add(
            before,
            action[:, None],
            _float32(reward),
            _float32(final_observations(infos, obs, terminated | truncated)),
            torch.from_numpy(terminated),
            torch.from_numpy(truncated),
        )
        self.env_steps += self.env.num_envs
        self.episodes.take(reward, terminated, truncated)
        totals["reward"] += float(reward.mean())
        for name, value in getattr(self.env, "metrics", {}).items():
            totals[name] += value
        self.obs = _float32(obs)
        return before

    def _update(self) -> torch.Tensor:
        """One gradient step; returns loss and mean value of what was sampled. Shape (2,)."""
        config = self.config
        weight = None
        if isinstance(self.replay, PrioritizedReplay):
            batch, weight = self.replay.sample_by_priority(
                config.batch_size, self.generator, self._importance_exponent()
            )
        else:
            batch = self.replay.sample(config.batch_size, self.generator)
        value = self.policy(batch.obs).gather(1, batch.action)[:, 0]
        target = self._target(batch)
        loss = nn.functional.smooth_l1_loss(value, target, reduction="none")
        loss = (loss if weight is None else weight * loss).mean()
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(self.policy.online.parameters(), config.max_grad_norm)
        self.optimizer.step()
        value = value.detach()
        if isinstance(self.replay, PrioritizedReplay):
            self.replay.set_priority(batch.index, target - value)
        self.updates += 1
        if self.updates % config.target_every == 0:
            self.policy.update_target()
        return torch.stack([loss.detach(), value.mean()])

    @torch.no_grad()
    def _target(self, batch: Transitions) -> torch.Tensor:
        """What the values of the actions taken should be. Shape (n,)."""
        policy = self.policy
        next_obs = policy.normalizer(batch.next_obs)
        value = policy.target(next_obs)
        choice = (policy.online(next_obs) if self.config.double else value).argmax(dim=1, keepdim=True)
        return batch.reward + batch.discount * value.gather(1, choice)[:, 0]

    def _importance_exponent(self) -> float:
        start = self.config.importance_exponent
        return start + (1.0 - start) * min(1.0, self.env_steps / self.config.importance_steps)


def _make_replay(config: DQNConfig, num_envs: int, obs_size: int) -> Replay:
    settings = {"action_dtype": torch.int64, "discount": config.discount, "n_steps": config.n_steps}
    if config.prioritized:
        return PrioritizedReplay(
            config.replay_capacity, num_envs, obs_size, 1, exponent=config.priority_exponent, **settings
        )
    return Replay(config.replay_capacity, num_envs, obs_size, 1, **settings)


def _float32(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, dtype=np.float32))

"""The networks that algorithms share."""

from __future__ import annotations

import itertools
from abc import abstractmethod
from collections.abc import Sequence

import numpy as np
import torch
from torch import nn

from gaitway.learning.algorithm import Policy
from gaitway.learning.normalizer import Normalizer
from gaitway.learning.symmetry import SymmetricMLP
from gaitway.tasks import Mirror, TaskMirror


def mlp(sizes: Sequence[int], output_gain: float) -> nn.Sequential:
    """A multilayer perceptron with ELU between layers and orthogonal weights.

    Args:
        sizes: widths, input to output.
        output_gain: gain of the last layer's initial weights; small for actors, so that training starts
            from the mean action.
    """
    layers: list[nn.Module] = []
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        last = index == len(sizes) - 2
        linear = nn.Linear(fan_in, fan_out)
        nn.init.orthogonal_(linear.weight, output_gain if last else 2.0**0.5)
        nn.init.zeros_(linear.bias)
        layers += [linear] if last else [linear, nn.ELU(inplace=True)]
    return nn.Sequential(*layers)


class GaussianPolicy(Policy):
    """Draws actions from a Gaussian whose deviation is the same everywhere; normalises what its critic sees."""

    normalizer: Normalizer

    @property
    @abstractmethod
    def log_std(self) -> torch.Tensor:
        """Logarithm of each action's standard deviation. Shape (action_size,)."""


class GaussianActorCritic(GaussianPolicy):
    """A Gaussian policy with state-independent deviation, and a value function, over one normaliser.

    The critic sees the observation with the privileged values behind it. With a mirror, the policy of a reflected
    observation is the reflected policy, and the value of both is the same.
    """

    def __init__(
        self,
        obs_size: int,
        privileged_size: int,
        action_size: int,
        hidden: Sequence[int],
        init_std: float,
        mirror: TaskMirror | None = None,
    ):
        super().__init__()
        critic_size = obs_size + privileged_size
        self.normalizer = Normalizer(critic_size, mirror and mirror.critic_obs)
        self._obs_size = obs_size
        if mirror is None:
            self.actor = mlp([obs_size, *hidden, action_size], output_gain=0.01)
            self.critic = mlp([critic_size, *hidden, 1], output_gain=1.0)
            self._order = torch.arange(action_size)
        else:
            same = Mirror(np.zeros(1, dtype=np.int64), np.ones(1))
            self.actor = SymmetricMLP(mirror.obs, hidden, mirror.action, output_gain=0.01)
            self.critic = SymmetricMLP(mirror.critic_obs, hidden, same, output_gain=1.0)
            self._order = torch.from_numpy(mirror.action.order)
        self.log_std_parameter = nn.Parameter(torch.full((action_size,), init_std).log())

    @property
    def log_std(self) -> torch.Tensor:
        """Logarithm of each action's standard deviation, the same on both sides. Shape (action_size,)."""
        return (self.log_std_parameter + self.log_std_parameter[self._order]) / 2.0

    def forward(self, obs: torch.Tensor) -> torch.Tensor:
        """The mean action, which is what a robot runs. Shape (n, action_size)."""
        return self.actor(self.normalizer(obs))

    def value(self, critic_obs: torch.Tensor) -> torch.Tensor:
        """Expected return of critic observations that are already normalised. Shape (n,)."""
        return self.critic(critic_obs).squeeze(-1)

    def deployed(self) -> nn.Sequential:
        """What a policy file holds: normaliser and actor in ordinary layers."""
        return nn.Sequential(self.normalizer.first(self._obs_size), self.plain_actor()).eval()

    def plain_actor(self) -> nn.Sequential:
        """The actor, behind its normaliser, in ordinary layers."""
        return self.actor.plain() if isinstance(self.actor, SymmetricMLP) else self.actor

    def take_over(self, actor: nn.Sequential) -> None:
        """Act as a network in ordinary layers of the same widths does, as near as symmetry allows."""
        if isinstance(self.actor, SymmetricMLP):
            self.actor.take_over(actor)
        else:
            self.actor.load_state_dict(actor.state_dict())

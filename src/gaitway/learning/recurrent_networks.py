"""Networks with a memory: gated recurrent units (Cho et al. 2014) in front of actor and critic."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from gaitway.learning.networks import GaussianPolicy, mlp
from gaitway.learning.normalizer import Normalizer


class RecurrentActor(nn.Module):
    """From raw observations and memories to actions and the next memories: what a robot runs."""

    def __init__(self, normalizer: Normalizer, cell: nn.GRUCell, head: nn.Sequential):
        super().__init__()
        self.normalizer, self.cell, self.head = normalizer, cell, head

    def forward(self, obs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """One step. Shapes (n, obs_size), (n, memory_size) to (n, action_size), (n, memory_size)."""
        memory = self.cell(self.normalizer(obs), memory)
        return self.head(memory), memory


class RecurrentActorCritic(GaussianPolicy):
    """A Gaussian policy and a value function that remember, each with a memory of its own, over one normaliser.

    The critic sees the observation with the privileged values behind it. Methods take what is normalised already,
    except `forward`.
    """

    def __init__(
        self,
        obs_size: int,
        privileged_size: int,
        action_size: int,
        memory_size: int,
        hidden: Sequence[int],
        init_std: float,
    ):
        super().__init__()
        critic_size = obs_size + privileged_size
        self.state_size = memory_size
        self._obs_size = obs_size
        self.normalizer = Normalizer(critic_size)
        self.actor_cell = gru_cell(obs_size, memory_size)
        self.actor = mlp([memory_size, *hidden, action_size], output_gain=0.01)
        self.critic_cell = gru_cell(critic_size, memory_size)
        self.critic = mlp([memory_size, *hidden, 1], output_gain=1.0)
        self.log_std_parameter = nn.Parameter(torch.full((action_size,), init_std).log())

    @property
    def log_std(self) -> torch.Tensor:
        """Logarithm of each action's standard deviation. Shape (action_size,)."""
        return self.log_std_parameter

    def forward(self, obs: torch.Tensor, memory: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The mean actions of raw observations, and the next memories. Shapes (n, ...)."""
        memory = self.actor_cell(self.normalizer(obs), memory)
        return self.actor(memory), memory

    def means(self, obs: torch.Tensor, memory: torch.Tensor, ended: torch.Tensor) -> torch.Tensor:
        """Mean actions of sequences, as `remember` takes them. Shape (steps, n, action_size)."""
        return self.actor(remember(self.actor_cell, obs, memory, ended))

    def values(
        self, critic_obs: torch.Tensor, memory: torch.Tensor, ended: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Expected returns of sequences, shape (steps, n), and the critic's memories after each step."""
        memories = remember(self.critic_cell, critic_obs, memory, ended)
        return self.critic(memories).squeeze(-1), memories

    def value(self, critic_obs: torch.Tensor, memory: torch.Tensor) -> torch.Tensor:
        """Expected returns of single observations that follow on the critic's memories. Shape (n,)."""
        return self.critic(self.critic_cell(critic_obs, memory)).squeeze(-1)

    def deployed(self) -> RecurrentActor:
        """What a policy file holds."""
        return RecurrentActor(self.normalizer.first(self._obs_size), self.actor_cell, self.actor).eval()


def remember(cell: nn.GRUCell, obs: torch.Tensor, memory: torch.Tensor, ended: torch.Tensor) -> torch.Tensor:
    """Lead sequences through a cell; where an episode ends, the next step begins without memory.

    Neither values nor gradients pass from one episode to the next. A loop over time took as long as torch's GRU over
    whole rollouts where few episodes end in them (24 steps of 64 robots), and half as long as splitting them into
    padded episodes where many do.

    Args:
        cell: the cell.
        obs: what it sees. Shape (steps, n, size).
        memory: its memory before the first step. Shape (n, memory_size).
        ended: whether an episode ended in the step. Shape (steps, n, 1), bool.

    Returns:
        The memory after each step, before it is lost where the episode ended. Shape (steps, n, memory_size).
    """
    memories = []
    for step_obs, step_ended in zip(obs, ended, strict=True):
        memories.append(cell(step_obs, memory))
        memory = memories[-1].masked_fill(step_ended, 0.0)
    return torch.stack(memories)


def gru_cell(input_size: int, memory_size: int) -> nn.GRUCell:
    """A gated recurrent unit with orthogonal weights for each gate, and biases of zero."""
    cell = nn.GRUCell(input_size, memory_size)
    for weight in (cell.weight_ih, cell.weight_hh):
        for gate in weight.chunk(3):
            nn.init.orthogonal_(gate)
    nn.init.zeros_(cell.bias_ih)
    nn.init.zeros_(cell.bias_hh)
    return cell

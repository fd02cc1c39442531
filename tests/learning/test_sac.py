from __future__ import annotations

import copy
import math

import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from point_env import PointEnv
from torch import nn
from torch.distributions import Normal, TransformedDistribution
from torch.distributions.transforms import TanhTransform

from gaitway.learning.actors import SquashedGaussian, relu_mlp, squashed_log_prob
from gaitway.learning.critics import Critics, StackedLinear
from gaitway.learning.replay import Transitions
from gaitway.learning.sac import SAC, SACConfig


@settings(max_examples=25, deadline=None)
@given(mean=st.floats(-1.0, 1.0), log_std=st.floats(-2.0, -0.5), edge=st.floats(-0.9, 0.9))
def test_the_density_of_actions_integrates_to_their_probability(
    mean: float, log_std: float, edge: float
) -> None:
    """Below any edge, as many actions as there are normal draws below its inverse tanh."""
    action = torch.linspace(-1.0, edge, 200_001, dtype=torch.float64)[1:, None]
    raw = action.atanh()
    std = torch.full_like(raw, log_std).exp()
    density = squashed_log_prob((raw - mean) / std, std.log(), raw).exp()
    probability = float(torch.trapezoid(density, action[:, 0]))
    expected = 0.5 * (1.0 + math.erf((math.atanh(edge) - mean) / (math.exp(log_std) * math.sqrt(2.0))))
    assert abs(probability - expected) < 1e-4


def test_sampled_actions_come_with_their_own_density() -> None:
    torch.manual_seed(0)
    actor = SquashedGaussian(relu_mlp([3, 16, 8])).double()
    obs = torch.randn(50, 3, dtype=torch.float64)
    action, log_prob = actor.sample(obs, torch.Generator().manual_seed(1))
    mean, log_std = actor(obs)
    exact = TransformedDistribution(Normal(mean, log_std.exp()), TanhTransform())
    torch.testing.assert_close(log_prob, exact.log_prob(action).sum(-1), rtol=1e-5, atol=1e-5)


def test_the_density_stays_exact_where_the_tanh_saturates() -> None:
    raw, zero = torch.tensor([[20.0]]), torch.zeros(1, 1)
    expected = -0.5 * math.log(2.0 * math.pi) - (math.log(4.0) - 40.0)
    torch.testing.assert_close(squashed_log_prob(zero, zero, raw), torch.tensor([expected]))


def _plain(critics: Critics, index: int) -> nn.Sequential:
    """One of the critics in ordinary layers."""
    layers: list[nn.Module] = []
    for layer in critics.layers:
        if isinstance(layer, StackedLinear):
            linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[2])
            linear.load_state_dict({"weight": layer.weight[index].T, "bias": layer.bias[index, 0]})
            layers.append(linear)
        else:
            layers.append(nn.ReLU())
    return nn.Sequential(*layers)


class Reference:
    """SAC as the paper has it: every network on its own, every loss with an optimiser of its own."""

    def __init__(self, algorithm: SAC):
        policy, rate = algorithm.policy, algorithm.config.learning_rate
        self.config = algorithm.config
        self.actor = copy.deepcopy(policy.actor)
        self.critics, self.targets = (
            [_plain(each, index) for index in (0, 1)] for each in (policy.critics, policy.target_critics)
        )
        self.log_temperature = policy.log_temperature.detach().clone().requires_grad_()
        self.optimizers = [
            torch.optim.Adam(parameters, lr=rate)
            for parameters in (
                self.actor.parameters(), [self.log_temperature],
                self.critics[0].parameters(), self.critics[1].parameters(),
            )
        ]  # fmt: skip

    def update(self, batch: Transitions, generator: torch.Generator) -> None:
        temperature = self.log_temperature.detach().exp()
        action, log_prob = self.actor.sample(batch.obs, generator)
        with torch.no_grad():
            next_action, next_log_prob = self.actor.sample(batch.next_obs, generator)
            values = [target(torch.cat([batch.next_obs, next_action], 1))[:, 0] for target in self.targets]
            target = batch.reward + batch.discount * (torch.min(*values) - temperature * next_log_prob)
        for critic, optimizer in zip(self.critics, self.optimizers[2:], strict=True):
            error = critic(torch.cat([batch.obs, batch.action], 1))[:, 0] - target
            self._step(optimizer, 0.5 * error.square().mean())
        values = [critic(torch.cat([batch.obs, action], 1))[:, 0] for critic in self.critics]
        self._step(self.optimizers[0], (temperature * log_prob - torch.min(*values)).mean())
        entropy = -log_prob.detach().mean()
        target_entropy = self.config.target_entropy * batch.action.shape[1]
        self._step(self.optimizers[1], self.log_temperature * (entropy - target_entropy))
        rate = self.config.target_rate
        for slow, fast in zip(self.targets, self.critics, strict=True):
            for a, b in zip(slow.parameters(), fast.parameters(), strict=True):
                a.data = (1.0 - rate) * a.data + rate * b.data

    def _step(self, optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
        optimizer.zero_grad()
        loss.backward(retain_graph=True)
        optimizer.step()


def test_updates_are_those_of_the_paper_written_out() -> None:
    """Actor, critics, targets and temperature after three updates, network by network."""
    torch.set_num_threads(1)
    algorithm = SAC(SACConfig(hidden=(16, 16), learning_rate=1e-2, target_rate=0.1), PointEnv(4), 0)
    reference, generator = Reference(algorithm), torch.Generator()
    for seed in range(3):
        draw = torch.Generator().manual_seed(seed)
        batch = Transitions(
            obs=torch.randn(32, 2, generator=draw),
            action=torch.rand(32, 2, generator=draw) * 2.0 - 1.0,
            reward=torch.randn(32, generator=draw),
            next_obs=torch.randn(32, 2, generator=draw),
            discount=0.99 * (torch.rand(32, generator=draw) < 0.8),
            index=torch.zeros(32, 2, dtype=torch.int64),
        )
        generator.set_state(algorithm.generator.get_state())
        algorithm._update(batch)
        reference.update(batch, generator)
    policy = algorithm.policy
    pairs = [(policy.actor, reference.actor)]
    pairs += [(_plain(policy.critics, index), critic) for index, critic in enumerate(reference.critics)]
    pairs += [(_plain(policy.target_critics, index), slow) for index, slow in enumerate(reference.targets)]
    for ours, theirs in pairs:
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-5)
    torch.testing.assert_close(policy.log_temperature, reference.log_temperature, rtol=1e-3, atol=1e-5)

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest
import torch
from memory_env import Recall
from torch import nn

from gaitway.errors import GaitwayError
from gaitway.learning.ppo import PPO, PPOConfig
from gaitway.learning.recurrent_networks import RecurrentActorCritic, gru_cell, remember
from gaitway.learning.recurrent_ppo import RecurrentPPO, RecurrentPPOConfig, Sequences
from gaitway.robots import h23
from gaitway.tasks import VectorEnv, get_task

STEPS, ROBOTS, OBS, MEMORY = 9, 5, 4, 7


@pytest.fixture(autouse=True)
def one_thread() -> None:
    torch.set_num_threads(1)


def _sequences(seed: int = 0) -> tuple[nn.GRUCell, torch.Tensor, torch.Tensor, torch.Tensor]:
    """A cell, what it sees, its memory before, and where episodes end: in some robots twice, in some at the last step."""
    torch.manual_seed(seed)
    ended = torch.zeros(STEPS, ROBOTS, 1, dtype=torch.bool)
    for step, robot in ((0, 0), (3, 1), (4, 1), (5, 2), (8, 2), (8, 3)):
        ended[step, robot] = True
    cell = gru_cell(OBS, MEMORY).double()
    obs, memory = torch.randn(STEPS, ROBOTS, OBS).double(), torch.randn(ROBOTS, MEMORY).double()
    return cell, obs, memory, ended


def _unrolled(cell: nn.GRUCell, obs: torch.Tensor, memory: torch.Tensor, ended: torch.Tensor) -> torch.Tensor:
    """The same by torch's GRU, robot by robot and episode by episode."""
    gru = nn.GRU(OBS, MEMORY).double()
    for name, parameter in cell.named_parameters():
        setattr(gru, f"{name}_l0", parameter)
    robots = []
    for robot in range(obs.shape[1]):
        parts, first, before = [], 0, memory[robot][None]
        for last in [*torch.nonzero(ended[:, robot, 0])[:, 0].tolist(), obs.shape[0] - 1]:
            if first <= last:
                parts.append(gru(obs[first : last + 1, robot], before)[0])
            first, before = last + 1, torch.zeros(1, MEMORY).double()
        robots.append(torch.cat(parts))
    return torch.stack(robots, dim=1)


def test_memories_and_gradients_are_those_of_unrolled_episodes() -> None:
    cell, obs, memory, ended = _sequences()
    weights = torch.randn(STEPS, ROBOTS, MEMORY).double()
    results = []
    for function in (remember, _unrolled):
        seen, before = obs.clone().requires_grad_(), memory.clone().requires_grad_()
        memories = function(cell, seen, before, ended)
        inputs = [seen, before, *cell.parameters()]
        results.append([memories, *torch.autograd.grad((weights * memories).sum(), inputs)])
    for ours, theirs in zip(*results, strict=True):
        torch.testing.assert_close(ours, theirs)


def test_what_one_robot_goes_through_changes_no_other() -> None:
    cell, obs, memory, ended = _sequences()
    expected = remember(cell, obs, memory, ended)
    other = ended.clone()
    other[2, 1] = True
    others = [robot for robot in range(ROBOTS) if robot != 1]
    changed = remember(cell, obs, memory, other)
    assert torch.equal(changed[:, others], expected[:, others])
    assert torch.equal(changed[:3, 1], expected[:3, 1])
    assert not torch.isclose(changed[3, 1], expected[3, 1]).any()


def test_an_episode_keeps_nothing_of_the_one_before_not_even_what_is_not_finite() -> None:
    cell, obs, memory, ended = _sequences()
    expected = remember(cell, obs, memory, ended)
    obs[:4, 1] = float("nan")
    given = remember(cell, obs, memory, ended)
    assert given[:4, 1].isnan().all()
    assert torch.equal(given[4:, 1], expected[4:, 1])


def _algorithm(num_envs: int = 12, seed: int = 3, **settings) -> RecurrentPPO:
    config = RecurrentPPOConfig(memory=8, hidden=(16,), rollout_steps=10, init_std=0.5, **settings)
    return RecurrentPPO(config, Recall(num_envs), seed)


def test_sequences_give_what_the_robots_did_step_by_step() -> None:
    """Over the second rollout, which begins within episodes; in whole and in minibatches."""
    algorithm = _algorithm()
    algorithm.iterate()
    _, final_obs = algorithm._collect()
    samples, _ = algorithm._samples(final_obs)
    assert algorithm.rollout.ended.any()
    assert isinstance(samples, Sequences)
    assert samples.actor_memory.abs().max() > 0.0
    torch.testing.assert_close(algorithm._evaluate(samples)[0], algorithm.rollout.mean)
    parts = samples.minibatches(3, torch.Generator().manual_seed(0))
    assert [part.target.shape for part in parts] == [(10, 4)] * 3
    for part in parts:
        assert isinstance(part, Sequences)
        torch.testing.assert_close(algorithm._evaluate(part)[0], part.mean)


def test_each_robot_is_in_one_minibatch_with_all_that_is_its_own() -> None:
    steps, robots = 3, 7
    number = torch.arange(robots, dtype=torch.float32)
    row = {
        field.name: number[:, None].expand(robots, 2)
        if field.name.endswith("memory")
        else number[None].expand(steps, robots)
        for field in fields(Sequences)
    }
    parts = Sequences(**row).minibatches(3, torch.Generator().manual_seed(1))
    seen = torch.cat([part.target[0] for part in parts])
    assert sorted(seen.tolist()) == number.tolist()
    assert seen.tolist() != number.tolist()
    for part in parts:
        for field in fields(Sequences):
            value = getattr(part, field.name)
            value = value.T if field.name.endswith("memory") else value
            assert torch.equal(value, part.target[:1].expand(value.shape)), field.name


def test_the_end_of_a_truncated_episode_is_valued_with_its_own_memory() -> None:
    """Against one robot at a time, led through its episodes step by step."""
    algorithm = _algorithm()
    algorithm.iterate()
    before = algorithm.critic_memory
    _, final_obs = algorithm._collect()
    policy, rollout = algorithm.policy, algorithm.rollout
    ends = {
        (t, int(robot)): row
        for t, truncated, last in final_obs
        for robot, row in zip(np.nonzero(truncated)[0], last, strict=True)
    }
    with torch.no_grad():
        given = algorithm._values(policy.normalizer(rollout.critic_obs), final_obs)
        values = {
            (t, int(robot)): value
            for (t, truncated, _), of_step in zip(final_obs, given[1], strict=True)
            for robot, value in zip(np.nonzero(truncated)[0], of_step, strict=True)
        }
        for robot in range(12):
            memory = before[robot : robot + 1]
            for t in range(10):
                obs = policy.normalizer(rollout.critic_obs[t, robot : robot + 1])
                torch.testing.assert_close(policy.value(obs, memory)[0], given[0][t, robot])
                memory = policy.critic_cell(obs, memory)
                if (t, robot) in ends:
                    last = policy.normalizer(ends[t, robot][None])
                    torch.testing.assert_close(policy.value(last, memory)[0], values[t, robot])
                    memory = torch.zeros_like(memory)
            torch.testing.assert_close(memory[0], algorithm.critic_memory[robot])
            last = policy.normalizer(algorithm.critic_obs[robot : robot + 1])
            torch.testing.assert_close(policy.value(last, memory)[0], given[2][robot])
    assert ends


def test_remembers_what_a_policy_without_memory_cannot_know() -> None:
    """Half a minute of experience; the best that can be done without memory is to lose 1 per step."""
    settings = {"hidden": (32,), "rollout_steps": 16, "init_std": 0.3, "learning_rate": 3e-3}
    recurrent = RecurrentPPO(RecurrentPPOConfig(memory=16, **settings), Recall(64), seed=0)
    plain = PPO(PPOConfig(**settings), Recall(64), seed=0)
    for _ in range(40):
        recurrent.iterate()
        plain.iterate()
    assert _loss(recurrent.evaluator()) < 0.1
    assert _loss(lambda obs: plain.policy(torch.from_numpy(obs)).detach().numpy()) > 0.8


def _loss(act) -> float:
    """Mean loss per step over one episode of 200 robots, without exploration."""
    env = Recall(200)
    obs, _ = env.reset(seed=99)
    losses = []
    for _ in range(6):
        obs, reward, *_ = env.step(act(obs))
        losses.append(-reward)
    return float(np.mean(losses))


def test_goes_on_from_a_saved_state_to_the_same_bits() -> None:
    algorithm, other = _algorithm(), _algorithm(seed=4)
    for _ in range(3):
        algorithm.iterate()
    tensors, values = algorithm.state_dict()
    assert tensors["actor_memory"].abs().max() > 0.0
    other.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, values)
    for _ in range(2):
        assert algorithm.iterate() == other.iterate()
    ours, theirs = algorithm.state_dict()[0], other.state_dict()[0]
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_trains_a_robot_with_privileged_values_and_ignores_mirrors() -> None:
    env = VectorEnv(get_task("walk"), h23(), 8, seed=0)
    algorithm = RecurrentPPO(RecurrentPPOConfig(memory=8, hidden=(16,), rollout_steps=8), env, 0)
    assert env.privileged_size > 0
    metrics = [algorithm.iterate() for _ in range(2)]
    assert all(np.isfinite(value) for row in metrics for value in row.values())


def test_a_memory_of_no_width_is_refused() -> None:
    with pytest.raises(GaitwayError, match="memory must be at least 1; got 0"):
        RecurrentPPOConfig(memory=0)


def test_the_batch_acts_as_the_policy_does_and_forgets_robot_by_robot() -> None:
    torch.manual_seed(0)
    policy = RecurrentActorCritic(OBS, 2, 3, MEMORY, (8,), 1.0)
    policy.normalizer.update(torch.randn(50, OBS + 2) * 3.0 + 1.0)
    act, memory = policy.batch(), torch.zeros(ROBOTS, MEMORY)
    rng = np.random.default_rng(0)
    for step in range(12):
        obs = rng.normal(size=(ROBOTS, OBS)).astype(np.float32)
        began = rng.random(ROBOTS) < 0.3
        if step:
            act.reset(began)
            memory = memory.masked_fill(torch.from_numpy(began)[:, None], 0.0)
        with torch.no_grad():
            mean, memory = policy(torch.from_numpy(obs), memory)
        np.testing.assert_allclose(act(obs), mean, atol=1e-6)

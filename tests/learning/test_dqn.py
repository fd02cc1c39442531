from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from replays import refill

from gaitway.errors import GaitwayError
from gaitway.learning import DQN, DQNConfig, recipe, train
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.dqn import QNetwork
from gaitway.learning.prioritized import PrioritizedReplay
from gaitway.robots import h23
from gaitway.tasks import NavigateConfig, NavigateEnv, VectorEnv, get_task
from gaitway.tasks.courses import CourseConfig

SMALL = DQNConfig(hidden=(16, 16), rollout_steps=8, learning_starts=32, batch_size=16, replay_capacity=200)
PLAIN = replace(SMALL, double=False, dueling=False, n_steps=1, prioritized=False)
EASY = NavigateConfig(course=CourseConfig(goal_distance=(1.0, 2.0), obstacles=1), episode_s=16.0)


def algorithm(config: DQNConfig = SMALL, seed: int = 3) -> DQN:
    torch.set_num_threads(1)
    return DQN(config, NavigateEnv(8, config=replace(EASY, episode_s=4.0)), seed)


@pytest.mark.parametrize("double", [True, False])
def test_targets_are_the_sum_written_out(double: bool) -> None:
    """r0 + g r1 + g^2 r2 + g^3 Q'(s3, a*), a* the best of the online network, or of Q' itself; less at an end."""
    dqn = algorithm(replace(SMALL, double=double, n_steps=3, discount=0.9))
    replay, rng = dqn.replay, np.random.default_rng(0)
    steps, size = 6, dqn.obs.shape[1]
    obs = torch.from_numpy(rng.normal(size=(steps + 1, 8, size)).astype(np.float32))
    reward = torch.from_numpy(rng.normal(size=(steps, 8)).astype(np.float32))
    terminated, truncated = torch.zeros(2, steps, 8, dtype=torch.bool)
    terminated[1, 1] = True
    truncated[1, 2] = True
    for t in range(steps):
        action = torch.zeros(8, 1, dtype=torch.int64)
        replay.add(obs[t], action, reward[t], obs[t + 1], terminated[t], truncated[t])
    with torch.no_grad():  # a target network of another mind
        for parameter in dqn.policy.target.parameters():
            parameter.add_(torch.from_numpy(rng.normal(size=parameter.shape).astype(np.float32)))

    def value(state: torch.Tensor) -> float:
        with torch.no_grad():
            given = dqn.policy.normalizer(state[None])
            online, target = dqn.policy.online(given)[0], dqn.policy.target(given)[0]
        return float(target[online.argmax()] if double else target.max())

    target = dqn._target(replay.at(torch.zeros(3, dtype=torch.int64), torch.arange(3)))
    r = reward.tolist()
    expected = [
        r[0][0] + 0.9 * r[1][0] + 0.81 * r[2][0] + 0.729 * value(obs[3, 0]),
        r[0][1] + 0.9 * r[1][1],
        r[0][2] + 0.9 * r[1][2] + 0.81 * value(obs[2, 2]),
    ]
    np.testing.assert_allclose(target, expected, rtol=1e-5)


def test_a_duelling_network_has_one_value_and_advantages_of_mean_zero() -> None:
    torch.manual_seed(0)
    network, obs = QNetwork(4, 5, (8, 6), dueling=True), torch.randn(7, 4)
    assert network.value is not None
    last = network.advantage[0]
    assert isinstance(last, torch.nn.Linear)
    with torch.no_grad():
        last.weight.normal_()
        before = network(obs)
        value = network.value(network.features(obs)[:, :6])
        torch.testing.assert_close(before.mean(dim=1, keepdim=True), value)
        last.bias.add_(3.0)  # what is added to all advantages
        torch.testing.assert_close(network(obs), before)


@pytest.mark.parametrize("config", [SMALL, PLAIN])
def test_what_is_deployed_gives_the_same_values_from_raw_observations(config: DQNConfig) -> None:
    dqn = algorithm(config)
    for _ in range(3):
        dqn.iterate()
    obs = torch.from_numpy(dqn.env.observation_space.sample())
    with torch.no_grad():
        torch.testing.assert_close(dqn.policy.deployed()(obs), dqn.policy(obs))


def test_the_target_network_is_the_online_network_of_its_last_update() -> None:
    dqn = algorithm(replace(SMALL, target_every=3, learning_starts=0))
    dqn._collect({"reward": 0.0, "reached": 0.0, "collided": 0.0, "fell": 0.0})

    def copy(network: torch.nn.Module) -> list[torch.Tensor]:
        return [parameter.detach().clone() for parameter in network.parameters()]

    expected = copy(dqn.policy.target)
    for update in range(1, 8):
        dqn._update()
        if update % 3 == 0:
            expected = copy(dqn.policy.online)
        for ours, theirs in zip(copy(dqn.policy.target), expected, strict=True):
            assert torch.equal(ours, theirs)
        assert any((a != b).any() for a, b in zip(copy(dqn.policy.online), expected, strict=True)) == bool(
            update % 3
        )


def test_priorities_are_the_newest_errors() -> None:
    dqn = algorithm()
    dqn._collect({"reward": 0.0, "reached": 0.0, "collided": 0.0, "fell": 0.0})
    replay = dqn.replay
    assert isinstance(replay, PrioritizedReplay)
    before = replay.tree.values.copy()
    batch = replay.at(torch.zeros(8, dtype=torch.int64), torch.arange(8))
    with torch.no_grad():
        error = dqn._target(batch) - dqn.policy(batch.obs).gather(1, batch.action)[:, 0]
    dqn._update()
    changed = replay.tree.values != before
    assert changed.any()
    np.testing.assert_allclose(
        replay.tree.values[changed], ((error.abs().double() + 1e-3) ** 0.6).numpy()[changed[:8]], rtol=1e-5
    )


def test_updates_are_counted_over_the_run_and_not_within_an_iteration() -> None:
    dqn = algorithm(replace(SMALL, rollout_steps=8, update_every=12, learning_starts=0))
    updates = []
    for _ in range(6):
        dqn.iterate()
        updates.append(dqn.updates)
    assert updates == [0, 1, 2, 2, 3, 4]


def test_observations_that_are_not_normalised_are_not_clipped_either() -> None:
    dqn = algorithm(replace(SMALL, normalize=False))
    dqn.iterate()
    obs = torch.full((1, dqn.obs.shape[1]), 100.0)
    with torch.no_grad():
        assert not torch.allclose(dqn.policy(obs), dqn.policy(2.0 * obs))
        torch.testing.assert_close(dqn.policy.deployed()(obs), dqn.policy(obs))


@pytest.mark.parametrize("config", [SMALL, PLAIN])
def test_goes_on_from_a_saved_state_to_the_same_bits(config: DQNConfig) -> None:
    dqn, other = algorithm(config), algorithm(config, seed=4)
    for _ in range(5):  # the buffer has gone round
        dqn.iterate()
    tensors, values = dqn.state_dict()
    refill(other.replay, dqn.replay)
    other.load_state_dict({name: tensor.clone() for name, tensor in tensors.items()}, values)
    for _ in range(2):
        assert dqn.iterate() == other.iterate()
    for name, tensor in dqn.state_dict()[0].items():
        assert torch.equal(tensor, other.state_dict()[0][name]), name


def test_training_leaves_the_global_random_states_alone() -> None:
    torch.manual_seed(1)
    np.random.seed(1)
    expected = torch.rand(3), np.random.rand(3)
    torch.manual_seed(1)
    np.random.seed(1)
    algorithm().iterate()
    assert torch.equal(torch.rand(3), expected[0])
    np.testing.assert_array_equal(np.random.rand(3), expected[1])


def test_a_resumed_run_ends_in_the_bits_of_one_never_stopped(tmp_path: Path) -> None:
    whole = replace(recipe("navigate", "dqn"), env_steps=512, num_envs=8, torch_threads=1, settings=SMALL)
    train(whole, tmp_path / "whole")
    train(replace(whole, env_steps=256), tmp_path / "parts")
    train(whole, tmp_path / "parts", resume=True)
    ours, theirs = (load_checkpoint(tmp_path / name).tensors for name in ("whole", "parts"))
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name


def test_actions_of_another_kind_are_refused_with_what_fits(tmp_path: Path) -> None:
    with pytest.raises(
        GaitwayError, match="dqn needs discrete .* stand are continuous; algorithms for it: .*ppo"
    ):
        train(replace(recipe("stand", "dqn"), num_envs=2), tmp_path / "run")
    with pytest.raises(
        GaitwayError, match="ppo needs continuous .* navigate are discrete; .*: dqn, q_learning"
    ):
        train(recipe("navigate", "ppo"), tmp_path / "run")
    assert not (tmp_path / "run").exists()
    with pytest.raises(GaitwayError, match="dqn chooses among discrete actions; these are Box"):
        DQN(SMALL, VectorEnv(get_task("stand"), h23(), 1), 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"n_steps": 0}, "n_steps must be at least 1"),
        ({"learning_rate": -1e-3}, "learning_rate must be above 0"),
        ({"epsilon_start": 0.1, "epsilon_end": 0.2}, "epsilon_end <= epsilon_start"),
        ({"replay_capacity": 10}, "replay_capacity must be at least batch_size"),
        ({"hidden": ()}, "hidden must name at least one width"),
    ],
)
def test_settings_that_mean_nothing_are_refused(change: dict, message: str) -> None:
    with pytest.raises(GaitwayError, match=message):
        DQNConfig(**change)


def test_exploration_falls_as_the_schedule_says() -> None:
    config = DQNConfig(epsilon_start=0.9, epsilon_end=0.1, epsilon_steps=100)
    assert [config.epsilon(steps) for steps in (0, 50, 100, 1000)] == pytest.approx([0.9, 0.5, 0.1, 0.1])


def test_learns_to_navigate_a_small_course() -> None:
    torch.set_num_threads(1)
    config = DQNConfig(
        hidden=(64,), epsilon_steps=10_000, learning_starts=1_000, target_every=100, learning_rate=1e-3,
        discount=0.95, updates=2,
    )  # fmt: skip
    dqn = DQN(config, NavigateEnv(32, config=EASY), 1)
    while dqn.env_steps < 24_000:
        dqn.iterate()

    @torch.no_grad()
    def greedy(obs: np.ndarray) -> np.ndarray:
        return dqn.policy(torch.from_numpy(obs)).argmax(dim=1).numpy()

    rng = np.random.default_rng(0)
    assert success(greedy) > 0.9
    assert success(lambda obs: rng.integers(5, size=len(obs))) < 0.3


def success(act) -> float:
    """Share of robots whose first episode ends at the goal."""
    env = NavigateEnv(128, config=EASY)
    obs, _ = env.reset(seed=1234)
    reached, running = np.zeros((2, 128), dtype=bool)
    running[:] = True
    for _ in range(env.config.episode_steps):
        obs, _, terminated, truncated, infos = env.step(act(obs))
        reached |= infos["reached"] & running
        running &= ~(terminated | truncated)
    return float(reached.mean())

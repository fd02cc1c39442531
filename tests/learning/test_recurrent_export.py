from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper

from gaitway.cli.eval import EvalCommand
from gaitway.dashboard.player import Player
from gaitway.learning import PPOConfig, RecurrentPPOConfig, TrainConfig, export_run, train
from gaitway.learning.algorithm import Policy, below
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.trainer import make_algorithm, make_environment
from gaitway.policy import PolicyError, StateSpec, load_policy
from gaitway.policy.file import replay, replay_difference
from gaitway.policy.shipped import SHIPPED
from gaitway.robots import h23
from gaitway.tasks import evaluate, get_task
from tests.policy.editing import Edit, edited

CONFIG = TrainConfig(
    env_steps=16 * 8 * 6, num_envs=16, torch_threads=1,
    settings=RecurrentPPOConfig(memory=12, hidden=(16,), rollout_steps=8, epochs=2),
)  # fmt: skip


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A short training; it has learned nothing, but the policy's memory matters to what it does."""
    run_dir = tmp_path_factory.mktemp("recurrent") / "run"
    train(CONFIG, run_dir)
    return run_dir


@pytest.fixture(scope="module")
def path(run: Path) -> Path:
    export_run(run, run.parent / "policy.onnx", num_robots=4, episode_s=2.0)
    return run.parent / "policy.onnx"


@pytest.fixture(scope="module")
def trained(run: Path) -> Policy:
    algorithm = make_algorithm(CONFIG, make_environment(dataclasses.replace(CONFIG, num_envs=1)))
    algorithm.policy.load_state_dict(below("policy.", load_checkpoint(run).tensors))
    return algorithm.policy


def test_the_file_gives_the_trained_actions_over_whole_sequences(path: Path, trained: Policy) -> None:
    runtime = load_policy(path)
    assert runtime.spec.state == StateSpec(name="state", shape=(12,))
    assert replay_difference(runtime) <= 1e-5
    for trace in runtime.spec.golden_traces:
        network, memory = trained.deployed(), torch.zeros(1, 12)
        for step in replay(runtime, trace):
            with torch.no_grad():
                action, memory = network(torch.from_numpy(step.obs)[None], memory)
            clip = runtime.spec.action.clip
            np.testing.assert_allclose(step.action, action[0].clamp(-clip, clip), atol=1e-5)


def test_a_step_depends_on_those_before_and_a_reset_forgets_them(path: Path) -> None:
    runtime = load_policy(path)
    trace = runtime.spec.golden_traces[0]
    first, second = replay(runtime, trace), replay(runtime, trace)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.action, b.action)
    obs = np.stack([step.obs for step in first])
    alone = runtime.batch()(obs)  # each as if it were the first of an episode
    np.testing.assert_allclose(alone[0], first[0].action, atol=1e-6)
    assert np.abs(alone[1:] - np.stack([step.action for step in first[1:]])).max() > 1e-4


def test_many_robots_act_as_each_would_alone(path: Path) -> None:
    runtime = load_policy(path)
    together, alone = runtime.batch(), [runtime.batch() for _ in range(3)]
    rng = np.random.default_rng(0)
    for step in range(20):
        if step == 8:
            together.reset(np.array([False, True, False]))
            alone[1].reset()
        obs = rng.normal(size=(3, runtime.spec.obs_size)).astype(np.float32)
        expected = [act(row[None])[0] for act, row in zip(alone, obs, strict=True)]
        np.testing.assert_allclose(together(obs), expected, atol=1e-6)


def test_one_observation_does_not_decide_the_action_of_a_recurrent_policy(path: Path) -> None:
    runtime = load_policy(path)
    with pytest.raises(PolicyError, match="the policy is recurrent.*use batch"):
        runtime.infer(np.zeros((1, runtime.spec.obs_size), dtype=np.float32))


def test_the_file_is_measured_as_the_trained_policy_is(path: Path, trained: Policy) -> None:
    runtime, task = load_policy(path), get_task("stand")
    results = [
        evaluate(act, task, h23(), num_robots=8, episode_s=1.0) for act in (runtime.batch(), trained.batch())
    ]
    np.testing.assert_allclose(results[0].episode_return, results[1].episode_return, rtol=1e-3)


def test_eval_and_play_run_it(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    EvalCommand(policy=str(path), episodes=4, episode_s=0.5, json=True).run()
    assert json.loads(capsys.readouterr().out)["robots"] == 4
    player = Player(load_policy(path), h23())
    first = _joint_pos(player)
    player.reset()
    np.testing.assert_array_equal(first, _joint_pos(player))


def _joint_pos(player: Player) -> np.ndarray:
    for _ in range(20):
        player.step()
    return player.sim.joint_pos.copy()


def _change_recurrence(model: onnx.ModelProto, spec: dict) -> None:
    weight = next(t for t in model.graph.initializer if sorted(t.dims) == [12, 36])
    weight.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weight) * np.float32(1.1), weight.name))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (
            lambda model, spec: spec["state"].update(shape=[13]),
            r"shapes \[\(75,\).*its spec says observation .* recurrent state \(13,\) in and out",
        ),
        (lambda model, spec: spec["state"].update(shape=[3, 4]), r"recurrent state \(3, 4\) in and out"),
        (lambda model, spec: spec["state"].update(shape=[]), r"a shape of sizes above 0; it is \(\)"),
        (lambda model, spec: spec["state"].update(shape=[-12]), r"a shape of sizes above 0; it is \(-12,\)"),
        (lambda model, spec: spec["state"].update(shape="12"), "the policy file's spec cannot be read"),
        (
            lambda model, spec: spec.pop("state"),
            r"shapes .* its spec says observation .* and action \(23,\)$",
        ),
        (
            lambda model, spec: spec["state"].update(name="memory"),
            r"called \('state', 'next_state'\); its spec says \('memory', 'next_memory'\)",
        ),
        (_change_recurrence, "does not compute what it computed at export"),
    ],
)
def test_a_state_that_is_not_the_networks_is_refused(
    path: Path, tmp_path: Path, edit: Edit, message: str
) -> None:
    with pytest.raises(PolicyError, match=message):
        load_policy(edited(path, tmp_path / "p.onnx", edit))


def test_files_from_before_there_were_states_load_unchanged() -> None:
    paths = sorted(SHIPPED.glob("*.onnx"))
    assert paths
    for path in paths:
        runtime = load_policy(path)
        assert runtime.spec.state is None
        obs = np.random.default_rng(0).normal(size=(5, runtime.spec.obs_size)).astype(np.float32)
        act = runtime.batch()
        for _ in range(2):
            np.testing.assert_array_equal(act(obs), runtime.infer(obs))


def test_no_training_starts_from_a_recurrent_policy(path: Path) -> None:
    config = TrainConfig(num_envs=2, init=str(path), settings=PPOConfig(hidden=(16,)))
    with pytest.raises(PolicyError, match="it is recurrent"):
        make_algorithm(config, make_environment(config))


def test_a_resumed_run_ends_in_the_bits_of_one_never_stopped(run: Path, tmp_path: Path) -> None:
    half = dataclasses.replace(CONFIG, env_steps=CONFIG.env_steps // 2)
    train(half, tmp_path / "parts")
    train(CONFIG, tmp_path / "parts", resume=True)
    ours, theirs = load_checkpoint(run).tensors, load_checkpoint(tmp_path / "parts").tensors
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        assert torch.equal(tensor, theirs[name]), name

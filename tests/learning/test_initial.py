from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from gaitway.learning import PPOConfig, TrainConfig, export_run, train
from gaitway.learning.initial import start_from
from gaitway.learning.packing import make_contract, pack, read_contract, read_network
from gaitway.learning.ppo import PPO
from gaitway.policy import PolicyError, load_policy
from gaitway.robots import h23
from gaitway.tasks import JointPositionAction, Task, VectorEnv, get_task, task_mirror

STAND = get_task("stand")
HIDDEN = (32, 32)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy file of a training of a few iterations."""
    folder = tmp_path_factory.mktemp("initial")
    ppo = PPOConfig(hidden=HIDDEN, rollout_steps=8)
    train(TrainConfig(env_steps=16 * 8 * 6, num_envs=16, torch_threads=1, settings=ppo), folder / "run")
    export_run(folder / "run", folder / "policy.onnx", num_robots=4, episode_s=0.5)
    return folder / "policy.onnx"


@pytest.fixture(scope="module")
def foreign(rsl_rl_network: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The policy file of a network trained by rsl_rl, which knows nothing of symmetry."""
    terms = [{"term": term.term.name, "scale": term.scale} for term in STAND.observation]
    tables = {"step_dt": 0.02, "action": {"scale": 0.05, "clip": 10.0}, "observation": terms}
    path = tmp_path_factory.mktemp("foreign") / "packed.onnx"
    pack(read_network(rsl_rl_network), make_contract(tables, "spec"), path, num_robots=4, episode_s=0.5)
    return path


def algorithm(task: Task = STAND, **config: Any) -> PPO:
    torch.set_num_threads(1)
    settings = PPOConfig(**{"hidden": HIDDEN, "rollout_steps": 8, **config})
    return PPO(settings, VectorEnv(task, h23(), 16, seed=5), 7, task_mirror(task, h23()))


def _env(ours: PPO) -> VectorEnv:
    assert isinstance(ours.env, VectorEnv)
    return ours.env


def assert_same_actions(ours: PPO, path: Path) -> None:
    runtime = load_policy(path)
    obs = np.concatenate([trace.obs for trace in runtime.spec.golden_traces]).astype(np.float32)
    obs += np.random.default_rng(0).normal(0.0, 1e-3, obs.shape).astype(np.float32)
    with torch.no_grad():
        action = ours.policy(torch.from_numpy(obs)).numpy().clip(-10.0, 10.0)
    np.testing.assert_allclose(action, runtime.infer(obs), atol=1e-4, rtol=1e-4)


def test_a_training_begins_with_the_given_policys_actions_and_goes_on(exported: Path) -> None:
    ours = algorithm()
    start_from(ours.policy, str(exported), _env(ours))
    assert_same_actions(ours, exported)
    seen = load_policy(str(exported)).spec.obs_size
    before = ours.policy.normalizer.mean[:seen].clone()
    metrics = ours.iterate()
    assert np.isfinite(list(metrics.values())).all()
    moved = (ours.policy.normalizer.mean[:seen] - before).abs().max()
    assert 0.0 < moved < 1e-3, "what the given policy has seen outweighs one iteration"


def test_a_network_from_elsewhere_is_taken_over_where_symmetry_is_not_asked_for(foreign: Path) -> None:
    ours = algorithm(symmetric=False)
    start_from(ours.policy, str(foreign), _env(ours))
    assert_same_actions(ours, foreign)
    with pytest.raises(PolicyError, match="they would change by .* needs --no-symmetric"):
        start_from(algorithm().policy, str(foreign), _env(ours))


def test_another_task_or_network_is_refused_with_each_difference(exported: Path) -> None:
    other = replace(STAND, action=JointPositionAction(scale=0.1, clip=10.0), decimation=2)
    ours = algorithm(other, hidden=(32,))
    with pytest.raises(PolicyError) as error:
        start_from(ours.policy, str(exported), _env(ours))
    for part in (
        "its action has another scale than the task's",
        "its control step is 0.02 s, the task's 0.01 s",
        "its layers have shapes [(32, 75), (32, 32), (23, 32)], those to be trained [(32, 75), (23, 32)] (--hidden",
    ):
        assert part in str(error.value)
    walking = algorithm(get_task("walk"))
    with pytest.raises(
        PolicyError, match=r"it observes \['base_ang_vel', .*\], the task \['base_ang_vel', .*'command'"
    ):
        start_from(walking.policy, str(exported), _env(walking))


def test_a_network_of_another_form_is_refused(linear: Any, stand_spec: Path, tmp_path: Path) -> None:
    network = read_network(linear(np.zeros((75, 23))))
    contract = make_contract(read_contract(stand_spec), "spec")
    pack(network, contract, tmp_path / "linear.onnx", num_robots=4, episode_s=0.5)
    ours = algorithm()
    with pytest.raises(PolicyError, match="linear layers with ELU between: MatMul after 0 layers"):
        start_from(ours.policy, str(tmp_path / "linear.onnx"), _env(ours))


def test_a_run_that_began_from_a_policy_is_resumed_without_it(exported: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.onnx"
    given.write_bytes(exported.read_bytes())
    ppo = PPOConfig(hidden=HIDDEN, rollout_steps=8)
    config = TrainConfig(env_steps=256, num_envs=16, torch_threads=1, init=str(given), settings=ppo)
    train(config, tmp_path / "run")
    given.unlink()
    assert train(replace(config, env_steps=512), tmp_path / "run", resume=True).env_steps == 512
    export_run(tmp_path / "run", tmp_path / "again.onnx", num_robots=4, episode_s=0.5)

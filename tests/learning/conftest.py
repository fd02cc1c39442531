"""What tests of learning share: trainings of a few iterations by rsl_rl, and the smallest of networks."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from rsl_rl.runners import OnPolicyRunner

from gaitway.learning.adapters.rsl_rl import OBS_GROUPS, RslRlVecEnv
from gaitway.robots import h23
from gaitway.tasks import Task, VectorEnv, get_task

Training = Callable[..., OnPolicyRunner]
Linear = Callable[..., Path]


def _train(task: Task, num_envs: int, iterations: int, log_dir: Path | None = None) -> OnPolicyRunner:
    model = {
        "class_name": "MLPModel",
        "hidden_dims": [32, 32],
        "activation": "elu",
        "obs_normalization": True,
    }
    config: dict[str, Any] = {
        "num_steps_per_env": 8,
        "save_interval": 100,
        "obs_groups": dict(OBS_GROUPS),
        "actor": {**model, "distribution_cfg": {"class_name": "GaussianDistribution", "init_std": 0.5}},
        "critic": dict(model),
        "algorithm": {"class_name": "PPO", "num_learning_epochs": 2, "num_mini_batches": 2},
    }
    torch.manual_seed(0)
    env = RslRlVecEnv(VectorEnv(task, h23(), num_envs, seed=1))
    runner = OnPolicyRunner(env, config, log_dir and str(log_dir), device="cpu")
    runner.learn(iterations, init_at_random_ep_len=True)
    return runner


@pytest.fixture(scope="session")
def rsl_rl_training() -> Training:
    """Trains a task for some iterations."""
    return _train


@pytest.fixture(scope="session")
def rsl_rl_runner() -> OnPolicyRunner:
    """The runner of a short training on `stand`."""
    return _train(get_task("stand"), 16, 5)


@pytest.fixture(scope="session")
def rsl_rl_network(rsl_rl_runner: OnPolicyRunner, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its policy, as rsl_rl's own exporter writes it: batch of one, weights in a file of their own."""
    folder = tmp_path_factory.mktemp("rsl_rl")
    rsl_rl_runner.export_policy_to_onnx(str(folder), "policy.onnx")
    return folder / "policy.onnx"


STAND = """
step_dt = 0.02

[action]
scale = 0.05
clip = 10.0

[[observation]]
term = "base_ang_vel"
scale = 0.5

[[observation]]
term = "projected_gravity"

[[observation]]
term = "joint_pos_rel"

[[observation]]
term = "joint_vel"
scale = 0.05

[[observation]]
term = "last_action"
"""


@pytest.fixture
def stand_spec(tmp_path: Path) -> Path:
    """A spec file for networks trained on `stand`."""
    path = tmp_path / "stand.toml"
    path.write_text(STAND)
    return path


@pytest.fixture
def linear(tmp_path: Path) -> Linear:
    """Writes a linear network `action = obs @ weight` with any names, opset 18."""

    def write(
        weight: np.ndarray, *, batch: int | str = 1, name: str = "linear.onnx", reshapes: bool = False
    ) -> Path:
        rows, columns = weight.shape
        nodes = [helper.make_node("MatMul", ["state", "weight"], ["product"])]
        shape = np.array([1, columns] if reshapes else [-1, columns], dtype=np.int64)
        nodes.append(helper.make_node("Reshape", ["product", "shape"], ["torque_wish"]))
        graph = helper.make_graph(
            nodes,
            "linear",
            [helper.make_tensor_value_info("state", TensorProto.FLOAT, [batch, rows])],
            [helper.make_tensor_value_info("torque_wish", TensorProto.FLOAT, [batch, columns])],
            [
                numpy_helper.from_array(weight.astype(np.float32), "weight"),
                numpy_helper.from_array(shape, "shape"),
            ],
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
        onnx.save(model, tmp_path / name)
        return tmp_path / name

    return write

"""What tests share: a ROS domain of this session's own, and a policy trained for a few iterations."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from gaitway.ros.environment import stay_on_this_host
from tests.host_stalls import LiveReruns

os.environ["ROS_DOMAIN_ID"] = str(1 + os.getpid() % 100)
stay_on_this_host()


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(LiveReruns())


@pytest.fixture(scope="session")
def toy_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of a few iterations; it has learned nothing, but everything about it is real."""
    from gaitway.learning import TrainConfig, train

    run_dir = tmp_path_factory.mktemp("toy") / "run"
    train(TrainConfig(env_steps=6_000, num_envs=64, checkpoint_every=2), run_dir)
    return run_dir


@pytest.fixture(scope="session")
def toy_policy(toy_run: Path) -> Path:
    """The toy run's policy file."""
    from gaitway.learning import export_run

    path = toy_run.parent / "policy.onnx"
    export_run(toy_run, path, num_robots=16, episode_s=2.0)
    return path

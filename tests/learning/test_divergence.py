from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from gaitway.errors import GaitwayError
from gaitway.learning import PPOConfig, TrainConfig, train
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.divergence import check_policy
from gaitway.learning.networks import GaussianActorCritic

SMALL = TrainConfig(
    env_steps=16 * 8 * 4, num_envs=16, checkpoint_every=1, torch_threads=1,
    settings=PPOConfig(hidden=(32,), rollout_steps=8),
)  # fmt: skip


def test_a_loss_that_is_not_finite_ends_the_training_at_the_last_good_checkpoint(tmp_path: Path) -> None:
    bad = replace(SMALL, settings=PPOConfig(hidden=(32,), rollout_steps=8, learning_rate=1e30))
    with pytest.raises(
        GaitwayError, match=r"diverged: policy_loss, value_loss, .* not finite; the last check"
    ):
        train(bad, tmp_path / "run")
    checkpoint = load_checkpoint(tmp_path / "run")
    assert checkpoint.values["env_steps"] == 0
    for name, tensor in checkpoint.tensors.items():
        if name.startswith("policy."):
            assert tensor.isfinite().all(), name


def test_a_parameter_that_is_not_finite_is_named(tmp_path: Path) -> None:
    policy = GaussianActorCritic(4, 0, 2, (8,), 1.0)
    check_policy(policy, tmp_path)
    with torch.no_grad():
        policy.get_parameter("critic.0.weight")[1, 2] = float("nan")
        policy.normalizer.var[0] = float("inf")
    with pytest.raises(
        GaitwayError, match=r"parameter normalizer.var, parameter critic.0.weight are not finite"
    ):
        check_policy(policy, tmp_path)


def test_large_numbers_are_not_taken_for_infinite(tmp_path: Path) -> None:
    policy = GaussianActorCritic(4, 0, 2, (8,), 1.0)
    with torch.no_grad():
        policy.get_parameter("critic.0.weight").fill_(3e38)
    check_policy(policy, tmp_path)

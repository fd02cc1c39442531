"""A robot and its reflection live the same life."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from gaitway.learning.networks import GaussianActorCritic
from gaitway.learning.normalizer import Normalizer
from gaitway.robots import h23
from gaitway.tasks import TaskMirror, VectorEnv, get_task, task_mirror

ROBOT = h23()
WALK = get_task("walk")


def _walk_mirror() -> TaskMirror:
    mirror = task_mirror(WALK, ROBOT)
    assert mirror is not None
    return mirror


MIRROR = _walk_mirror()


def test_reflected_actions_give_reflected_observations_and_the_same_rewards() -> None:
    quiet = dataclasses.replace(
        WALK,
        observation=tuple(dataclasses.replace(term, noise=0.0) for term in WALK.observation),
        action=dataclasses.replace(WALK.action, delay_steps=(0.5, 0.5)),
        randomization=None,
        curriculum=None,
        pushes=None,
        initial_state=dataclasses.replace(WALK.initial_state, joint_pos_noise=0.0),
    )
    env = VectorEnv(quiet, ROBOT, 2, seed=3)
    env.reset()
    env.command[0] = (0.5, 0.2, -0.4)
    env.command[1] = (0.5, -0.2, 0.4)
    env._sensing.delay_steps[:, 1] = env._sensing.delay_steps[:, 0]
    env._next_command_step[:] = 10_000
    env.gait_phase[:] = env._start_phase[:] = 0.0, np.pi
    rng = np.random.default_rng(0)
    action, order = MIRROR.action.sign * 0, MIRROR.action.order
    for _ in range(25):
        action = 0.8 * action + 0.3 * rng.normal(size=ROBOT.num_joints)
        obs, reward, _, _, infos = env.step(np.stack([action, MIRROR.action.sign * action[order]]))
        np.testing.assert_allclose(obs[1], MIRROR.obs.sign * obs[0][MIRROR.obs.order], atol=2e-3)
        critic_obs = np.concatenate([obs, infos["privileged"]], axis=1)
        expected = MIRROR.critic_obs.sign * critic_obs[0][MIRROR.critic_obs.order]
        np.testing.assert_allclose(critic_obs[1], expected, atol=5e-3)
        assert abs(reward[0] - reward[1]) < 1e-3


def test_the_symmetric_policy_reflects_its_actions_and_values_alike_and_deploys_as_itself() -> None:
    torch.manual_seed(0)
    size, critic_size = len(MIRROR.obs.order), len(MIRROR.critic_obs.order)
    policy = GaussianActorCritic(size, critic_size - size, 23, (32, 16), 0.5, MIRROR)
    with torch.no_grad():
        for parameter in policy.parameters():  # as training would leave them: no structure of their own
            parameter.add_(0.1 * torch.randn_like(parameter))
    obs, critic_obs = torch.randn(64, size), torch.randn(64, critic_size)
    mirrored = obs[:, MIRROR.obs.order] * torch.from_numpy(MIRROR.obs.sign).float()
    critic_mirrored = (
        critic_obs[:, MIRROR.critic_obs.order] * torch.from_numpy(MIRROR.critic_obs.sign).float()
    )
    expected = policy(obs)[:, MIRROR.action.order] * torch.from_numpy(MIRROR.action.sign).float()
    torch.testing.assert_close(policy(mirrored), expected)
    torch.testing.assert_close(policy.value(critic_mirrored), policy.value(critic_obs))
    assert torch.equal(policy.log_std, policy.log_std[MIRROR.action.order])
    torch.testing.assert_close(policy.deployed()(obs), policy(obs))


def test_the_symmetric_normalizer_counts_every_observation_with_its_reflection() -> None:
    obs = torch.randn(500, len(MIRROR.obs.order)) * 2.0 + 1.0
    mirrored = obs[:, MIRROR.obs.order] * torch.from_numpy(MIRROR.obs.sign).float()
    symmetric, plain = Normalizer(obs.shape[1], MIRROR.obs), Normalizer(obs.shape[1])
    symmetric.update(obs)
    plain.update(torch.cat([obs, mirrored]))
    torch.testing.assert_close(symmetric.mean, plain.mean, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(symmetric.var, plain.var, atol=1e-4, rtol=1e-4)


def test_a_robot_that_does_not_say_how_it_mirrors_has_no_task_mirror() -> None:
    unknown = dataclasses.replace(ROBOT, joint_mirror=(), joint_mirror_sign=())
    assert task_mirror(WALK, unknown) is None

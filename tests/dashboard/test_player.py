from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from gaitway.dashboard.player import Player
from gaitway.policy import PolicyError
from gaitway.sim import Stairs, TerrainConfig
from tests.dashboard.constant_policy import ROBOT, constant_policy, reordered


def test_stands_is_pushed_over_and_stands_again_after_a_reset() -> None:
    player = Player(constant_policy(), ROBOT)
    for _ in range(25):
        player.step(np.zeros(3))
    assert player.time_s == pytest.approx(0.5)
    assert not player.fallen
    player.push(80.0)
    for _ in range(100):
        player.step(np.zeros(3))
    assert player.fallen
    player.reset()
    assert not player.fallen
    assert player.time_s == 0.0
    assert not player.measured.any()


@pytest.mark.parametrize(("heading", "along"), [(0.0, [1, 0]), (np.pi / 2, [0, 1]), (np.pi, [-1, 0])])
def test_a_push_goes_where_it_is_headed_whichever_way_the_robot_faces(
    heading: float, along: list[int]
) -> None:
    player = Player(constant_policy(), ROBOT)
    player.sim.base_quat_w[0] = (np.cos(0.5), 0.0, 0.0, np.sin(0.5))
    player.push(12.0, heading)
    for _ in range(6):
        player.step(np.zeros(3))
    velocity = player.measured[:2]
    assert velocity @ along > 0.9 * np.linalg.norm(velocity) > 0.01


def test_the_command_follows_what_is_asked_slowly_and_within_the_trained_ranges() -> None:
    player = Player(constant_policy(), ROBOT)
    player.step(np.array([9.0, 0.0, 0.0]))
    assert 0.0 < player.command[0] < 0.05
    for _ in range(80):
        player.step(np.array([9.0, 0.0, 0.0]))
    spec = player.runtime.spec.command
    assert spec is not None
    np.testing.assert_allclose(player.command, [spec.lin_vel_x[1], 0.0, 0.0])


def test_joints_are_matched_by_name() -> None:
    rng = np.random.default_rng(0)
    action, order = 0.3 * rng.normal(size=ROBOT.num_joints), rng.permutation(ROBOT.num_joints)
    runtime = constant_policy(action=action)
    players = [Player(each, ROBOT) for each in (runtime, reordered(runtime, action, order))]
    for player in players:
        for _ in range(10):
            player.step()
    np.testing.assert_allclose(players[0].sim.joint_pos, players[1].sim.joint_pos, atol=1e-12)


def test_starts_on_the_row_of_terrain_of_its_level() -> None:
    terrain = TerrainConfig(kinds=(Stairs(),), levels=3, resolution=0.1)
    player = Player(constant_policy(), ROBOT, terrain=terrain, level=1.0)
    ground = player.sim.terrain
    assert ground is not None
    np.testing.assert_array_equal(player.sim.base_pos_w[0, :2], ground.origins[2, 0])
    for _ in range(25):
        player.step()
    assert not player.fallen


def test_a_policy_that_does_not_fit_is_refused() -> None:
    runtime = constant_policy()
    with pytest.raises(PolicyError, match="does not fit robot 'h23'"):
        Player(runtime, replace(ROBOT, stiffness=tuple(1.1 * value for value in ROBOT.stiffness)))
    runtime.spec = replace(runtime.spec, step_dt=0.013)
    with pytest.raises(PolicyError, match=r"control step is 0\.013 s"):
        Player(runtime, ROBOT)


def test_a_policy_without_commands_ignores_them() -> None:
    player = Player(constant_policy("stand"), ROBOT)
    player.step(np.ones(3))
    assert not player.command.any()

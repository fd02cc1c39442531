from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gaitway.errors import GaitwayError
from gaitway.robots import h23
from gaitway.sim import WORLDS, Lidar, LidarConfig, Obstacle, SimError, Simulation, World, get_world

ROBOT = h23()
UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
HEIGHT = 0.8


def test_a_world_without_obstacles_leaves_the_robots_physics_bit_for_bit() -> None:
    bare, flat = (Simulation(ROBOT, 2, num_threads=1, world=world) for world in (None, get_world("flat")))
    for sim in (bare, flat):
        sim.push(np.array([[20.0, 5.0, 0.0], [0.0, -10.0, 0.0]]))
        for _ in range(50):
            sim.step()
    np.testing.assert_array_equal(bare.qpos, flat.qpos)


def test_a_robot_cannot_walk_through_an_obstacle() -> None:
    wall = World(obstacles=(Obstacle(shape="box", pos=(1.2, 0.0), size=(0.8, 4.0, 1.5)),))
    free, stopped = (Simulation(ROBOT, 1, num_threads=1, world=world) for world in (None, wall))
    for sim in (free, stopped):
        for _ in range(60):
            sim.push(np.array([[15.0, 0.0, 0.0]]))
            sim.step()
    assert free.base_pos_w[0, 0] > 1.0
    assert stopped.base_pos_w[0, 0] < 0.8


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_beams_end_on_the_surface_of_what_stands_there(name: str) -> None:
    world = get_world(name)
    for pos, yaw in (((0.0, 0.0), 0.0), ((1.6, -0.4), 1.0), ((-1.0, 3.0), -2.5)):
        lidar = Lidar(world, LidarConfig(beams=180))
        quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
        ranges = lidar.scan(np.array([*pos, HEIGHT]), quat)
        angles = yaw + lidar.angle_min + lidar.angle_increment * np.arange(180)
        directions = np.stack([np.cos(angles), np.sin(angles)], axis=1)
        hit = np.isfinite(ranges)
        assert hit.all() == (name == "obstacles")
        ends = np.array(pos) + ranges[hit, None] * directions[hit]
        np.testing.assert_allclose(world.distance(ends), 0.0, atol=1e-5)
        for share in (0.3, 0.6, 0.99):
            assert (world.distance(np.array(pos) + share * ranges[hit, None] * directions[hit]) > 0.0).all()


def test_a_tilted_lidar_meets_the_ground_where_geometry_says() -> None:
    tilt = 0.2
    lidar = Lidar(World(), LidarConfig(beams=4))
    ranges = lidar.scan(
        np.array([0.0, 0.0, HEIGHT]), np.array([np.cos(tilt / 2), 0.0, np.sin(tilt / 2), 0.0])
    )
    backward, right, forward, left = ranges
    assert forward == pytest.approx(HEIGHT / np.sin(tilt), rel=1e-5)
    assert np.isposinf([backward, right, left]).all()


def test_what_is_nearer_than_the_least_range_is_reported_as_too_near() -> None:
    world = World(obstacles=(Obstacle(shape="cylinder", pos=(1.0, 0.0), size=(0.4, 0.4, 1.5)),))
    lidar = Lidar(world, LidarConfig(beams=4, range_min=0.3))
    assert np.isneginf(lidar.scan(np.array([0.6, 0.0, HEIGHT]), UPRIGHT)[2])


def test_a_world_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "hall.toml"
    path.write_text('[[obstacles]]\nshape = "box"\npos = [2.0, 1.0]\nsize = [0.5, 1.0, 1.2]\nyaw = 0.5\n')
    assert get_world(str(path)).obstacles == (
        Obstacle(shape="box", pos=(2.0, 1.0), size=(0.5, 1.0, 1.2), yaw=0.5),
    )


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[[obstacles]\n", "hall.toml"),
        ('[[obstacles]]\nshape = "ball"\npos = [2, 0]\nsize = [1, 1, 1]\n', "ball"),
        ('[[obstacles]]\nshape = "box"\npos = [2, 0]\nsize = [1, 1, -1]\n', "size above 0"),
        ('[[obstacles]]\nshape = "box"\npos = [0.5, 0]\nsize = [1, 1, 1]\n', "where robots start"),
        ('[[obstacles]]\nshape = "cylinder"\npos = [3, 0]\nsize = [1, 2, 1]\n', "diameter"),
        ("floor = 3\n", "floor"),
    ],
)
def test_a_world_that_cannot_be_is_refused_with_what_is_wrong(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "hall.toml"
    path.write_text(text)
    with pytest.raises(SimError, match=said):
        get_world(str(path))


def test_an_unknown_world_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(GaitwayError, match="did you mean 'obstacles'"):
        get_world("obstacle")
    with pytest.raises(SimError, match="cannot read the world"):
        get_world(str(tmp_path / "nowhere.toml"))

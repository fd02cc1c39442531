from __future__ import annotations

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.sim import (
    Flat,
    Rough,
    SimError,
    Simulation,
    Slopes,
    Stairs,
    Terrain,
    TerrainConfig,
    build_model,
)

ROBOT = h23()
HOME = np.array(ROBOT.home_joint_pos)
SMALL = TerrainConfig(levels=4, tile_size=4.0, platform=1.5, resolution=0.1, apron=3.0)


def make(config: TerrainConfig = SMALL, seed: int = 0) -> Terrain:
    return Terrain(config, np.random.default_rng(seed))


def tile(terrain: Terrain, level: int, column: int) -> np.ndarray:
    n = terrain.config.cells
    part = terrain.field[column * n : (column + 1) * n + 1, level * n : (level + 1) * n + 1]
    return terrain.lowest + terrain.extent * part.astype(float)


@pytest.mark.parametrize("config", [SMALL, replace(SMALL, kinds=(Flat(tiles=3),))])
def test_height_is_where_mujocos_rays_meet_the_ground(config: TerrainConfig) -> None:
    """Over the field and the apron around it."""
    terrain = make(config)
    model = build_model(ROBOT, 0.005, terrain)
    data = mujoco.MjData(model)
    mujoco.mj_kinematics(model, data)
    mujoco.mj_comPos(model, data)
    reach = terrain.half_size + 2.9
    points = np.random.default_rng(1).uniform(-reach, reach, (2000, 2))
    only_the_world = np.array([1, 0, 0, 0, 0, 0], dtype=np.uint8)
    geom = np.zeros(1, dtype=np.int32)
    found = [
        9.0 - mujoco.mj_ray(model, data, np.array([x, y, 9.0]), np.array([0.0, 0.0, -1.0]), only_the_world, 1, -1, geom)
        for x, y in points
    ]  # fmt: skip
    np.testing.assert_allclose(terrain.height(points[:, 0], points[:, 1]), found, atol=1e-6)


def test_the_same_seed_gives_the_same_ground() -> None:
    np.testing.assert_array_equal(make(seed=5).field, make(seed=5).field)
    assert (make(seed=5).field != make(seed=6).field).any()
    one, other = Simulation(ROBOT, 1, terrain=SMALL, seed=5), Simulation(ROBOT, 3, terrain=SMALL, seed=5)
    np.testing.assert_array_equal(one.model.hfield_data, other.model.hfield_data)


@pytest.mark.parametrize("kind", [Rough(tiles=2), Slopes(tiles=2), Stairs(tiles=2)])
def test_levels_get_harder(kind: Rough | Slopes | Stairs) -> None:
    terrain = make(replace(SMALL, kinds=(kind,)))
    for column in range(2):
        unevenness = [tile(terrain, level, column).std() for level in range(4)]
        assert (np.diff(unevenness) > 0.0).all(), unevenness


def test_pyramids_and_pits_take_turns_and_stairs_have_the_stated_rise() -> None:
    terrain = make(replace(SMALL, kinds=(Stairs(tiles=2, rise=(0.02, 0.08), tread=0.3),)))
    pyramid, pit = tile(terrain, 3, 0), tile(terrain, 3, 1)
    np.testing.assert_allclose(pyramid, -pit, atol=1e-6)
    profile = pyramid[20, :21]  # from an edge to the middle
    np.testing.assert_allclose(np.unique(np.diff(profile).round(6)), [0.0, 0.08], atol=1e-6)
    assert profile[-1] == pytest.approx(4 * 0.08, abs=1e-6)


def test_tiles_meet_at_height_zero_and_nothing_but_level_ground_is_around() -> None:
    terrain = make()
    along = np.arange(0, SMALL.shape[1], SMALL.cells)
    x = along * SMALL.resolution - terrain.half_size[0]
    y = np.linspace(-1.5, 1.5, 50) * terrain.half_size[1]
    np.testing.assert_allclose(terrain.height(*np.meshgrid(x, y)), 0.0, atol=1e-6)
    np.testing.assert_allclose(terrain.height(np.array([-50.0, 50.0]), np.array([0.0, 3.0])), 0.0, atol=1e-6)


def test_robots_start_above_whatever_is_under_their_feet_and_land_on_it() -> None:
    sim = Simulation(ROBOT, 40, terrain=SMALL)
    assert sim.terrain is not None
    rng = np.random.default_rng(2)
    xy = rng.uniform(-0.9, 0.9, (40, 2)) * sim.terrain.half_size
    sim.reset(None, HOME + rng.uniform(-0.05, 0.05, (40, ROBOT.num_joints)), xy)
    np.testing.assert_array_equal(sim.base_pos_w[:, :2], xy)
    geoms = [sim.model.geom(name).id for name in ROBOT.foot_geoms]
    for env_id in range(40):
        data = sim.data(env_id)
        assert data.ncon == 0
        soles = data.geom_xpos[geoms] - [0.0, 0.0, float(sim.model.geom_size[geoms[0], 0])]
        above = soles[:, 2] - sim.ground_height(soles)
        assert above.min() > 0.0
        assert above.min() < 0.12
    for _ in range(20):
        sim.set_command(np.tile(HOME, (40, 1)))
        assert not sim.step().any()
    assert sim.foot_contact.any(axis=1).all()
    assert (sim.base_pos_w[:, 2] - sim.ground_height(sim.base_pos_w) > 0.5).all()


def test_robots_are_drawn_the_same_on_any_ground_and_a_plane_has_height_zero() -> None:
    plane, terrain = Simulation(ROBOT, 2), Simulation(ROBOT, 2, terrain=SMALL)
    for name, value in plane.draw.arrays().items():
        np.testing.assert_array_equal(value, terrain.draw.arrays()[name])
    assert plane.terrain is None
    assert not plane.ground_height(np.ones((4, 2, 3))).any()


def test_terrain_larger_than_memory_is_refused_before_it_is_made() -> None:
    with pytest.raises(SimError, match=r"112001 x 160001|160001 x 112001") as error:
        Simulation(ROBOT, 1, terrain=TerrainConfig(resolution=0.0005))
    assert "MiB may be taken; make the resolution (0.0005 m) coarser" in str(error.value)
    with pytest.raises(SimError, match="at most 0 MiB"):
        Terrain(SMALL, np.random.default_rng(0), memory_limit=1000)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"levels": 0}, "at least one level"),
        ({"kinds": ()}, "at least one level and one tile"),
        ({"resolution": 0.0}, "above 0"),
        ({"tile_size": float("nan")}, "above 0"),
        ({"platform": 5.0}, "larger than their platforms"),
    ],
)
def test_terrain_that_cannot_be_is_refused(changes: dict, message: str) -> None:
    with pytest.raises(SimError, match=message):
        replace(SMALL, **changes)


def test_a_robot_that_brings_no_floor_stands_on_terrain_too() -> None:
    without = "\n".join(line for line in ROBOT.mjcf.splitlines() if 'name="floor"' not in line)
    sim = Simulation(replace(ROBOT, mjcf=without), 1, terrain=SMALL)
    sim.step()
    assert sim.terrain is not None
    assert sim.base_pos_w[0, 2] > sim.terrain.lowest

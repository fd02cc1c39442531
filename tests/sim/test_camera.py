"""Pictures are drawn in a child: the OpenGL platform is chosen once per process."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

_DRAW = """
import sys
import numpy as np
from gaitway.robots import h23
from gaitway.sim import Camera, CameraConfig, Obstacle, SimError, World, draw_lighting

robot = h23()
qpos = np.concatenate([[0.0, 0.0, robot.home_base_height, 1.0, 0.0, 0.0, 0.0], robot.home_joint_pos])
world = World(obstacles=(Obstacle(shape="cylinder", pos=(3.0, 0.3), size=(0.5, 0.5, 3.0), color=(1.0, 0.0, 0.0)),))
pictures = {}
for name, seed in (("own", None), ("again", None), ("seed_1", 1), ("seed_2", 2), ("seed_1_again", 1)):
    light = None if seed is None else draw_lighting(np.random.default_rng(seed))
    try:
        camera = Camera(robot, world, CameraConfig(width=160, height=120), light)
    except SimError as error:
        print(error)
        sys.exit(3)
    pictures[name] = camera.render(qpos)
    focal_length = camera.focal_length
    camera.close()
np.savez(sys.argv[1], focal_length=focal_length, **pictures)
"""


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> dict[str, np.ndarray]:
    path = tmp_path_factory.mktemp("camera") / "pictures.npz"
    done = subprocess.run(
        [sys.executable, "-c", _DRAW, str(path)],
        capture_output=True,
        text=True,
        env={"MUJOCO_GL": "egl", **os.environ},
    )
    if done.returncode == 3:
        pytest.skip(done.stdout.strip())
    assert done.returncode == 0, done.stderr
    return dict(np.load(path))


def _red_columns(picture: np.ndarray) -> np.ndarray:
    row = picture[60].astype(int)
    return np.flatnonzero(row[:, 0] > row[:, 1] + row[:, 2])


def test_an_obstacle_stands_in_the_picture_where_the_pinhole_puts_it(drawn: dict[str, np.ndarray]) -> None:
    columns = _red_columns(drawn["own"])
    camera_x, pos, radius = 0.074, np.array([3.0, 0.3]), 0.25  # the head's camera is 7 cm before the pelvis
    offset = pos - [camera_x, 0.0]
    middle, half = np.arctan2(offset[1], offset[0]), np.arcsin(radius / np.linalg.norm(offset))
    expected = 80.0 - drawn["focal_length"] * np.tan([middle + half, middle - half])
    np.testing.assert_allclose([columns[0], columns[-1] + 1], expected, atol=2.5)
    assert len(columns) == columns[-1] - columns[0] + 1


def test_light_that_is_drawn_changes_the_picture_and_is_the_same_for_the_same_seed(
    drawn: dict[str, np.ndarray],
) -> None:
    np.testing.assert_array_equal(drawn["own"], drawn["again"])
    np.testing.assert_array_equal(drawn["seed_1"], drawn["seed_1_again"])
    own, first, second = (drawn[name][60:].mean(axis=(0, 1)) for name in ("own", "seed_1", "seed_2"))
    assert np.abs(own - first).max() > 15.0
    assert np.abs(first - second).max() > 15.0
    assert len(_red_columns(drawn["seed_1"])) > 5  # what stands there is seen in any light

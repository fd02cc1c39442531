from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from gaitway.dashboard.player import Player
from gaitway.sim import Stairs, TerrainConfig
from tests.dashboard.constant_policy import ROBOT, constant_policy

pytest.importorskip("viser", reason="the extra `dashboard` is not installed")

from gaitway.dashboard.viewer import Viewer
from tests.dashboard.browser import CHROMIUM, Page, opened


@pytest.fixture
def viewer() -> Iterator[Viewer]:
    viewer = Viewer(Player(constant_policy(), ROBOT), "**home**", port=18_080)
    thread = threading.Thread(target=viewer.run)
    thread.start()
    yield viewer
    viewer.close()
    thread.join()


def dark_pixels(page: Page) -> int:
    """How much of the middle of the page is as dark as the robot's joints."""
    picture = np.asarray(Image.open(io.BytesIO(page.screenshot())).convert("L"))
    height, width = picture.shape
    return int((picture[height // 4 : -height // 4, width // 3 : -width // 3] < 90).sum())


@pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here")
def test_a_browser_shows_the_robot_and_its_keys_steer_it(viewer: Viewer) -> None:
    assert viewer.teleoperation is not None
    with opened(viewer.url) as page:
        page.wait_for("document.querySelector('canvas') !== null")
        page.wait_for("document.body.innerText.includes('real-time factor')")
        deadline = time.monotonic() + 60.0
        while dark_pixels(page) < 100:
            assert time.monotonic() < deadline, "the robot was never drawn"
            time.sleep(0.2)
        page.press("i", "KeyI")
        page.press("i", "KeyI")
        page.press("j", "KeyJ")
        page.wait_for("[...document.querySelectorAll('input')].some(input => input.value === '0.2')")
        page.wait_for("[...document.querySelectorAll('input')].some(input => input.value === '0.1')")
        assert viewer.teleoperation.velocity.tolist() == [0.2, 0.0, 0.1]
        page.press(" ", "Space")
        page.wait_for("![...document.querySelectorAll('input')].some(input => input.value === '0.2')")
        assert not viewer.teleoperation.velocity.any()


def test_ends_after_the_time_it_was_given() -> None:
    viewer = Viewer(Player(constant_policy("stand"), ROBOT), "**stand**", port=18_080)
    viewer.run(seconds=0.1)
    assert viewer.player.time_s == pytest.approx(0.1)
    assert viewer.url.startswith("http://localhost:")
    viewer.close()


def test_shows_terrain_too() -> None:
    terrain = TerrainConfig(kinds=(Stairs(),), levels=2, resolution=0.2)
    viewer = Viewer(Player(constant_policy(), ROBOT, terrain=terrain), "**stairs**", port=18_080)
    viewer.run(seconds=0.04)
    viewer.close()

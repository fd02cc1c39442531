"""The monitor beside a simulated robot in another process, and a camera that is this test."""

from __future__ import annotations

from array import array
from pathlib import Path

import numpy as np
import psutil
import pytest
from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import Image
from std_msgs.msg import UInt64

from gaitway.ros import messages, names
from gaitway.ros.agents.process_watch import ProcessWatch
from tests.ros.agent_process import running_agent
from tests.ros.harness import WAIT_S, nodes


def _picture(height: int, width: int, padding: int = 0) -> Image:
    step = 3 * width + padding
    pixels = np.arange(height * step, dtype=np.uint8) % 251
    return Image(height=height, width=width, step=step, encoding="rgb8", data=array("B", pixels.tobytes()))


@pytest.mark.parametrize("padding", [0, 5])
def test_pixels_are_a_view_of_the_message_and_decimation_copies_only_what_is_left(padding: int) -> None:
    image = _picture(480, 640, padding)
    pixels, small = messages.picture(image), messages.decimated(image, 4)
    assert pixels is not None
    assert np.shares_memory(pixels, np.frombuffer(image.data, np.uint8))
    assert small is not None
    assert (small.height, small.width, len(small.data)) == (120, 160, 120 * 160 * 3)
    np.testing.assert_array_equal(messages.picture(small), pixels[::4, ::4])


@pytest.mark.parametrize("change", [{"encoding": "jpeg"}, {"step": 100}, {"height": 481}])
def test_an_image_that_contradicts_itself_is_none(change: dict) -> None:
    image = _picture(480, 640)
    for field, value in change.items():
        setattr(image, field, value)
    assert messages.picture(image) is None
    assert messages.decimated(image, 4) is None


def test_memory_is_that_of_the_process_and_who_has_ended_is_forgotten(tmp_path: Path) -> None:
    own = psutil.Process()
    watch = ProcessWatch([own.cmdline()[-1]])
    (use,) = [use for use in watch.measure(0.0) if use.pid == own.pid]
    assert use.rss_mib == pytest.approx(own.memory_info().rss / 2**20, rel=0.1)
    ballast = np.ones(2**24)  # 128 MiB
    (grown,) = [use for use in watch.measure(120.0) if use.pid == own.pid]
    assert grown.growth_mib_per_min == pytest.approx(ballast.nbytes / 2**20 / 2.0, rel=0.2)
    assert ProcessWatch(["no process has this word"]).measure(0.0) == []


def test_the_monitor_tells_rates_losses_memory_and_what_the_camera_sees(tmp_path: Path) -> None:
    topics = "topics:=[joint_states, imu/data, counted]"
    with (
        nodes({"simulated_robot": ["robot:=h23"]}, tmp_path) as (launch, _),
        running_agent(tmp_path / "monitor.log", "monitor", "-p", topics, "-p", "every_nth:=2"),
    ):
        client, node = launch.client, launch.client.node
        found: dict[str, tuple[bytes, str, dict[str, str]]] = {}
        small: list[Image] = []

        def on_diagnostics(message: DiagnosticArray) -> None:
            for status in message.status:
                found[status.name] = status.level, status.message, messages.values_of(status)

        node.create_subscription(DiagnosticArray, names.DIAGNOSTICS, on_diagnostics, 10)
        node.create_subscription(Image, "/camera/image_decimated", small.append, 10)
        images = node.create_publisher(Image, names.CAMERA_IMAGE, names.SENSOR_OUT)
        picture = _picture(480, 640)
        node.create_timer(0.1, lambda: images.publish(picture))

        def heard(topic: str) -> bool:
            values = found.get(f"monitor: topic {topic}", (b"", "", {}))[2]
            return int(values.get("received", 0)) > 600

        assert client.spin_until(lambda: heard("/joint_states") and heard("/imu/data"), WAIT_S)
        level, _, values = found["monitor: topic /joint_states"]
        assert level == messages.OK
        assert float(values["rate_hz"]) == pytest.approx(200.0, rel=0.1)
        assert int(values["lost"]) <= 0.05 * int(values["received"])  # some while processes start
        assert float(values["kbyte_per_s"]) > 100.0
        level, text, _ = found["monitor: topic /counted"]
        assert (level, text) == (messages.WARN, "never heard")

        robot = next(v for _, _, v in found.values() if "gaitway.ros.simulated_robot" in v.get("command", ""))
        rss_mib = psutil.Process(int(robot["pid"])).memory_info().rss / 2**20
        assert float(robot["rss_mib"]) == pytest.approx(rss_mib, rel=0.2)
        assert 0.0 < float(robot["cpu_cores"]) < 2.0

        assert client.spin_until(lambda: "brightness" in found["monitor: camera"][2], WAIT_S)
        camera = found["monitor: camera"][2]
        expected = messages.picture(picture)
        assert expected is not None
        assert float(camera["brightness"]) == pytest.approx(expected[::4, ::4].mean(), abs=1.0)
        assert (small[-1].width, small[-1].height) == (160, 120)
        ticks = found["monitor: executor"][2]
        assert int(ticks["missed_ticks"]) <= 0.05 * int(ticks["ticks"])

        counted = node.create_publisher(UInt64, "/counted", 1)
        node.create_timer(0.02, lambda: counted.publish(UInt64()))
        name = "monitor: topic /counted"
        assert client.spin_until(lambda: found[name][0] == messages.OK, WAIT_S)

"""The camera of a simulated robot: a process that the node `robot` starts where `camera_hz` is above 0.

It reads the robot's states from standard input, draws the newest, publishes `/camera/image_raw` and
`/camera/camera_info`, and ends when its input does.
"""

from __future__ import annotations

import array
import os
import sys

import msgspec
import numpy as np
import rclpy
from rclpy.node import Node
from sensor_msgs.msg import CameraInfo, Image

from gaitway.errors import GaitwayError
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.sim import Camera, CameraConfig, draw_lighting, get_world

_FRAMES_READ = 64


class CameraRequest(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be drawn, as JSON the first argument of this process."""

    robot: str
    world: str
    config: CameraConfig
    lighting_seed: int
    """0 for the robot model's own light."""


def make_camera(request: CameraRequest) -> Camera:
    """The camera that is asked for.

    Raises:
        GaitwayError: there is no such robot or world, it has no camera, or nothing can be drawn here.
    """
    rng = np.random.default_rng(abs(request.lighting_seed))
    return Camera(
        get_robot(request.robot),
        get_world(request.world),
        request.config,
        draw_lighting(rng) if request.lighting_seed else None,
    )


def image_message(picture: np.ndarray) -> Image:
    """A picture, shape (height, width, 3), uint8, as a message without a stamp."""
    height, width, channels = picture.shape
    message = Image(height=height, width=width, encoding="rgb8", step=width * channels)
    message.header.frame_id = names.CAMERA_OPTICAL_FRAME
    message.data = array.array("B", picture.tobytes())
    return message


def camera_info(config: CameraConfig, focal_length: float) -> CameraInfo:
    """The pinhole that pictures are drawn with."""
    f, cx, cy = focal_length, 0.5 * config.width, 0.5 * config.height
    message = CameraInfo(width=config.width, height=config.height, distortion_model="plumb_bob")
    message.header.frame_id = names.CAMERA_OPTICAL_FRAME
    message.d = [0.0] * 5
    message.k = [f, 0.0, cx, 0.0, f, cy, 0.0, 0.0, 1.0]
    message.r = [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
    message.p = [f, 0.0, cx, 0.0, 0.0, f, cy, 0.0, 0.0, 0.0, 1.0, 0.0]
    return message


def _run(request: CameraRequest) -> None:
    camera = make_camera(request)
    node = Node("simulated_camera", start_parameter_services=False)
    images = node.create_publisher(Image, names.CAMERA_IMAGE, names.SENSOR_OUT)
    infos = node.create_publisher(CameraInfo, names.CAMERA_INFO, names.SENSOR_OUT)
    info = camera_info(camera.config, camera.focal_length)
    size = 8 * (1 + camera.num_qpos)
    while states := os.read(sys.stdin.fileno(), _FRAMES_READ * size):
        newest = states[-size:]
        image = image_message(camera.render(np.frombuffer(newest[8:])))
        stamp = messages.stamp_from(int(np.frombuffer(newest[:8], dtype=np.int64)[0]))
        image.header.stamp = info.header.stamp = stamp
        images.publish(image)
        infos.publish(info)
    camera.close()


def main() -> None:
    """Draw until the input ends."""
    rclpy.init(args=sys.argv)
    try:
        _run(msgspec.json.decode(sys.argv[1], type=CameraRequest))
    except KeyboardInterrupt:
        pass
    except GaitwayError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    finally:
        rclpy.try_shutdown()


if __name__ == "__main__":
    main()

"""What a simulated robot perceives around itself: `/scan` here, `/camera/image_raw` by a process of its own.

Drawing takes longer than a physics step, so the robot only hands its state to the camera's process through a pipe,
and never waits: while that process is busy, pictures are left out.
"""

from __future__ import annotations

import array
import contextlib
import os
import subprocess
import sys

import msgspec
import numpy as np
from sensor_msgs.msg import LaserScan

from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.robot_bridge import RobotBridge
from gaitway.ros.simulated_camera import CameraRequest
from gaitway.sim import CameraConfig, Lidar, Simulation, World

_END_S = 3.0
_LOW_PRIORITY = 10


class SimulatedPerception:
    """The lidar and the camera of a simulated robot's node."""

    def __init__(self, node: RobotBridge, sim: Simulation, world: World):
        """Declare the parameters, and start the camera's process where a rate is asked for.

        Raises:
            RosError: a rate is negative or above that of the physics, or the robot has no camera.
            SimError: pictures cannot have the size that is asked for.
        """
        self._node = node
        self._sim = sim
        scan_hz = node.fixed("scan_hz", 10.0, "Rate of /scan [Hz]; 0 for none.")
        camera_hz = node.fixed("camera_hz", 0.0, "Rate of /camera/image_raw [Hz]; 0 for none.")
        request = CameraRequest(
            robot=str(node.get_parameter("robot").value),
            world=str(node.get_parameter("world").value),
            config=CameraConfig(
                width=node.fixed("camera_width", 84, "Width of a picture [pixels]."),
                height=node.fixed("camera_height", 84, "Height of a picture [pixels]."),
                shadows=node.fixed("camera_shadows", False, "Whether things throw shadows in pictures."),
            ),
            lighting_seed=node.fixed(
                "lighting_seed", 0, "Light of the pictures drawn with this seed; 0 for the robot model's own."
            ),
        )
        self._scan_clock = _Clock("scan_hz", scan_hz, sim.physics_dt)
        self._camera_clock = _Clock("camera_hz", camera_hz, sim.physics_dt)
        if scan_hz:
            self._lidar = Lidar(world)
            self._scan_out = node.create_publisher(LaserScan, names.SCAN, names.SENSOR_OUT)
        if camera_hz and node.robot.camera is None:
            raise RosError(f"the robot {node.robot.name} has no camera; leave camera_hz at 0")
        self._camera = self._start_camera(request) if camera_hz else None

    def publish_due(self, physics_steps: int, stamp_ns: int) -> None:
        """Publish what is due.

        Args:
            physics_steps: taken so far.
            stamp_ns: of the simulation's present state.
        """
        if self._scan_clock.is_due(physics_steps):
            self._publish_scan(stamp_ns)
        if self._camera is not None and self._camera_clock.is_due(physics_steps):
            self._show(self._camera, stamp_ns)

    def close(self) -> None:
        """End the camera's process."""
        if self._camera is not None:
            assert self._camera.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._camera.stdin.close()  # it ends by itself
            try:
                self._camera.wait(_END_S)
            except subprocess.TimeoutExpired:
                self._camera.kill()
                self._camera.wait()
            self._camera = None

    def _publish_scan(self, stamp_ns: int) -> None:
        lidar, config = self._lidar, self._lidar.config
        message = LaserScan(
            angle_min=lidar.angle_min,
            angle_max=lidar.angle_min + (config.beams - 1) * lidar.angle_increment,
            angle_increment=lidar.angle_increment,
            range_min=config.range_min,
            range_max=config.range_max,
        )
        message.header.stamp, message.header.frame_id = messages.stamp_from(stamp_ns), names.LIDAR_FRAME
        ranges = lidar.scan(self._sim.base_pos_w[0], self._sim.base_quat_w[0])
        message.ranges = array.array("f", ranges.tobytes())
        self._scan_out.publish(message)

    def _start_camera(self, request: CameraRequest) -> subprocess.Popen:
        topics = [
            f"{topic}:={self._node.resolve_topic_name(topic)}"
            for topic in (names.CAMERA_IMAGE, names.CAMERA_INFO)
        ]
        remaps = [argument for topic in topics for argument in ("-r", topic)]
        process = subprocess.Popen(
            [
                *(
                    sys.executable,
                    "-m",
                    "gaitway.ros.simulated_camera",
                    msgspec.json.encode(request).decode(),
                ),
                *("--ros-args", *remaps),
            ],
            stdin=subprocess.PIPE,
            env={
                **os.environ,
                "MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl"),
                "LP_NUM_THREADS": os.environ.get("LP_NUM_THREADS", "1"),  # of software OpenGL
            },
        )
        os.setpriority(os.PRIO_PROCESS, process.pid, _LOW_PRIORITY)
        assert process.stdin is not None
        os.set_blocking(process.stdin.fileno(), False)
        return process

    def _show(self, camera: subprocess.Popen, stamp_ns: int) -> None:
        """Hand the present state to the camera's process."""
        assert camera.stdin is not None
        frame = np.int64(stamp_ns).tobytes() + np.ascontiguousarray(self._sim.qpos[0]).tobytes()
        try:
            os.write(camera.stdin.fileno(), frame)  # whole or not at all: it is shorter than PIPE_BUF
        except BlockingIOError:
            pass  # it has enough to do
        except BrokenPipeError:
            self._node.get_logger().error("the camera's process has ended; there are no more pictures")
            camera.poll()
            self._camera = None


class _Clock:
    """Says when something with a rate is due, in physics steps."""

    def __init__(self, name: str, rate_hz: float, physics_dt: float):
        if not 0.0 <= rate_hz <= 1.0 / physics_dt:
            raise RosError(f"{name} must be from 0 to {1.0 / physics_dt:g} Hz; it is {rate_hz:g}")
        self._period = 1.0 / (rate_hz * physics_dt) if rate_hz else float("inf")
        self._due = 0.0 if rate_hz else float("inf")

    def is_due(self, physics_steps: int) -> bool:
        if physics_steps < self._due:
            return False
        self._due += self._period
        return True

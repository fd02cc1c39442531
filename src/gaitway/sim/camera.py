"""What the camera in a robot's head sees, drawn off-screen.

Software OpenGL draws a small picture in a few milliseconds where shadows and multi-sampling are left out, and in ten
times that with them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np

from gaitway.robots import Robot
from gaitway.sim.errors import SimError
from gaitway.sim.lighting import Lighting
from gaitway.sim.model import build_model
from gaitway.sim.worlds import World


@dataclass(frozen=True, kw_only=True)
class CameraConfig:
    """How pictures are drawn."""

    width: int = 84
    """[pixels]"""
    height: int = 84
    """[pixels]"""
    shadows: bool = False
    """Whether things throw shadows; these cost most of the time."""

    def __post_init__(self) -> None:
        if not (8 <= self.width <= 1920 and 8 <= self.height <= 1920):
            raise SimError(f"a picture has 8 to 1920 pixels on each side; got {self.width} by {self.height}")


class Camera:
    """Draws what a robot's camera sees. To be made, used and closed in one thread.

    Attributes:
        config: how pictures are drawn.
    """

    def __init__(
        self, robot: Robot, world: World, config: CameraConfig | None = None, lighting: Lighting | None = None
    ):
        """Make a camera for a robot in a world.

        Args:
            robot: whose camera it is.
            world: what stands around it.
            config: how pictures are drawn.
            lighting: the light; default the robot model's own.

        Raises:
            SimError: the robot has no camera, or nothing can be drawn here.
        """
        if robot.camera is None:
            raise SimError(f"the robot {robot.name} has no camera")
        self.config = config = config or CameraConfig()
        self._camera = robot.camera
        self._model = build_model(robot, physics_dt=0.005, world=world)
        if lighting is not None:
            lighting.apply(self._model)
        visual = self._model.vis
        visual.quality.offsamples = 0
        visual.quality.shadowsize = 1024
        visual.global_.offwidth, visual.global_.offheight = config.width, config.height
        self._data = mujoco.MjData(self._model)
        try:
            self._renderer = mujoco.Renderer(self._model, config.height, config.width)
        except (ImportError, RuntimeError, mujoco.FatalError) as error:
            raise SimError(
                f"off-screen rendering does not work here ({error}); on Debian or Ubuntu `apt install libegl1 "
                "libgl1` and MUJOCO_GL=egl provide it without a display"
            ) from error
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_SHADOW] = config.shadows
        self._renderer.scene.flags[mujoco.mjtRndFlag.mjRND_REFLECTION] = False

    @property
    def num_qpos(self) -> int:
        """How many values describe a configuration."""
        return int(self._model.nq)

    @property
    def focal_length(self) -> float:
        """Focal length of the pinhole, the same along both axes [pixels]."""
        fovy = math.radians(float(self._model.camera(self._camera).fovy[0]))
        return 0.5 * self.config.height / math.tan(0.5 * fovy)

    def render(self, qpos: np.ndarray) -> np.ndarray:
        """Draw one picture.

        Args:
            qpos: base position [m], base orientation wxyz and joint positions [rad]. Shape (nq,).

        Returns:
            Red, green and blue, rows from the top. Shape (height, width, 3), uint8.
        """
        self._data.qpos[:] = qpos
        mujoco.mj_kinematics(self._model, self._data)
        mujoco.mj_camlight(self._model, self._data)
        self._renderer.update_scene(self._data, self._camera)
        return self._renderer.render()

    def close(self) -> None:
        """Give the OpenGL context back."""
        self._renderer.close()

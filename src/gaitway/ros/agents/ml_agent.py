"""Node `ml_agent`: a learned model of any of the usual libraries, from what the robot senses to `ml_actions`.

The parameter `model` names a file of ONNX (`.onnx`), PyTorch (`.pt2`, `.pt`), Keras 3 (`.keras`) or scikit-learn
(`.skops`), which is loaded once. Ten times a second it is given what `features` lists, in that order, as one vector:
positions and velocities from `joint_states`, in the order of `joints`, and the picture on `camera/image_raw`, shrunk to
`picture_height` by `picture_width` grey values from 0 to 1, row by row. A model that takes another number of values is
refused at the start. What it gives goes out as a Float64MultiArray.

The model runs in a thread of its own, so that a slow one delays no message; while it is busy, older values give way to
the newest. A lifecycle node, which activates itself unless `autostart` is false; without fresh values, and after an
emergency stop, it is silent.
"""

from __future__ import annotations

import math

import numpy as np
from rcl_interfaces.msg import IntegerRange, ParameterDescriptor
from sensor_msgs.msg import Image
from std_msgs.msg import Float64MultiArray

from gaitway.policy.learned_model import load_model
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.agents.bounded_stage import BoundedStage
from gaitway.ros.agents.joint_agent import JointAgent
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import run_node, steady_s, steady_timer

FEATURES = ("joint_positions", "joint_velocities", "picture")

_RATE_HZ = 10.0
_PICTURE_TIMEOUT_S = 1.0


class MlAgent(JointAgent):
    """Keeps the newest joint states and picture, which a timer hands to the thread of the model."""

    def __init__(self) -> None:
        super().__init__("ml_agent")
        self._asking = BoundedStage(self._ask, 1)  # first: a node that refuses a parameter is destroyed too
        robot = get_robot(self.fixed("robot", "h23", "Robot whose joints these are."))
        self._joints = list(self.fixed("joints", list(robot.joint_names), "Joints to look at, in order."))
        unknown = [name for name in self._joints if name not in robot.joint_names]
        if unknown:
            raise RosError(f"joints: {unknown} are none of {', '.join(robot.joint_names)}")
        self._features = list(self.fixed("features", list(FEATURES[:2]), f"Any of {', '.join(FEATURES)}."))
        if not self._features or set(self._features) - set(FEATURES):
            raise RosError(f"features must be some of {', '.join(FEATURES)}; got {self._features}")
        self._rows, self._columns = (
            self._count(f"picture_{side}", 16, "Grey values in the vector.", 1, 256)
            for side in ("height", "width")
        )
        sizes = {"picture": self._rows * self._columns}
        size = sum(sizes.get(name, len(self._joints)) for name in self._features)
        num_actions = self._count(
            "num_actions", 0, "Values the model must give; 0 for any number.", 0, 10_000
        )
        path = str(self.fixed("model", "", "File of the model: .onnx, .pt2, .pt, .keras or .skops."))
        trusted = self.fixed("trusted_types", [""], "Types that a .skops file may hold beside the usual.")
        self._picture: np.ndarray | None = None
        self._seen_s = -math.inf
        self._actions = self.create_lifecycle_publisher(Float64MultiArray, "ml_actions", names.COMMAND)
        self.model = load_model(path, size, trusted_types=trusted) if path else None
        """None where the parameter `model` is empty."""
        if self.model and num_actions not in (0, self.model.output_size):
            raise RosError(
                f"{path} gives {self.model.output_size} values; num_actions asks for {num_actions}"
            )
        if "picture" in self._features:
            self.create_subscription(Image, "camera/image_raw", self._on_image, names.SENSOR_IN)
        steady_timer(self, 1.0 / _RATE_HZ, self._tick)
        if self.model:
            self.start()

    def _count(self, name: str, default: int, description: str, low: int, high: int) -> int:
        span = IntegerRange(from_value=low, to_value=high, step=1)
        descriptor = ParameterDescriptor(description=description, read_only=True, integer_range=[span])
        value = self.declare_parameter(name, default, descriptor).value
        assert isinstance(value, int)
        return value

    def _on_image(self, message: Image) -> None:
        picture = messages.picture(message)
        if picture is None:
            self.get_logger().warning(
                f"a picture as {message.encoding} is left out", throttle_duration_sec=10.0
            )
        elif picture.shape[0] < self._rows or picture.shape[1] < self._columns:
            self.get_logger().error(
                f"a picture of {picture.shape[0]} by {picture.shape[1]} pixels is too small for a grid of "
                f"{self._rows} by {self._columns}",
                throttle_duration_sec=10.0,
            )
        else:
            self._picture, self._seen_s = picture, steady_s()

    def destroy_node(self) -> None:
        """End with the thread ended."""
        self._asking.close()
        super().destroy_node()

    def _tick(self) -> None:
        self._asking.check()
        measured = self.measured(self._joints) if self.active else None
        if measured is None or self.model is None:
            return
        values = {"joint_positions": measured[1], "joint_velocities": measured[2]}
        if "picture" in self._features:
            if self._picture is None or steady_s() - self._seen_s > _PICTURE_TIMEOUT_S:
                self.get_logger().warning("no fresh picture: no action", throttle_duration_sec=5.0)
                return
            values["picture"] = self._picture
        self._asking.offer(values)

    def _ask(self, values: dict[str, np.ndarray]) -> bool:
        """In the model's thread: from what was sensed to an action; returns whether it was published."""
        assert self.model is not None
        if "picture" in values:
            values["picture"] = shrunk(values["picture"], self._rows, self._columns).reshape(-1)
        action = self.model(np.concatenate([values[name] for name in self._features]))
        if not np.isfinite(action).all():
            self.get_logger().error("the model gives a value that is not finite", throttle_duration_sec=1.0)
            return False
        if self.active:  # an emergency stop may have come meanwhile
            self._actions.publish(Float64MultiArray(data=messages.doubles(action)))
        return self.active


def shrunk(picture: np.ndarray, rows: int, columns: int) -> np.ndarray:
    """Means of a picture's grey values over a grid, from 0 to 1.

    Args:
        picture: shape (height, width, channels), uint8.
        rows: of the grid.
        columns: of the grid; as rows, no more than the picture has.

    Returns:
        Shape (rows, columns).
    """
    height, width = picture.shape[:2]
    top, left = np.arange(rows) * height // rows, np.arange(columns) * width // columns
    grey = picture.mean(axis=2) / 255.0
    sums = np.add.reduceat(np.add.reduceat(grey, top, axis=0), left, axis=1)
    return sums / np.outer(np.diff([*top, height]), np.diff([*left, width]))


def _with_model() -> MlAgent:
    agent = MlAgent()
    if agent.model is None:
        raise RosError("the parameter model names no file: --ros-args -p model:=model.onnx")
    return agent


if __name__ == "__main__":
    run_node(_with_model)

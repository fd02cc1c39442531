"""Frames and URDF of the simulated robot, as RViz and its like hear them."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest
from nav_msgs.msg import Odometry
from rclpy.qos import DurabilityPolicy, QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from gaitway import rotation
from gaitway.robots import h23
from gaitway.robots.model_spec import model_spec
from gaitway.ros import messages, names
from tests.ros.harness import WAIT_S, nodes
from tests.ros.interfaces import require_interfaces

require_interfaces()
from geometry_msgs.msg import TransformStamped  # noqa: E402
from tf2_msgs.msg import TFMessage  # noqa: E402

ROBOT = h23()
SENSOR_FRAMES = {"base_link", "imu_link", "lidar_link", "camera_link", "camera_optical_frame"}


class Frames:
    """What a transform listener knows."""

    def __init__(self) -> None:
        self.newest: dict[str, TransformStamped] = {}
        self.stamps: list[int] = []
        self.parents: dict[str, set[str]] = {}

    def on_message(self, message: TFMessage) -> None:
        for transform in message.transforms:
            self.newest[transform.child_frame_id] = transform
            self.parents.setdefault(transform.child_frame_id, set()).add(transform.header.frame_id)

    def on_moving(self, message: TFMessage) -> None:
        self.on_message(message)
        header = next(iter(message.transforms)).header
        if header.frame_id != names.ODOM_FRAME:
            self.stamps.append(messages.nanoseconds(header.stamp))

    def pose(self, frame: str) -> tuple[np.ndarray, np.ndarray]:
        """Position and quaternion wxyz in `odom`."""
        pos, quat = np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0])
        while frame != names.ODOM_FRAME:
            transform = self.newest[frame].transform
            translation, turn = transform.translation, messages.quat_wxyz(transform.rotation)
            pos = rotation.rotate(turn, pos) + np.array([translation.x, translation.y, translation.z])
            quat = rotation.multiply(turn, quat)
            frame = self.newest[frame].header.frame_id
        return pos, quat


@pytest.fixture(scope="module")
def heard(tmp_path_factory: pytest.TempPathFactory) -> tuple[Frames, str, JointState, Odometry]:
    """The frames, the URDF and the sensors of a robot that hangs on its gantry."""
    frames, descriptions = Frames(), []
    joints: list[JointState] = []
    odometry: list[Odometry] = []
    running = {"simulated_robot": [], "robot_state_publisher": []}
    with nodes(running, tmp_path_factory.mktemp("logs")) as (launch, _):
        node = launch.client.node
        static = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
        node.create_subscription(TFMessage, "/tf", frames.on_moving, 100)
        node.create_subscription(TFMessage, "/tf_static", frames.on_message, static)
        node.create_subscription(String, "/robot_description", lambda m: descriptions.append(m.data), static)
        node.create_subscription(JointState, names.JOINT_STATES, joints.append, names.SENSOR_IN)
        node.create_subscription(Odometry, names.ODOM, odometry.append, names.SENSOR_IN)
        complete = launch.client.spin_until(
            lambda: bool(descriptions and odometry) and {"base_link", "left_elbow"} <= set(frames.newest),
            WAIT_S,
        )
        assert complete, sorted(frames.newest)
        frames.stamps.clear()
        launch.client.spin_for(2.0)
    return frames, descriptions[-1], joints[-1], odometry[-1]


def test_every_frame_has_one_parent_and_hangs_from_odom(heard) -> None:
    frames, description, _, _ = heard
    model = model_spec(ROBOT).compile()
    bodies = {model.body(i).name for i in range(1, model.nbody)}
    assert bodies | SENSOR_FRAMES == set(frames.newest)
    assert {frame: parents for frame, parents in frames.parents.items() if len(parents) > 1} == {}
    assert all(frames.pose(frame) for frame in frames.newest)
    links = mujoco.MjSpec.from_string(description).bodies
    assert {body.name for body in links} >= bodies


def test_frames_stand_where_the_robots_joints_and_odometry_put_them(heard) -> None:
    frames, _, joints, odometry = heard
    model = model_spec(ROBOT).compile()
    data = mujoco.MjData(model)
    position = odometry.pose.pose.position
    data.qpos[:3] = position.x, position.y, position.z
    data.qpos[3:7] = messages.quat_wxyz(odometry.pose.pose.orientation)
    for name, value in zip(joints.name, joints.position, strict=True):
        data.qpos[model.joint(name).qposadr[0]] = value
    mujoco.mj_kinematics(model, data)
    mujoco.mj_camlight(model, data)
    still = 2e-3  # [m], since messages of one robot are of different instants, and it hangs
    for body in range(1, model.nbody):
        pos, quat = frames.pose(model.body(body).name)
        np.testing.assert_allclose(pos, data.xpos[body], atol=still)
        assert abs(np.dot(quat, data.xquat[body])) == pytest.approx(1.0, abs=1e-4)
    imu, _ = frames.pose("imu_link")
    np.testing.assert_allclose(
        imu, data.xpos[1] + rotation.rotate(data.xquat[1], np.array(ROBOT.imu.pos)), atol=still
    )
    camera = data.camera(ROBOT.camera)
    pos, quat = frames.pose("camera_optical_frame")
    np.testing.assert_allclose(pos, camera.xpos, atol=still)
    right, up, backward = camera.xmat.reshape(3, 3).T
    for axis, direction in zip(np.eye(3), (right, -up, -backward), strict=True):
        np.testing.assert_allclose(rotation.rotate(quat, axis), direction, atol=1e-2)
    _, quat = frames.pose("camera_link")
    np.testing.assert_allclose(rotation.rotate(quat, np.array([1.0, 0.0, 0.0])), -backward, atol=1e-2)


def test_links_come_at_most_as_often_as_asked(heard) -> None:
    frames, _, _, _ = heard
    gaps_s = np.diff(frames.stamps) * 1e-9
    assert len(gaps_s) > 60
    assert gaps_s.min() >= 0.02 - 1e-9

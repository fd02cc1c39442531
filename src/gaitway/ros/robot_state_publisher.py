"""Node `robot_state_publisher`: a robot's frames on `/tf`, and its URDF on `/robot_description`.

What RViz, Foxglove and Nav2 need to draw a robot and to place what it senses: from `/joint_states` each link on its
parent, at most `publish_frequency` times a second; from `/odom` the base in `odom`, unless `odom_tf` is false since
something else says so; and once the frames that do not move: `base_link`, `imu_link`, `lidar_link` and the camera's. It is
named after the node of ROS 2 that does the same from a URDF.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from geometry_msgs.msg import TransformStamped
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.node import Node
from rclpy.qos import QoSProfile
from sensor_msgs.msg import JointState
from std_msgs.msg import String
from tf2_msgs.msg import TFMessage

from gaitway import rotation
from gaitway.robots import get_robot
from gaitway.robots.links import Link, LinkTree
from gaitway.robots.urdf import urdf
from gaitway.ros import messages, names
from gaitway.ros.node_main import run_node

_TF_OUT = QoSProfile(depth=100)
_TO_OPTICAL = (0.5, -0.5, 0.5, -0.5)
"""From a frame with x ahead and z up to REP-103's of a camera, with z ahead and x to the right."""
_CAMERA_TO_OPTICAL = (0.0, 1.0, 0.0, 0.0)
"""From MuJoCo's frame of a camera, which looks along -z with y up."""


class RobotStatePublisher(Node):
    """Adapter of a tree of links to ROS 2."""

    def __init__(self) -> None:
        super().__init__("robot_state_publisher")
        robot = get_robot(self._fixed("robot", "h23", "Robot whose frames they are."))
        fastest = FloatingPointRange(from_value=1.0, to_value=200.0)
        self._every_ns = round(
            1e9 / self._fixed("publish_frequency", 50.0, "Most messages a second [Hz].", fastest)
        )
        odom_tf = self._fixed("odom_tf", True, "Whether to publish the base in `odom` as `/odom` has it.")
        self._tree = LinkTree(robot)
        self._moving = [_transform(link) for link in self._tree.moving]
        self._base = TransformStamped(child_frame_id=root_frame(self._tree))
        self._published_ns = 0
        self._tf = self.create_publisher(TFMessage, names.TF, _TF_OUT)
        self._tf_static = self.create_publisher(TFMessage, names.TF_STATIC, names.LATCHED)
        self._description = self.create_publisher(String, names.ROBOT_DESCRIPTION, names.LATCHED)
        self._description.publish(String(data=urdf(self._tree)))
        self._publish_fixed()
        self.create_subscription(JointState, names.JOINT_STATES, self._on_joints, names.SENSOR_IN)
        if odom_tf:
            self.create_subscription(Odometry, names.ODOM, self._on_odom, names.SENSOR_IN)

    def _fixed(
        self, name: str, default: Any, description: str, span: FloatingPointRange | None = None
    ) -> Any:
        spans = [] if span is None else [span]
        descriptor = ParameterDescriptor(description=description, read_only=True, floating_point_range=spans)
        return self.declare_parameter(name, default, descriptor).value

    def _publish_fixed(self) -> None:
        fixed = [link for link in self._tree.links if link.joint is None] + sensor_frames(self._tree)
        stamp = self.get_clock().now().to_msg()
        self._tf_static.publish(TFMessage(transforms=[_transform(link, stamp) for link in fixed]))

    def _on_joints(self, message: JointState) -> None:
        stamp_ns = messages.nanoseconds(message.header.stamp)
        if 0 <= stamp_ns - self._published_ns < self._every_ns:
            return
        measured = messages.by_name(message, self._tree.robot.joint_names, among_others=True)
        if measured is None:
            return
        self._published_ns = stamp_ns
        for transform, quat in zip(self._moving, self._tree.turned(measured[0]).tolist(), strict=True):
            transform.header.stamp = message.header.stamp
            _set_rotation(transform, quat)
        self._tf.publish(TFMessage(transforms=self._moving))

    def _on_odom(self, message: Odometry) -> None:
        self._base.header = message.header
        translation, position = self._base.transform.translation, message.pose.pose.position
        translation.x, translation.y, translation.z = position.x, position.y, position.z
        self._base.transform.rotation = message.pose.pose.orientation
        self._tf.publish(TFMessage(transforms=[self._base]))


def root_frame(tree: LinkTree) -> str:
    """`base_link`, unless that is a link elsewhere on the robot: then the base's own name."""
    return tree.base if names.BASE_FRAME in {link.name for link in tree.links} else names.BASE_FRAME


def sensor_frames(tree: LinkTree) -> list[Link]:
    """Frames of the messages of a robot that are none of its links: base, IMU, lidar, camera."""
    robot, model = tree.robot, tree.model
    frames = [
        Link(name=names.IMU_FRAME, parent=tree.base, pos=robot.imu.pos, quat=robot.imu.quat),
        Link(name=names.LIDAR_FRAME, parent=tree.base),
    ]
    if root_frame(tree) != tree.base:
        frames.append(Link(name=tree.base, parent=root_frame(tree)))
    if robot.camera is not None:
        camera = model.camera(robot.camera)
        quat = rotation.multiply(camera.quat, np.array(_CAMERA_TO_OPTICAL))
        to_camera = rotation.multiply(quat, np.array(rotation.conjugate(_TO_OPTICAL)))
        frames += [
            Link(
                name=names.CAMERA_FRAME, parent=model.body(camera.bodyid[0]).name,
                pos=tuple(camera.pos.tolist()), quat=tuple(to_camera.tolist()),
            ),
            Link(name=names.CAMERA_OPTICAL_FRAME, parent=names.CAMERA_FRAME, quat=_TO_OPTICAL),
        ]  # fmt: skip
    present = {link.name for link in tree.links}
    return [frame for frame in frames if frame.name not in present]


def _transform(link: Link, stamp: Time | None = None) -> TransformStamped:
    transform = TransformStamped(child_frame_id=link.name)
    transform.header.frame_id = link.parent
    if stamp is not None:
        transform.header.stamp = stamp
    transform.transform.translation = messages.vector(link.pos)
    _set_rotation(transform, link.quat)
    return transform


def _set_rotation(transform: TransformStamped, quat: Sequence[float]) -> None:
    rotated = transform.transform.rotation
    rotated.w, rotated.x, rotated.y, rotated.z = quat


if __name__ == "__main__":
    run_node(RobotStatePublisher)

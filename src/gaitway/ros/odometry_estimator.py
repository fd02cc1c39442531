"""Node `odometry_estimator`: `/odom` from joints and IMU, for a robot that nothing else locates.

See `gaitway.robots.odometry` for what it assumes. It publishes at 50 Hz, with the frame names of REP-105.
"""

from __future__ import annotations

from nav_msgs.msg import Odometry
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState

from gaitway import rotation
from gaitway.robots import get_robot
from gaitway.robots.odometry import LegOdometry
from gaitway.ros import messages, names
from gaitway.ros.node_main import run_node

_ODOM_EVERY_NS = 20_000_000
_LONGEST_GAP_S = 0.1


class OdometryEstimator(Node):
    """The estimator's adapter to ROS 2."""

    def __init__(self) -> None:
        super().__init__(names.ODOMETRY)
        description = ParameterDescriptor(description="Robot that is located.", read_only=True)
        robot = get_robot(str(self.declare_parameter("robot", "h23", description).value))
        self._joints = robot.joint_names
        self._odometry = LegOdometry(robot)
        self._imu: Imu | None = None
        self._before_ns: int | None = None
        self._published_ns = 0
        self._odom = self.create_publisher(Odometry, names.ODOM, names.SENSOR_OUT)
        self.create_subscription(Imu, names.IMU, self._on_imu, names.SENSOR_IN)
        self.create_subscription(JointState, names.JOINT_STATES, self._on_joints, names.SENSOR_IN)

    def _on_imu(self, message: Imu) -> None:
        self._imu = message

    def _on_joints(self, message: JointState) -> None:
        measured = messages.by_name(message, self._joints)
        if self._imu is None or measured is None:
            return
        stamp_ns = messages.nanoseconds(message.header.stamp)
        elapsed_s = 0.0 if self._before_ns is None else (stamp_ns - self._before_ns) * 1e-9
        self._before_ns = stamp_ns
        self._odometry.update(
            *measured,
            messages.imu_quat_w(self._imu),
            messages.imu_ang_vel(self._imu),
            min(max(elapsed_s, 0.0), _LONGEST_GAP_S),
        )
        if stamp_ns - self._published_ns >= _ODOM_EVERY_NS:
            self._published_ns = stamp_ns
            self._publish(message)

    def _publish(self, joints: JointState) -> None:
        odometry = self._odometry
        to_base = rotation.conjugate(odometry.base_quat_w)
        self._odom.publish(
            messages.odometry(
                joints.header.stamp,
                odometry.base_pos_w,
                odometry.base_quat_w,
                rotation.rotate(to_base, odometry.base_lin_vel_w),
                odometry.base_ang_vel_b,
            )
        )


if __name__ == "__main__":
    run_node(OdometryEstimator)

"""Real nodes in real processes, and a stand-in for a robot where a test needs to be the robot."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import rclpy
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.executors import SingleThreadedExecutor
from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Bool

from gaitway.ros import messages, names
from gaitway.ros.launching import Launch, launch_policy
from gaitway.ros.robot_client import RobotClient

WAIT_S = 15.0


class Watcher:
    """What a test hears and says beside the nodes under test."""

    def __init__(self, client: RobotClient):
        self.client = client
        self.states: list[JointState] = []
        self.commands: list[JointState] = []
        self.robot: DiagnosticStatus | None = None
        self.safety: DiagnosticStatus | None = None
        node = client.node
        node.create_subscription(JointState, names.JOINT_STATES, self.states.append, 50)
        node.create_subscription(JointState, names.JOINT_COMMANDS, self.commands.append, 50)
        node.create_subscription(DiagnosticStatus, names.ROBOT_STATE, self._on_robot, names.LATCHED)
        node.create_subscription(DiagnosticStatus, names.SAFETY_STATE, self._on_safety, names.LATCHED)
        self.stop_out = node.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
        self.command_out = node.create_publisher(JointState, names.JOINT_COMMANDS, names.COMMAND)

    def _on_robot(self, message: DiagnosticStatus) -> None:
        self.robot = message

    def _on_safety(self, message: DiagnosticStatus) -> None:
        self.safety = message

    @property
    def mode(self) -> str:
        return self.robot.message if self.robot else ""

    @property
    def stop_reason(self) -> str:
        return messages.values_of(self.robot).get("reason", "") if self.robot else ""

    def wait_for_mode(self, mode: str) -> None:
        reached = self.client.spin_until(lambda: self.mode == mode, WAIT_S)
        assert reached, f"the robot is {self.mode} ({self.stop_reason}), not {mode}"

    def publish_until(self, mode: str, publish: Callable[[], None]) -> None:
        """Say something again until it has its effect: who is not matched yet hears nothing."""
        for _ in range(int(WAIT_S / 0.1)):
            publish()
            if self.client.spin_until(lambda: self.mode == mode, 0.1):
                return
        self.wait_for_mode(mode)

    def joint_pos(self, joints: Sequence[str]) -> np.ndarray:
        measured = messages.by_name(self.states[-1], joints, among_others=True)
        assert measured is not None
        return measured[0]


@contextmanager
def running(policy: Path, log_dir: Path, *, let_go: bool = True) -> Iterator[tuple[Launch, Watcher]]:
    """The three processes, the robot on its own feet unless told otherwise."""
    with launch_policy(policy, "h23", log_dir, blend_s=0.3) as launch:
        watcher = Watcher(launch.client)
        if let_go:
            launch.let_go()
            watcher.wait_for_mode("active")
        yield launch, watcher


@contextmanager
def nodes(commands: dict[str, list[str]], log_dir: Path) -> Iterator[tuple[Launch, Watcher]]:
    """Only the named nodes, with the given parameters."""
    with Launch(commands, log_dir) as launch:
        yield launch, Watcher(launch.client)


class StandInRobot:
    """A node `robot` that has a robot's parameters and publishes what a test tells it to."""

    def __init__(self, joints: Sequence[str], gains: Sequence[float] | None = None):
        self.context = rclpy.Context()
        rclpy.init(context=self.context)
        self.node = Node(names.ROBOT, context=self.context)
        self.node.declare_parameter("joints", list(joints))
        self.node.declare_parameter("stiffness", [0.0] * len(joints))
        self.node.declare_parameter("damping", [0.0] * len(joints))
        self.node.declare_parameter("max_start_pose_error", 0.35)
        self.joints = list(joints)
        self.joint_states = self.node.create_publisher(JointState, names.JOINT_STATES, names.SENSOR_OUT)
        self.imu = self.node.create_publisher(Imu, names.IMU, names.SENSOR_OUT)
        self._executor = SingleThreadedExecutor(context=self.context)
        self._executor.add_node(self.node)
        self._thread = threading.Thread(target=self._executor.spin, daemon=True)
        self._thread.start()

    def publish(self, stamp_ns: int, joint_pos, joint_vel, imu_quat_w, imu_ang_vel) -> None:
        """Sensor values, the joints in the order of `joints`."""
        stamp = messages.stamp_from(stamp_ns)
        imu = Imu(orientation=messages.quat_message(imu_quat_w))
        imu.header.stamp = stamp
        velocity = imu.angular_velocity
        velocity.x, velocity.y, velocity.z = (float(value) for value in imu_ang_vel)
        self.imu.publish(imu)
        self.joint_states.publish(messages.joint_state(stamp, self.joints, joint_pos, joint_vel))

    def close(self) -> None:
        self._executor.shutdown()
        self._thread.join(5.0)
        self.node.destroy_node()
        rclpy.try_shutdown(context=self.context)

"""What a bridge asks of its joints, for a driver whose measurements a test sets."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterator

import numpy as np
import pytest
import rclpy
from rclpy.executors import SingleThreadedExecutor
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, UInt64

from gaitway.robots import h23
from gaitway.ros import RosError, messages, names
from gaitway.ros.robot_bridge import RobotBridge, ServoCommand
from gaitway.ros.robot_client import RobotClient
from tests.ros.harness import WAIT_S

ROBOT = h23()
HOME = np.array(ROBOT.home_joint_pos)
KNEE = ROBOT.joint_names.index("left_knee_joint")


class Driver(RobotBridge):
    """Joints that are where a test puts them."""

    def __init__(self) -> None:
        super().__init__()
        self.measured = HOME.copy()
        self.servos: ServoCommand | None = None
        self.start(0.01, self.drive)

    def joint_pos(self) -> np.ndarray:
        return self.measured

    def apply(self, servos: ServoCommand) -> None:
        self.servos = servos


@pytest.fixture
def driver() -> Iterator[tuple[Driver, RobotClient]]:
    """An active robot, which somebody speaks to."""
    rclpy.init(args=["--ros-args", "-p", "command_timeout_s:=10.0", "-p", "heartbeat_timeout_s:=10.0"])
    bridge = Driver()
    executor = SingleThreadedExecutor()
    executor.add_node(bridge)
    thread = threading.Thread(target=executor.spin, daemon=True)
    thread.start()
    client = RobotClient("test", timeout_s=WAIT_S)
    command_out = client.node.create_publisher(JointState, names.JOINT_COMMANDS, names.COMMAND)
    heartbeat = client.node.create_publisher(UInt64, names.SAFETY_HEARTBEAT, names.EVENT)
    try:
        for beat in range(int(WAIT_S / 0.1)):
            command_out.publish(messages.joint_state(messages.stamp_from(1), ROBOT.joint_names, HOME))
            heartbeat.publish(UInt64(data=beat))
            client.spin_for(0.1)
            try:
                client.trigger(names.ROBOT_ACTIVATE)
                break
            except RosError as error:
                if "has come" not in str(error):
                    raise
        assert bridge.modes.mode.value == "active"
        yield bridge, client
    finally:
        executor.shutdown()
        thread.join(5.0)
        client.close()
        bridge.destroy_node()
        rclpy.try_shutdown()


def test_a_pose_is_held_within_the_range_though_a_joint_is_pressed_past_it(
    driver: tuple[Driver, RobotClient],
) -> None:
    bridge, client = driver
    pressed = HOME.copy()
    pressed[KNEE] = ROBOT.position_lower[KNEE] - 0.04
    within = np.clip(pressed, ROBOT.position_lower, ROBOT.position_upper)

    def holds() -> bool:
        return bridge.servos is not None and np.array_equal(bridge.servos.target, within)

    bridge.measured = pressed
    client.trigger(names.ROBOT_HOLD)
    assert client.spin_until(holds, WAIT_S)

    stop_out = client.node.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
    for _ in range(int(WAIT_S / 0.1)):
        stop_out.publish(Bool(data=True))
        if client.spin_until(lambda: bridge.modes.stop is not None and not holds(), 0.1):
            break
    client.trigger(names.ROBOT_CLEAR_STOP)
    assert bridge.modes.mode.value == "position_hold"
    assert client.spin_until(holds, WAIT_S)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_a_pose_that_is_not_known_is_not_held(driver: tuple[Driver, RobotClient], bad: float) -> None:
    bridge, client = driver
    bridge.measured = HOME.copy()
    bridge.measured[KNEE] = bad
    with pytest.raises(RosError, match="position of left_knee_joint is not finite: there is no pose to hold"):
        client.trigger(names.ROBOT_HOLD)
    assert bridge.modes.mode.value == "active"
    stop_out = client.node.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
    for _ in range(int(WAIT_S / 0.1)):
        stop_out.publish(Bool(data=True))
        if client.spin_until(lambda: bridge.modes.stop is not None, 0.1):
            break
    with pytest.raises(RosError, match="there is no pose to hold"):
        client.trigger(names.ROBOT_CLEAR_STOP)
    assert bridge.modes.stop is not None

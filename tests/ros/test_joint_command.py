from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import rclpy
from hypothesis import given
from hypothesis import strategies as st
from std_msgs.msg import Float64MultiArray

from gaitway.robots import h23
from gaitway.ros import RosError
from gaitway.ros.joint_command import read_command
from gaitway.ros.simulated_robot import SimulatedRobot
from gaitway.safety import SafetyError

ROBOT = h23()
JOINTS = st.lists(st.sampled_from(ROBOT.joint_names), unique=True)
NUMBERS = st.floats(allow_infinity=False)


@given(JOINTS, st.data())
def test_a_command_reaches_its_joints_by_name_within_their_limits_and_no_others(joints, data) -> None:
    position = data.draw(st.lists(NUMBERS, min_size=len(joints), max_size=len(joints)))
    effort = data.draw(st.lists(NUMBERS, min_size=len(joints), max_size=len(joints)))
    command = read_command(ROBOT, joints, position, effort)
    for i, name in enumerate(ROBOT.joint_names):
        assert command.named[i] == (name in joints)
        if name not in joints:
            assert math.isnan(command.target[i])
            assert command.effort[i] == 0.0
            continue
        wanted, torque = position[joints.index(name)], effort[joints.index(name)]
        low, high = ROBOT.position_limit[i]
        np.testing.assert_equal(command.target[i], np.clip(wanted, low, high))  # NaN stays NaN: unset
        limit = ROBOT.effort_limit[i]
        assert command.effort[i] == (0.0 if math.isnan(torque) else np.clip(torque, -limit, limit))


@pytest.mark.parametrize(
    ("joints", "position", "effort", "reason"),
    [
        (["tail"], [0.0], [], "unknown or repeated joints: tail"),
        (["left_knee_joint"] * 2, [0.0, 0.0], [], "unknown or repeated joints"),
        (["left_knee_joint"], [0.0, 0.0], [], r"1 joints with \(2, 0\) positions and efforts"),
        (["left_knee_joint"], [], [math.inf], "infinite"),
    ],
)
def test_a_malformed_command_is_refused(joints, position, effort, reason: str) -> None:
    with pytest.raises(SafetyError, match=reason):
        read_command(ROBOT, joints, position, effort)


@contextmanager
def robot(*parameters: str) -> Iterator[SimulatedRobot]:
    rclpy.init(args=["--ros-args", *(word for p in parameters for word in ("-p", p))])
    try:
        node = SimulatedRobot()
        yield node
        node.destroy_node()
    finally:
        rclpy.try_shutdown()


@pytest.mark.parametrize("kind", ["position", "effort"])
def test_an_array_of_actions_is_what_the_parameter_says_it_is(kind: str) -> None:
    with robot(f"action_kind:={kind}", "action_joints:=[left_elbow_joint, left_knee_joint]") as node:
        node._on_action(Float64MultiArray(data=[0.7, 0.9]))
        order = [ROBOT.joint_names.index(name) for name in ("left_elbow_joint", "left_knee_joint")]
        newest = node._newest
        given = newest.effort if kind == "effort" else newest.target
        np.testing.assert_array_equal(given[order], [0.7, 0.9])
        assert np.flatnonzero(newest.named).tolist() == sorted(order)
        assert np.isnan(newest.target[order]).all() == (kind == "effort")


@pytest.mark.parametrize("parameter", ["action_kind:=speed", "action_joints:=[left_elbow_joint, tail]"])
def test_actions_that_no_robot_has_are_refused_at_start(parameter: str) -> None:
    with pytest.raises(RosError, match=parameter.partition(":")[0]), robot(parameter):
        pass

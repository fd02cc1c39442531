"""Arrays of actions from other people's nodes: `/robot_actions`, `/ml_actions`, `/control_commands`."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import numpy as np
from std_msgs.msg import Float64MultiArray

from gaitway.robots import h23
from gaitway.ros import names
from tests.ros.harness import WAIT_S, nodes

ROBOT = h23()
ARM = ["right_elbow_joint", "left_shoulder_roll_joint"]


def test_the_robot_obeys_arrays_of_some_joints_and_a_second_publisher_stops_it(tmp_path: Path) -> None:
    commands = {
        "simulated_robot": ["robot:=h23", f"action_joints:={ARM}"],
        "safety_supervisor": ["robot:=h23"],
    }
    with nodes(commands, tmp_path) as (launch, watch):
        client = launch.client
        watch.wait_for_mode("held")
        publisher = client.node.create_publisher(Float64MultiArray, names.ACTIONS[-1], 10)
        for topic, wanted in zip(names.ACTIONS, ([1.1, 0.6], [0.3, 0.2], [0.8, 0.9]), strict=True):
            out = (
                publisher
                if topic == names.ACTIONS[-1]
                else client.node.create_publisher(Float64MultiArray, topic, 10)
            )
            timer = client.node.create_timer(0.1, partial(out.publish, Float64MultiArray(data=wanted)))
            arrived = client.spin_until(
                lambda data=wanted: bool(watch.states) and np.allclose(watch.joint_pos(ARM), data, atol=0.08),
                WAIT_S,
            )
            assert arrived, topic
            timer.cancel()
        others = [name for name in ROBOT.joint_names if name not in ARM]
        home = dict(zip(ROBOT.joint_names, ROBOT.home_joint_pos, strict=True))
        np.testing.assert_allclose(watch.joint_pos(others), [home[name] for name in others], atol=0.12)

        second = client.node.create_publisher(Float64MultiArray, names.ACTIONS[-1], 10)

        def both() -> None:
            publisher.publish(Float64MultiArray(data=[0.8, 0.9]))
            second.publish(Float64MultiArray(data=[0.8, 0.9]))

        watch.publish_until("damping", both)
        assert client.spin_until(
            lambda: watch.safety is not None and "second" in watch.safety.message, WAIT_S
        )
        assert watch.safety is not None
        assert watch.safety.message == "a second publisher on /control_commands"
        client.spin_for(0.5)
        client.trigger(names.SUPERVISOR_RESET)
        watch.wait_for_mode("held")
        watch.publish_until("damping", lambda: second.publish(Float64MultiArray(data=[0.0] * 23)))
        assert watch.stop_reason.startswith("malformed command: 2 joints with (23, 0)")

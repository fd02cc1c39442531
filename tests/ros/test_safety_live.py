"""The three processes together: what stops the robot, and what ends a stop."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus
from rclpy.qos import qos_profile_sensor_data
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray
from std_srvs.srv import Trigger

from gaitway.robots import h23
from gaitway.ros import RosError, messages, names
from gaitway.ros.robot_client import RobotClient
from gaitway.safety import Stop
from tests.ros.harness import WAIT_S, StandInRobot, nodes, running

ROBOT = h23()


def test_a_stop_latches_until_the_supervisors_reset_and_survives_the_restart_of_the_other_two(
    toy_policy: Path, tmp_path: Path
) -> None:
    with running(toy_policy, tmp_path) as (launch, watch):
        client = launch.client
        watch.stop_out.publish(Bool(data=True))
        watch.wait_for_mode("damping")
        watch.stop_out.publish(Bool(data=False))
        client.spin_for(0.5)
        assert watch.mode == "damping"
        with pytest.raises(RosError, match="the robot is stopped"):
            client.trigger(names.ROBOT_ACTIVATE)

        client.trigger(names.ROBOT_RESET)  # on the gantry nothing but the robot's own stop is amiss
        launch.kill("safety_supervisor")
        launch.start("safety_supervisor", ["robot:=h23"])
        watch.safety = None
        adopted = client.spin_until(
            lambda: watch.safety is not None and "is stopped" in watch.safety.message, WAIT_S
        )
        assert adopted
        client.spin_for(0.5)
        assert watch.mode == "damping"  # on the gantry again, and still stopped

        launch.kill("policy_controller")
        launch.start("policy_controller", [f"policy:={toy_policy}", "robot:=h23", "blend_s:=0.3"])
        _wait_for_restarted_controller()
        client.start_control()
        watch.commands.clear()
        assert client.spin_until(lambda: len(watch.commands) > 50, WAIT_S)
        assert watch.mode == "damping"  # commanded, and still stopped
        with pytest.raises(RosError, match="the robot is stopped"):
            client.trigger(names.ROBOT_ACTIVATE)
        client.trigger(names.SUPERVISOR_RESET)
        watch.wait_for_mode("held")
        client.transition(names.CONTROLLER, "deactivate")
        client.transition(names.CONTROLLER, "activate")
        client.spin_for(0.5)
        client.trigger(names.ROBOT_ACTIVATE)
        watch.wait_for_mode("active")
        client.spin_for(0.5)
        assert watch.mode == "active"


def _wait_for_restarted_controller() -> None:
    """Until its services answer; those of the process before are remembered for a while, and do not."""
    client = RobotClient("test", timeout_s=1.0)
    try:
        for _ in range(int(WAIT_S)):
            try:
                assert client.lifecycle_state(names.CONTROLLER) == "unconfigured"
                return
            except RosError:
                continue
        raise AssertionError("the restarted controller does not answer")
    finally:
        client.close()


def test_a_reset_is_refused_while_the_robot_lies_on_the_ground(toy_policy: Path, tmp_path: Path) -> None:
    with running(toy_policy, tmp_path) as (launch, watch):
        watch.stop_out.publish(Bool(data=True))
        watch.wait_for_mode("damping")
        launch.client.spin_for(3.0)
        with pytest.raises(RosError, match="the cause persists: tilt is"):
            launch.client.trigger(names.SUPERVISOR_RESET)
        assert watch.mode == "damping"


def test_the_supervisor_hears_a_best_effort_stop_and_says_it_again_to_those_who_do_not(
    tmp_path: Path,
) -> None:
    with nodes({"safety_supervisor": ["robot:=h23"]}, tmp_path) as (launch, watch):
        heard: list[Bool] = []
        node = launch.client.node
        node.create_subscription(Bool, names.EMERGENCY_STOP, heard.append, names.EVENT)
        stop_out = node.create_publisher(Bool, names.EMERGENCY_STOP, qos_profile_sensor_data)
        for _ in range(int(WAIT_S / 0.1)):
            stop_out.publish(Bool(data=True))
            if launch.client.spin_until(lambda: any(message.data for message in heard), 0.1):
                break
        assert any(message.data for message in heard)
        said = "stop requested by /emergency_stop"
        assert launch.client.spin_until(
            lambda: watch.safety is not None and watch.safety.message == said, WAIT_S
        )


@pytest.mark.parametrize(
    ("process", "reason"),
    [
        ("policy_controller", "no joint command for 0.1 s"),
        ("safety_supervisor", "no supervisor heartbeat for 0.5 s"),
    ],
)
def test_a_killed_process_leads_to_damping(
    toy_policy: Path, tmp_path: Path, process: str, reason: str
) -> None:
    with running(toy_policy, tmp_path) as (launch, watch):
        launch.kill(process)
        watch.wait_for_mode("damping")
        assert watch.stop_reason == reason
        with pytest.raises(RosError, match=f"{process} ended with code -9"):
            launch.check()


def test_silent_sensors_stop_a_robot_only_once_it_has_said_that_it_is_off_its_gantry(
    toy_policy: Path, tmp_path: Path
) -> None:
    robot = StandInRobot(ROBOT.joint_names)
    state = robot.node.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
    try:
        with nodes({"safety_supervisor": ["robot:=h23"]}, tmp_path) as (launch, watch):

            def speak() -> None:
                robot.publish(0, ROBOT.home_joint_pos, [0.0] * 23, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
                launch.client.spin_for(0.01)

            assert launch.client.spin_until(lambda: watch.safety is not None, WAIT_S)
            for _ in range(50):  # long enough to be matched with
                speak()
            launch.client.spin_for(1.0)
            assert watch.safety is not None
            assert watch.safety.level == messages.OK, watch.safety.message

            for _ in range(10):  # a robot that is let go unheard is stopped at once
                speak()
            state.publish(
                messages.status(names.ROBOT, messages.OK, "active", {"on_gantry": False, "stop_count": 0})
            )
            for _ in range(50):
                speak()
            assert watch.safety.level == messages.OK, watch.safety.message
            heard = launch.client.spin_until(
                lambda: watch.safety is not None and watch.safety.level == messages.ERROR, WAIT_S
            )
            assert heard
            assert "age of" in watch.safety.message
    finally:
        robot.close()


@pytest.mark.parametrize("required", [None, "joint_states"])
def test_a_robot_whose_imu_is_never_heard_is_stopped_off_its_gantry_unless_it_needs_none(
    tmp_path: Path, required: str | None
) -> None:
    robot = StandInRobot(ROBOT.joint_names)
    state = robot.node.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
    parameters = ["robot:=h23"] + ([f"required_sensors:=[{required}]"] if required else [])
    try:
        with nodes({"safety_supervisor": parameters}, tmp_path) as (launch, watch):

            def speak(count: int) -> None:
                for sample in range(count):
                    position = np.array(ROBOT.home_joint_pos) + 1e-6 * sample
                    stamp = messages.stamp_from(0)
                    robot.joint_states.publish(
                        messages.joint_state(stamp, ROBOT.joint_names, position, [0.0] * 23)
                    )
                    launch.client.spin_for(0.01)

            assert launch.client.spin_until(lambda: watch.safety is not None, WAIT_S)
            speak(100)
            assert watch.safety is not None
            assert watch.safety.message == "watching"
            state.publish(messages.status(names.ROBOT, messages.OK, "position_hold", {"on_gantry": False}))
            speak(100)
            said = "watching" if required else "wait for the first message of imu is"
            assert watch.safety.message.startswith(said)
    finally:
        robot.close()


def test_a_restarted_robots_first_stop_is_no_message_about_the_one_that_was_cleared(tmp_path: Path) -> None:
    robot = StandInRobot(ROBOT.joint_names)
    state = robot.node.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
    robot.node.create_service(Trigger, names.ROBOT_CLEAR_STOP, _cleared)

    def say(time_s: float | None) -> None:
        """What a robot says of its first stop, or that it has none."""
        stop = None if time_s is None else Stop(check="command_format", message=f"of {time_s}", time_s=time_s)
        values = messages.stop_values(stop) | {"on_gantry": True, "stop_count": int(stop is not None)}
        state.publish(messages.status(names.ROBOT, messages.OK, "damping" if stop else "held", values))

    try:
        with nodes({"safety_supervisor": ["robot:=h23"]}, tmp_path) as (launch, watch):

            def said(message: str) -> bool:
                return launch.client.spin_until(
                    lambda: watch.safety is not None and watch.safety.message == message, WAIT_S
                )

            say(10.0)
            assert said("the robot is stopped: of 10.0")
            launch.client.trigger(names.SUPERVISOR_RESET)
            assert said("watching")
            say(10.0)  # sent before it was cleared, and late
            launch.client.spin_for(0.5)
            assert watch.safety is not None
            assert watch.safety.message == "watching"
            say(20.0)  # by a robot that started anew
            assert said("the robot is stopped: of 20.0")
    finally:
        robot.close()


def _cleared(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
    response.success = True
    return response


def test_a_nan_in_a_joint_state_stops_the_robot(toy_policy: Path, tmp_path: Path) -> None:
    with running(toy_policy, tmp_path) as (launch, watch):
        node = launch.client.node
        out = node.create_publisher(JointState, names.JOINT_STATES, names.SENSOR_OUT)
        position = list(ROBOT.home_joint_pos)
        position[3] = math.nan

        def publish() -> None:
            stamp = node.get_clock().now().to_msg()
            out.publish(messages.joint_state(stamp, ROBOT.joint_names, position, [0.0] * 23))

        watch.publish_until("damping", publish)
        heard = launch.client.spin_until(
            lambda: watch.safety is not None and watch.safety.level == messages.ERROR, WAIT_S
        )
        assert heard
        assert watch.safety is not None
        assert "left_knee_joint" in watch.safety.message


def test_a_second_publisher_of_commands_stops_the_robot_however_harmless_its_commands(
    toy_policy: Path, tmp_path: Path
) -> None:
    with running(toy_policy, tmp_path) as (launch, watch):
        command = messages.joint_state(messages.stamp_from(0), ROBOT.joint_names)  # asks for nothing
        watch.publish_until("damping", lambda: watch.command_out.publish(command))
        heard = launch.client.spin_until(
            lambda: watch.safety is not None and watch.safety.level == messages.ERROR, WAIT_S
        )
        assert heard
        assert watch.safety is not None
        values = messages.values_of(watch.safety)
        assert values["reason"] == "a second publisher on /joint_commands"
        assert abs(float(values["time_s"]) - launch.client.node.get_clock().now().nanoseconds * 1e-9) < WAIT_S


@pytest.mark.parametrize(
    ("joints", "position"),
    [
        (("left_knee_joint", "tail"), (0.1, 0.2)),
        (("left_knee_joint",), (0.1, 0.2)),
        (("left_knee_joint",), (math.inf,)),
    ],
    ids=["unknown joint", "two values for one joint", "infinite"],
)
def test_a_malformed_command_stops_robot_and_supervisor(
    toy_policy: Path, tmp_path: Path, joints, position
) -> None:
    with running(toy_policy, tmp_path, let_go=False) as (launch, watch):
        command = messages.joint_state(messages.stamp_from(0), joints, position)
        watch.publish_until("damping", lambda: watch.command_out.publish(command))
        heard = launch.client.spin_until(
            lambda: watch.safety is not None and watch.safety.level == messages.ERROR, WAIT_S
        )
        assert heard


def test_a_torque_array_of_the_wrong_length_stops_the_robot_by_itself(tmp_path: Path) -> None:
    with nodes({"simulated_robot": ["robot:=h23"]}, tmp_path) as (launch, watch):
        out = launch.client.node.create_publisher(Float64MultiArray, names.JOINT_TORQUES, names.COMMAND)
        watch.publish_until("damping", lambda: out.publish(Float64MultiArray(data=[0.0] * 22)))
        assert "23 joints with (0, 22)" in watch.stop_reason


def test_an_active_robot_refuses_other_gains_and_a_held_one_needs_commands(
    toy_policy: Path, tmp_path: Path
) -> None:
    with running(toy_policy, tmp_path, let_go=False) as (launch, watch):
        client = launch.client
        with pytest.raises(RosError, match="no joint command has come"):
            client.trigger(names.ROBOT_ACTIVATE)
        with pytest.raises(RosError, match="stiffness needs 23 values"):
            client.set_parameters(names.ROBOT, {"stiffness": [1.0]})
        launch.let_go()
        with pytest.raises(RosError, match="gains cannot change while the robot is off its gantry"):
            client.set_parameters(names.ROBOT, {"stiffness": [1.0] * 23})
        client.trigger(names.ROBOT_HOLD)
        watch.wait_for_mode("position_hold")

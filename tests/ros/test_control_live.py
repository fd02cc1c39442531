"""Commands and observations over ROS 2: names, orders, and the same numbers as without ROS."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from diagnostic_msgs.msg import DiagnosticStatus

from gaitway.policy import GoldenTrace, load_policy
from gaitway.robots import h23
from gaitway.ros import RosError, messages, names
from gaitway.safety import Guard, GuardLimits
from gaitway.sim import Simulation
from tests.ros.harness import WAIT_S, StandInRobot, Watcher, nodes

ROBOT = h23()


def test_a_robot_obeys_commands_by_name_in_any_order_and_leaves_the_rest(
    toy_policy: Path, tmp_path: Path
) -> None:
    with nodes({"simulated_robot": ["robot:=h23"]}, tmp_path) as (launch, watch):
        watch.wait_for_mode("held")
        wanted = {"right_elbow_joint": 0.9, "waist_yaw_joint": 0.4, "left_shoulder_roll_joint": 0.5}
        home = dict(zip(ROBOT.joint_names, ROBOT.home_joint_pos, strict=True))
        target = home | wanted
        shuffled = sorted(target)

        def command() -> None:
            stamp = launch.client.node.get_clock().now().to_msg()
            watch.command_out.publish(messages.joint_state(stamp, shuffled, [target[n] for n in shuffled]))

        timer = launch.client.node.create_timer(0.02, command)

        def arrived() -> bool:
            return bool(watch.states) and np.allclose(
                watch.joint_pos(list(wanted)), list(wanted.values()), atol=0.08
            )

        assert launch.client.spin_until(arrived, WAIT_S)
        others = [name for name in ROBOT.joint_names if name not in wanted]
        np.testing.assert_allclose(watch.joint_pos(others), [home[name] for name in others], atol=0.12)
        timer.cancel()


def test_a_second_launch_is_refused_where_a_robot_runs(toy_policy: Path, tmp_path: Path) -> None:
    with nodes({"simulated_robot": ["robot:=h23"]}, tmp_path) as (_, watch):
        watch.wait_for_mode("held")
        done = subprocess.run(
            [sys.executable, "-m", "gaitway.cli.main", "launch", toy_policy, "--log-dir", tmp_path / "second"],
            capture_output=True, text=True, timeout=60,
        )  # fmt: skip
    assert done.returncode == 2
    assert "a robot runs in ROS domain" in done.stderr
    assert not (tmp_path / "second").exists()


def _drive(watch: Watcher, robot: StandInRobot, values, stamp_ns: int) -> np.ndarray:
    """Publish one instant until the controller has answered it; returns its targets by policy order."""
    watch.commands.clear()
    for _ in range(50):
        robot.publish(stamp_ns, *values)
        if watch.client.spin_until(lambda: bool(watch.commands), 0.2):
            break
    answer = next(c for c in watch.commands if messages.nanoseconds(c.header.stamp) == stamp_ns)
    return np.array(answer.position)


def _instant(trace: GoldenTrace, step: int, index: Sequence[int] | slice = slice(None)):
    """What sensors measure in one step of a trace, the joints in the robot's order."""
    return (
        np.array(trace.joint_pos[step])[index],
        np.array(trace.joint_vel[step])[index],
        trace.imu_quat_w[step],
        trace.imu_ang_vel[step],
    )


@pytest.mark.parametrize("order", ["same", "reversed"])
def test_the_controller_computes_the_golden_traces_whatever_order_the_robot_has(
    toy_policy: Path, tmp_path: Path, order: str
) -> None:
    spec = load_policy(toy_policy).spec
    trace = spec.golden_traces[0]
    joints = spec.robot.joint_names if order == "same" else spec.robot.joint_names[::-1]
    robot = StandInRobot(joints)
    index = [spec.robot.joint_names.index(name) for name in joints]
    parameters = {"policy_controller": [f"policy:={toy_policy}", "blend_s:=0.0"]}
    try:
        with nodes(parameters, tmp_path) as (launch, watch):
            launch.client.transition(names.CONTROLLER, "configure")
            _activate(launch, robot, _instant(trace, 0, index))
            for step in range(len(trace.joint_pos)):
                targets = _drive(watch, robot, _instant(trace, step, index), 10**9 + step * 20_000_000)
                np.testing.assert_allclose(targets, trace.joint_pos_target[step], atol=1e-5)
        stiffness = robot.node.get_parameter("stiffness").value
        np.testing.assert_array_equal(stiffness, np.array(spec.robot.stiffness)[index])
    finally:
        robot.close()


def _activate(launch, robot: StandInRobot, values, stamped: bool = True) -> None:
    """Activate while the robot speaks; stamps lie before those of the test."""
    for attempt in range(50):
        for repeat in range(3):
            robot.publish(1_000_000 * (1 + 3 * attempt + repeat) if stamped else 0, *values)
            launch.client.spin_for(0.01)
        launch.client.spin_for(0.04)  # so that none of these is taken after the activation
        try:
            launch.client.transition(names.CONTROLLER, "activate")
        except RosError as error:
            if "no joint states" not in str(error):
                raise
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the controller heard no sensors")


def test_a_reading_that_is_sent_again_is_answered_again_and_another_with_its_stamp_is_not(
    toy_policy: Path, tmp_path: Path
) -> None:
    robot = StandInRobot(ROBOT.joint_names)
    home = np.array(ROBOT.home_joint_pos)
    rest = ([0.0] * 23, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    try:
        with nodes({"policy_controller": [f"policy:={toy_policy}"]}, tmp_path) as (launch, watch):
            launch.client.transition(names.CONTROLLER, "configure")
            _activate(launch, robot, (home, *rest))
            answer = _drive(watch, robot, (home, *rest), 10**9)
            launch.client.spin_for(0.3)
            watch.commands.clear()
            for step in range(20):
                robot.publish(10**9, home + 1e-3 * (step + 1), *rest)
                launch.client.spin_for(0.01)
            launch.client.spin_for(0.3)
            assert not watch.commands
            np.testing.assert_array_equal(_drive(watch, robot, (home, *rest), 10**9), answer)
    finally:
        robot.close()


@pytest.mark.parametrize("deaf", ["position_hold", "damping"])
def test_a_robot_that_obeys_nobody_is_sent_the_pose_it_holds_or_is_in_and_then_the_policy_anew(
    toy_policy: Path, tmp_path: Path, deaf: str
) -> None:
    spec = load_policy(toy_policy).spec
    trace = spec.golden_traces[0]
    robot = StandInRobot(spec.robot.joint_names)
    state = robot.node.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
    time_ns = 10**9

    def say(mode: str) -> None:
        state.publish(messages.status(names.ROBOT, messages.OK, mode))
        launch.client.spin_for(0.2)

    def drive(step: int) -> np.ndarray:
        nonlocal time_ns
        time_ns += 20_000_000
        return _drive(watch, robot, _instant(trace, step), time_ns)

    try:
        parameters = {"policy_controller": [f"policy:={toy_policy}", "blend_s:=0.0"]}
        with nodes(parameters, tmp_path) as (launch, watch):
            launch.client.transition(names.CONTROLLER, "configure")
            _activate(launch, robot, _instant(trace, 0))
            say("active")
            for step in range(10):
                np.testing.assert_allclose(drive(step), trace.joint_pos_target[step], atol=1e-5)
            say(deaf)
            limits = GuardLimits.from_robot(ROBOT)
            poses = np.clip(trace.joint_pos, limits.soft_lower, limits.soft_upper)
            assert np.abs(poses[9] - poses[0]).max() > 1e-3
            for measured in (0, 9, 0):
                for _ in range(5):  # targets go there no faster than their rate limit
                    drive(measured)
                expected = poses[0 if deaf == "position_hold" else measured]
                np.testing.assert_allclose(drive(measured), expected, atol=1e-6)
            say("active")
            for step in range(len(trace.joint_pos)):
                np.testing.assert_allclose(drive(step), trace.joint_pos_target[step], atol=1e-5)
    finally:
        robot.close()


def test_the_controller_refuses_a_robot_whose_readings_have_no_time(toy_policy: Path, tmp_path: Path) -> None:
    robot = StandInRobot(ROBOT.joint_names)
    values = (ROBOT.home_joint_pos, [0.0] * 23, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    try:
        with nodes({"policy_controller": [f"policy:={toy_policy}"]}, tmp_path) as (launch, _):
            launch.client.transition(names.CONTROLLER, "configure")
            with pytest.raises(RosError, match="joint states have no time: its driver must set header.stamp"):
                _activate(launch, robot, values, stamped=False)
    finally:
        robot.close()


def test_the_controller_refuses_a_robot_with_other_joints_and_lists_them(
    toy_policy: Path, tmp_path: Path
) -> None:
    joints = ["left_hip_swing_joint", *ROBOT.joint_names[1:]]
    robot = StandInRobot(joints)
    values = (ROBOT.home_joint_pos, [0.0] * 23, (1.0, 0.0, 0.0, 0.0), (0.0, 0.0, 0.0))
    try:
        with nodes({"policy_controller": [f"policy:={toy_policy}"]}, tmp_path) as (launch, _):
            launch.client.transition(names.CONTROLLER, "configure")
            with pytest.raises(RosError) as error:
                _activate(launch, robot, values)
            assert "joint left_hip_pitch_joint is missing" in str(error.value)
            assert "joint left_hip_swing_joint is unknown to the policy" in str(error.value)
            assert launch.client.lifecycle_state(names.CONTROLLER) == "inactive"
    finally:
        robot.close()


def test_a_controller_whose_policy_is_missing_stays_unconfigured_and_says_why(
    toy_policy: Path, tmp_path: Path
) -> None:
    with nodes({"policy_controller": ["policy:=/nowhere.onnx"]}, tmp_path) as (launch, _):
        with pytest.raises(RosError, match="no policy file at /nowhere.onnx"):
            launch.client.transition(names.CONTROLLER, "configure")
        assert launch.client.lifecycle_state(names.CONTROLLER) == "unconfigured"


def test_in_lockstep_the_robot_moves_to_the_bits_of_the_same_loop_without_ros(
    toy_policy: Path, tmp_path: Path
) -> None:
    steps = 40
    commands = {
        "simulated_robot": ["robot:=h23", "lockstep:=true", "command_timeout_s:=30.0"],
        "policy_controller": [f"policy:={toy_policy}", "blend_s:=0.0", "policy_on_gantry:=true"],
    }
    with nodes(commands, tmp_path) as (launch, watch):
        launch.client.transition(names.CONTROLLER, "configure")
        heard = launch.client.spin_until(lambda: len(watch.states) > 20, WAIT_S)
        assert heard
        launch.client.transition(names.CONTROLLER, "activate")

        def newest_s() -> float:
            return messages.nanoseconds(watch.states[-1].header.stamp) / 1e9 if watch.states else 0.0

        assert launch.client.spin_until(lambda: newest_s() >= 0.02 * (steps + 1), WAIT_S)
    given = {messages.nanoseconds(state.header.stamp): state for state in watch.states}

    runtime = load_policy(toy_policy)
    guard = Guard(GuardLimits.from_robot(ROBOT), runtime.spec.step_dt)
    sim = Simulation(ROBOT, 1, num_threads=1)
    sim.set_gantry(True)
    compared = 0
    for step in range(steps):
        expected = (sim.joint_pos[0].copy(), sim.joint_vel[0].copy())
        heard = given.get((step + 1) * 20_000_000)
        if heard is not None:
            measured = messages.by_name(heard, ROBOT.joint_names)
            assert measured is not None
            np.testing.assert_array_equal(measured[0], expected[0])
            np.testing.assert_array_equal(measured[1], expected[1])
            compared += 1
        wanted = runtime.step(*expected, sim.imu_quat_w[0], sim.imu_ang_vel[0]).joint_pos_target
        target = guard.filter(wanted, *expected).joint_pos_target
        assert target is not None
        sim.set_gains(np.array(ROBOT.stiffness), np.array(ROBOT.damping))
        sim.set_command(target[None])
        sim.step()
    assert compared >= steps // 2

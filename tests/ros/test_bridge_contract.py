"""What every robot's bridge has to do, whatever moves its joints: each in a process of its own."""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from rclpy.qos import qos_profile_sensor_data
from std_msgs.msg import Bool, Float64MultiArray, UInt64

from gaitway.robots import h23
from gaitway.ros import RosError, messages, names
from gaitway.ros.launching import Launch, end_process
from tests.ros import fake_ros2_control
from tests.ros.harness import WAIT_S, Watcher, nodes

pytestmark = pytest.mark.live

ROBOT = h23()
HOME = dict(zip(ROBOT.joint_names, ROBOT.home_joint_pos, strict=True))
FAKE = Path(__file__).parent / "fake_ros2_control.py"
ARM = {"right_elbow_joint": 1.2, "left_shoulder_roll_joint": 0.7}
TIMEOUTS = ["command_timeout_s:=1.0", "heartbeat_timeout_s:=2.0"]  # a test's own process may be slow
JOINT_STATES = "joint_states_timeout_s:=1.0"


@dataclass
class Speaker:
    """A controller and a supervisor as a robot hears them: they speak at 50 Hz while they are told to."""

    launch: Launch
    watch: Watcher
    hangs_itself_up: bool = False
    target: dict[str, float] = field(default_factory=HOME.copy)
    commands: bool = True
    beats: bool = True
    same_beat: bool = False
    beat: int = 0

    def __post_init__(self) -> None:
        node = self.launch.client.node
        self.heartbeat = node.create_publisher(UInt64, names.SAFETY_HEARTBEAT, names.EVENT)
        self.torques = node.create_publisher(Float64MultiArray, names.JOINT_TORQUES, names.COMMAND)
        node.create_timer(0.02, self.speak)

    def speak(self) -> None:
        if self.commands:
            joints = sorted(self.target)  # not the robot's order
            stamp = self.launch.client.node.get_clock().now().to_msg()
            self.watch.command_out.publish(
                messages.joint_state(stamp, joints, [self.target[name] for name in joints])
            )
        if self.beats:
            self.beat += not self.same_beat
            self.heartbeat.publish(UInt64(data=self.beat))

    def activate(self) -> None:
        """Activate once the robot hears both."""
        for _ in range(int(WAIT_S / 0.2)):
            self.launch.client.spin_for(0.2)
            try:
                self.launch.client.trigger(names.ROBOT_ACTIVATE)
            except RosError as error:
                if "has come" not in str(error):
                    raise
            else:
                break
        self.watch.wait_for_mode("active")

    def at(self, wanted: dict[str, float], within_rad: float = 0.08) -> bool:
        return bool(self.watch.states) and np.allclose(
            self.watch.joint_pos(list(wanted)), list(wanted.values()), atol=within_rad
        )


@contextmanager
def simulated(log_dir: Path) -> Iterator[tuple[Launch, Watcher]]:
    with nodes({"simulated_robot": ["robot:=h23", *TIMEOUTS]}, log_dir) as running:
        yield running


@contextmanager
def hardware(script: Path, interface: str) -> Iterator[subprocess.Popen]:
    process = subprocess.Popen(
        [sys.executable, str(script), interface],
        start_new_session=True,
    )
    try:
        yield process
    finally:
        end_process(process)


@contextmanager
def ros2_control(log_dir: Path, interface: str) -> Iterator[tuple[Launch, Watcher]]:
    controller = [f"controller:=forward_{interface}_controller", f"interface:={interface}"]
    with (
        hardware(FAKE, interface),
        nodes(
            {"ros2_control_bridge": ["robot:=h23", *TIMEOUTS, JOINT_STATES, *controller]}, log_dir
        ) as running,
    ):
        yield running


BRIDGES = {
    "simulated": simulated,
    "ros2_control_effort": lambda log_dir: ros2_control(log_dir, "effort"),
    "ros2_control_position": lambda log_dir: ros2_control(log_dir, "position"),
}


@pytest.fixture(params=BRIDGES)
def speaker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Speaker]:
    """A robot that is held, and somebody who speaks to it."""
    with BRIDGES[request.param](tmp_path) as (launch, watch):
        watch.wait_for_mode("held")
        yield Speaker(launch, watch, hangs_itself_up=request.param == "simulated")


def test_a_held_robot_obeys_commands_by_name_and_takes_gains_only_where_they_make_sense(
    speaker: Speaker,
) -> None:
    client = speaker.launch.client
    speaker.target |= ARM
    assert client.spin_until(lambda: speaker.at(ARM), WAIT_S)
    others = {name: HOME[name] for name in ROBOT.joint_names if name not in ARM}
    assert client.spin_until(lambda: speaker.at(others, 0.12), WAIT_S)
    (joints,) = client.get_parameters(names.ROBOT, ["joints"])
    assert sorted(joints) == sorted(ROBOT.joint_names)
    client.set_parameters(names.ROBOT, {"stiffness": ROBOT.stiffness, "damping": ROBOT.damping})
    for refused in ([1.0], [-1.0] * 23, [math.nan] * 23):
        with pytest.raises(RosError, match="stiffness"):
            client.set_parameters(names.ROBOT, {"stiffness": refused})


def test_activation_needs_commands_a_heartbeat_and_a_pose_near_home(speaker: Speaker) -> None:
    client = speaker.launch.client
    speaker.commands = False
    client.spin_for(0.5)
    with pytest.raises(RosError, match="no joint command has come"):
        client.trigger(names.ROBOT_ACTIVATE)
    speaker.commands = True
    speaker.target |= ARM
    assert client.spin_until(lambda: speaker.at(ARM), WAIT_S)
    with pytest.raises(RosError, match="rad from the home pose; at most"):
        client.trigger(names.ROBOT_ACTIVATE)


def test_a_stop_latches_and_outlasts_whatever_the_others_say(speaker: Speaker) -> None:
    client, watch = speaker.launch.client, speaker.watch
    speaker.activate()
    with pytest.raises(RosError, match="gains cannot change while the robot is off its gantry"):
        client.set_parameters(names.ROBOT, {"stiffness": [1.0] * 23})
    watch.publish_until("damping", lambda: watch.stop_out.publish(Bool(data=True)))
    watch.stop_out.publish(Bool(data=False))
    speaker.target |= ARM  # a controller that goes on commanding moves nothing
    client.spin_for(1.0)
    assert watch.mode == "damping"
    assert not speaker.at({"right_elbow_joint": ARM["right_elbow_joint"]})
    with pytest.raises(RosError, match="the robot is stopped"):
        client.trigger(names.ROBOT_ACTIVATE)
    client.trigger(names.ROBOT_RESET)
    client.spin_for(0.3)
    assert watch.mode == "damping"
    speaker.target = dict(HOME)
    client.trigger(names.ROBOT_CLEAR_STOP)
    watch.wait_for_mode("held")


def test_a_stop_from_a_best_effort_publisher_is_heard(speaker: Speaker) -> None:
    speaker.activate()
    stop_out = speaker.launch.client.node.create_publisher(
        Bool, names.EMERGENCY_STOP, qos_profile_sensor_data
    )
    speaker.watch.publish_until("damping", lambda: stop_out.publish(Bool(data=True)))
    assert speaker.watch.stop_reason == "stop requested on /emergency_stop"


def test_only_a_robot_that_hangs_itself_up_is_reset_while_it_is_on_its_feet(speaker: Speaker) -> None:
    client, watch = speaker.launch.client, speaker.watch
    speaker.activate()
    if speaker.hangs_itself_up:
        client.trigger(names.ROBOT_RESET)
        watch.wait_for_mode("held")
        return
    with pytest.raises(RosError, match=r"on its own feet \(active\) and cannot hang itself up: stop it"):
        client.trigger(names.ROBOT_RESET)
    client.trigger(names.ROBOT_HOLD)
    with pytest.raises(RosError, match=r"on its own feet \(position_hold\)"):
        client.trigger(names.ROBOT_RESET)
    watch.wait_for_mode("position_hold")
    speaker.beats = False  # the watchdogs are awake still
    watch.wait_for_mode("damping")
    client.trigger(names.ROBOT_RESET)


def test_a_robot_that_holds_its_pose_obeys_nobody_until_it_is_activated(speaker: Speaker) -> None:
    client, watch = speaker.launch.client, speaker.watch
    with pytest.raises(RosError, match="only an active robot can hold its position; it is held"):
        client.trigger(names.ROBOT_HOLD)
    speaker.activate()
    client.trigger(names.ROBOT_HOLD)
    watch.wait_for_mode("position_hold")
    elbow = {"right_elbow_joint": ARM["right_elbow_joint"]}
    speaker.target |= elbow
    client.spin_for(1.0)
    assert not speaker.at(elbow)
    assert speaker.at({"right_elbow_joint": HOME["right_elbow_joint"]}, 0.12)
    speaker.commands = False  # it needs the supervisor only
    client.spin_for(1.5)
    assert watch.mode == "position_hold"
    speaker.commands, speaker.target = True, dict(HOME)
    if speaker.hangs_itself_up:
        return  # the simulated one may have fallen by now
    speaker.activate()
    speaker.target |= elbow
    assert client.spin_until(lambda: speaker.at(elbow), WAIT_S)


@pytest.mark.parametrize("silent", ["commands", "beats", "same_beat"])
def test_silence_damps_an_active_robot(speaker: Speaker, silent: str) -> None:
    speaker.activate()
    setattr(speaker, silent, silent == "same_beat")  # a heartbeat that repeats itself is none
    speaker.watch.wait_for_mode("damping")
    expected = "no joint command for 1.0 s" if silent == "commands" else "no supervisor heartbeat for 2.0 s"
    assert speaker.watch.stop_reason == expected
    speaker.commands = speaker.beats = True
    speaker.same_beat = False
    speaker.launch.client.spin_for(0.5)
    assert speaker.watch.mode == "damping"


@pytest.mark.parametrize(
    ("joints", "position", "torques"),
    [
        (("left_knee_joint", "tail"), (0.1, 0.2), None),
        (("left_knee_joint",), (0.1, 0.2), None),
        (("left_knee_joint", "left_knee_joint"), (0.1, 0.2), None),
        (("left_knee_joint",), (math.inf,), None),
        (None, None, [0.0] * 22),
    ],
    ids=["unknown joint", "two values for one joint", "repeated joint", "infinite", "22 torques"],
)
def test_a_malformed_command_damps(speaker: Speaker, joints, position, torques) -> None:
    def send() -> None:
        if torques is not None:
            speaker.torques.publish(Float64MultiArray(data=torques))
        else:
            speaker.watch.command_out.publish(messages.joint_state(messages.stamp_from(0), joints, position))

    speaker.watch.publish_until("damping", send)
    assert speaker.watch.stop_reason.startswith("malformed command: ")


@pytest.mark.parametrize("value", [".nan", ".inf", "0.0"])
@pytest.mark.parametrize(
    ("node", "parameter"),
    [
        ("simulated_robot", "command_timeout_s"),
        ("simulated_robot", "heartbeat_timeout_s"),
        ("simulated_robot", "max_start_pose_error"),
        ("ros2_control_bridge", "joint_states_timeout_s"),
    ],
)
def test_a_watchdog_that_would_never_bark_is_refused(node: str, parameter: str, value: str) -> None:
    command = [sys.executable, "-m", f"gaitway.ros.{node}", "--ros-args", "-p", f"{parameter}:={value}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60.0, check=False)
    assert ended.returncode == 2, ended.stderr
    assert f"{parameter} must be finite and above 0" in ended.stderr


def test_ros2_control_whose_joint_states_end_damps_the_robot(tmp_path: Path) -> None:
    with (
        hardware(FAKE, "effort") as joints,
        nodes({"ros2_control_bridge": ["robot:=h23", *TIMEOUTS, JOINT_STATES]}, tmp_path) as (launch, watch),
    ):
        watch.wait_for_mode("held")
        Speaker(launch, watch).activate()
        joints.kill()
        watch.wait_for_mode("damping")
        assert watch.stop_reason == "no joint states for 1.0 s"
        with pytest.raises(RosError, match="no joint states within 1.0 s"):
            launch.client.trigger(names.ROBOT_CLEAR_STOP)


@pytest.mark.parametrize("states", ["nan", "none"])
@pytest.mark.parametrize("interface", ["effort", "position"])
def test_a_stop_reaches_joints_whose_states_are_bad_or_do_not_come(
    tmp_path: Path, interface: str, states: str
) -> None:
    """Joint states never count as stale here, so that nothing but the stop itself can move the joints."""
    name = f"forward_{interface}_controller"
    bridge = ["robot:=h23", *TIMEOUTS, f"controller:={name}", f"interface:={interface}"]
    sent: list[Float64MultiArray] = []
    with (
        hardware(FAKE, interface),
        nodes({"ros2_control_bridge": [*bridge, "joint_states_timeout_s:=60.0"]}, tmp_path) as (
            launch,
            watch,
        ),
    ):
        client = launch.client
        client.node.create_subscription(Float64MultiArray, f"/{name}/commands", sent.append, 10)
        watch.wait_for_mode("held")
        speaker = Speaker(launch, watch)
        elbow = fake_ros2_control.JOINTS.index("right_elbow_joint")
        speaker.target |= ARM
        assert client.spin_until(lambda: speaker.at(ARM), WAIT_S)
        client.set_parameters(name, {"jammed": True})
        speaker.target |= {"right_elbow_joint": 2.0}  # what the joint is pressed to, and must be no longer
        pressed = {"effort": 1.0, "position": 1.9}[interface]
        assert client.spin_until(lambda: sent[-1].data[elbow] > pressed, WAIT_S)
        client.set_parameters(name, {"joint_states": states})
        if states == "none":
            watch.publish_until("damping", lambda: watch.stop_out.publish(Bool(data=True)))
        else:
            watch.wait_for_mode("damping")
            assert watch.stop_reason.startswith("a joint state has other joints than the robot, or lacks")
        released = {"effort": 0.0, "position": ARM["right_elbow_joint"]}[interface]
        assert client.spin_until(lambda: abs(sent[-1].data[elbow] - released) < 0.1, WAIT_S)
        assert np.isfinite(sent[-1].data).all()


def test_a_controller_of_positions_refuses_gains_and_torques(tmp_path: Path) -> None:
    with ros2_control(tmp_path, "position") as (launch, watch):
        watch.wait_for_mode("held")
        with pytest.raises(RosError, match="stiffness is the hardware's where positions are commanded"):
            launch.client.set_parameters(names.ROBOT, {"stiffness": [1.0] * 23})
        torques = messages.joint_state(messages.stamp_from(0), ["left_knee_joint"], effort=[1.0])
        watch.publish_until("damping", lambda: watch.command_out.publish(torques))
        assert watch.stop_reason == "a controller of positions cannot be commanded torques"


def test_a_controller_of_ros2_control_with_other_joints_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other_joints.py"
    other.write_text(FAKE.read_text().replace('("joints", JOINTS)', '("joints", JOINTS[1:])'))
    with (
        hardware(other, "effort"),
        nodes({"ros2_control_bridge": ["robot:=h23"]}, tmp_path) as (launch, _),
    ):
        ended = launch.client.spin_until(lambda: launch.exit_code("ros2_control_bridge") is not None, WAIT_S)
        assert ended
        with pytest.raises(RosError, match="joints of forward_effort_controller must name each joint"):
            launch.check()

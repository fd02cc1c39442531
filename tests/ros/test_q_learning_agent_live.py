"""The agent `q_learning_agent` on the walking robot, which is pushed from one side, in lock-step."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Quaternion, TwistStamped
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import String

from gaitway.policy.balance_learner import ACTIONS
from gaitway.policy.q_table import Grid, QTable
from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from gaitway.ros import messages, names
from gaitway.ros.launching import Launch
from gaitway.ros.lockstep import LockstepRobot, launch_lockstep
from tests.ros.agent_process import GAITWAY, running_agent
from tests.ros.harness import WAIT_S

NAME = "q_learning_agent"
PUSHED = ["push.impulse:=[0.0, 45.0, 0.0]", "push.first_s:=1.0", "push.every_s:=1.0"]
"""So hard, towards its left, that no way to walk withstands it for long."""


@dataclass
class Heard:
    """What the agent says and sends."""

    launch: Launch
    statuses: list[dict] = field(default_factory=list)
    velocities: list[TwistStamped] = field(default_factory=list)

    def __post_init__(self) -> None:
        node = self.launch.client.node
        node.create_subscription(String, "/learning_status", self._on_status, 100)
        node.create_subscription(TwistStamped, names.CMD_VEL, self.velocities.append, 100)

    def _on_status(self, message: String) -> None:
        self.statuses.append(json.loads(message.data))

    def learn(self, robot: LockstepRobot, ticks: int) -> None:
        """Put the robot back whenever it falls, until the agent has learned from so many ticks."""
        for _ in range(100):
            begun = len(self.statuses)

            def ended(begun: int = begun) -> bool:
                said = self.statuses[begun:]
                return any(each["action"] == "fell" or each["ticks"] >= ticks for each in said)

            robot.stand_up()
            if self.launch.client.spin_until(ended, 3.0) and self.statuses[-1]["ticks"] >= ticks:
                return
        raise AssertionError(f"never learned from {ticks} ticks: {self.statuses[-2:]}")


def test_learns_in_lockstep_keeps_its_table_and_goes_on_from_it(tmp_path: Path) -> None:
    table = tmp_path / "made" / "table.safetensors"
    arguments = [
        "-p", f"table:={table}", "-p", "use_stamped_vel:=true", "-p", "epsilon_start:=0.8", "-p", "epsilon_end:=0.0",
        "-p", "epsilon_ticks:=400", "-p", "seed:=3",
    ]  # fmt: skip
    policy = find_policy("walk")
    with launch_lockstep(policy, "h23", tmp_path, 0.1, PUSHED) as launch:
        robot, heard = LockstepRobot(launch), Heard(launch)
        with running_agent(tmp_path / "first.log", NAME, *arguments):
            heard.learn(robot, 200)
            heard_first = list(heard.statuses)
            launch.client.trigger(names.ROBOT_RESET)  # held: nothing more is learned
            launch.client.spin_for(0.3)
            last = heard.statuses[-1]["ticks"]
        learned = QTable.load(table)
        assert int(learned.visits.sum()) == last >= 200
        assert {status["action"] for status in heard_first} == {*ACTIONS, "fell"}
        stamps = np.array([status["stamp_s"] for status in heard_first])
        within = np.diff([status["episode"] for status in heard_first]) == 0
        np.testing.assert_allclose(np.diff(stamps)[within], 0.1, atol=1e-6)  # no tick is lost, none is late
        rewards = [status["reward"] for status in heard_first if status["reward"] is not None]
        assert -1.0 == min(rewards) < max(rewards) <= 1.0
        for status in heard_first:  # whose first ones may go unheard
            np.testing.assert_allclose(status["epsilon"], 0.8 * (1.0 - status["ticks"] / 400), atol=1e-9)
        sent = {messages.nanoseconds(each.header.stamp) for each in heard.velocities}
        assert {round(1e9 * stamp) for stamp in stamps} <= sent, "each velocity answers a joint state"
        assert learned.value.min() < 0.0 < learned.value.max()

        heard.statuses.clear()
        with running_agent(tmp_path / "second.log", NAME, *arguments):
            heard.learn(robot, last + 40)
        assert f"{table}: learned from {last} ticks so far" in (tmp_path / "second.log").read_text()
        first = heard.statuses[0]
        assert first["ticks"] >= last
        np.testing.assert_allclose(first["epsilon"], 0.8 * max(0.0, 1.0 - first["ticks"] / 400), atol=1e-9)
        again = QTable.load(table)
        assert (again.visits >= learned.visits).all()
        assert int(again.visits.sum()) >= last + 40


def test_a_robot_that_asks_again_is_told_the_velocity_again(tmp_path: Path) -> None:
    heard: list[TwistStamped] = []
    with Launch({}, tmp_path) as launch:
        client, robot = launch.client, h23()
        node = client.node
        node.create_subscription(TwistStamped, names.CMD_VEL, heard.append, 100)
        joints = node.create_publisher(JointState, names.JOINT_STATES, names.SENSOR_OUT)
        imu = node.create_publisher(Imu, names.IMU, names.SENSOR_OUT)
        state = node.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
        state.publish(DiagnosticStatus(message="active"))

        def ask(stamp_ns: int) -> list[int]:
            """Publish the sensors of an instant; gives the stamps of the velocities that answer."""
            stamp, before = messages.stamp_from(stamp_ns), len(heard)
            upright = Imu(orientation=Quaternion(w=1.0))
            upright.header.stamp = stamp
            imu.publish(upright)
            zeros = np.zeros(robot.num_joints)
            joints.publish(messages.joint_state(stamp, robot.joint_names, zeros, zeros))
            client.spin_for(0.2)
            return [messages.nanoseconds(message.header.stamp) for message in heard[before:]]

        with running_agent(tmp_path / "agent.log", NAME, "-p", "table:=''", "-p", "use_stamped_vel:=true"):
            client.spin_until(lambda: node.count_subscribers(names.JOINT_STATES) > 0, WAIT_S)
            client.spin_for(0.5)
            assert ask(20_000_000) == [20_000_000]
            assert ask(40_000_000) == []
            assert ask(40_000_000) == [20_000_000]
            assert ask(120_000_000) == [120_000_000]
            assert ask(120_000_000) == [120_000_000]


def test_a_table_of_other_cells_ends_the_agent_with_a_reason(tmp_path: Path) -> None:
    table = tmp_path / "other.safetensors"
    QTable(Grid(lower=(0.0,), upper=(1.0,), bins=(3,)), 4, discount=0.9, learning_rate=0.1).save(table)
    (tmp_path / "broken.safetensors").write_bytes(b"broken")
    for given, said in (
        (f"table:={table}", "is of other cells"),
        (f"table:={tmp_path / 'broken.safetensors'}", "is no table of Q-learning"),
        ("joints:=[left_hip_swing_joint]", "left_hip_swing_joint"),
        ("yaw_bins:=0", "yaw_bins"),
    ):
        done = subprocess.run(
            [*GAITWAY, NAME, "--ros-args", "-p", given], capture_output=True, text=True, check=False
        )
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr
        assert "Traceback" not in done.stderr

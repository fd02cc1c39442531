"""Agents that send velocities to the walking robot, in one room with obstacles and one launch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from geometry_msgs.msg import PoseStamped, Twist
from nav_msgs.msg import Odometry
from sensor_msgs.msg import CameraInfo, Image, LaserScan
from std_msgs.msg import Bool, String

from gaitway.policy.shipped import find_policy
from gaitway.ros import RosError, messages, names
from gaitway.ros.launching import Launch, launch_policy
from gaitway.sim import get_world
from tests.host_stalls import Shared
from tests.ros.harness import WAIT_S, Watcher

WORLD = get_world("obstacles")
ROBOT_RADIUS_M = 0.3
"""From h23's centre to its farthest point, arms included."""
NAVIGATOR, TREE = "reactive_navigator", "behavior_tree_agent"


@dataclass
class Heard:
    """What a test hears of an agent and of the robot's surroundings."""

    launch: Launch
    velocities: list[tuple[float, float]] = field(default_factory=list)
    """Forward velocity [m/s] and yaw rate [rad/s]."""
    positions: list[np.ndarray] = field(default_factory=list)
    statuses: list[str] = field(default_factory=list)
    trees: list[str] = field(default_factory=list)
    scans: list[LaserScan] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    infos: list[CameraInfo] = field(default_factory=list)

    def __post_init__(self) -> None:
        node = self.launch.client.node
        node.create_subscription(Twist, names.CMD_VEL, self._on_velocity, 50)
        node.create_subscription(Odometry, names.ODOM, self._on_odom, names.SENSOR_IN)
        node.create_subscription(String, "/status", lambda m: self.statuses.append(m.data), 10)
        node.create_subscription(String, "/behavior_status", lambda m: self.statuses.append(m.data), 10)
        node.create_subscription(String, "/behavior_tree", lambda m: self.trees.append(m.data), names.LATCHED)
        node.create_subscription(LaserScan, names.SCAN, self.scans.append, names.SENSOR_IN)
        node.create_subscription(Image, names.CAMERA_IMAGE, self.images.append, names.SENSOR_IN)
        node.create_subscription(CameraInfo, names.CAMERA_INFO, self.infos.append, names.SENSOR_IN)

    def _on_velocity(self, message: Twist) -> None:
        self.velocities.append((message.linear.x, message.angular.z))

    def _on_odom(self, message: Odometry) -> None:
        position = message.pose.pose.position
        self.positions.append(np.array([position.x, position.y]))

    @property
    def velocity(self) -> tuple[float, float] | None:
        """The newest; None before the first."""
        return self.velocities[-1] if self.velocities else None

    @property
    def status(self) -> str:
        """The newest; empty before the first."""
        return self.statuses[-1] if self.statuses else ""

    def until(self, condition, what: str, seconds: float = WAIT_S) -> None:
        assert self.launch.client.spin_until(condition, seconds), (
            f"never {what}; it said {self.statuses[-3:]}"
        )


@contextmanager
def launched(log_dir: Path) -> Iterator[tuple[Launch, Watcher, Heard]]:
    """The walking robot before a pillar, the arbiter of velocities, and both agents, silent so far."""
    parameters = ["world:=obstacles", "camera_hz:=5.0"]
    with launch_policy(find_policy("walk"), "h23", log_dir, robot_parameters=parameters) as launch:
        for agent in (NAVIGATOR, TREE):
            launch.start(f"agents.{agent}", ["autostart:=false"])
            launch.client.transition(agent, "configure")
        launch.start("cmd_vel_mux", ["teleop.timeout_s:=0.3"])
        watch, heard = Watcher(launch.client), Heard(launch)
        heard.until(
            lambda: heard.scans and heard.images and heard.infos and heard.positions, "sensed anything"
        )
        launch.let_go()
        watch.wait_for_mode("active")
        yield launch, watch, heard


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared[tuple[Launch, Watcher, Heard]]]:
    shared = Shared(lambda: launched(tmp_path_factory.mktemp("logs")))
    yield shared
    shared.close()


@pytest.fixture
def walking(
    shared: Shared[tuple[Launch, Watcher, Heard]], request: pytest.FixtureRequest
) -> Iterator[tuple[Launch, Watcher, Heard]]:
    with shared.lent(request.node) as walking:
        yield walking


def test_the_robot_sees_the_room_by_lidar_and_camera(walking: tuple[Launch, Watcher, Heard]) -> None:
    _, _, heard = walking
    scan, image, info = heard.scans[0], heard.images[0], heard.infos[0]
    assert scan.header.frame_id == "lidar_link"
    ahead = np.asarray(scan.ranges)[180]
    assert ahead == pytest.approx(2.35, abs=0.1)  # the pillar
    picture = messages.picture(image)
    assert picture is not None
    assert picture.shape == (84, 84, 3)
    assert (info.width, info.height) == (84, 84)
    row = picture[40].astype(int)
    orange = np.flatnonzero(row[:, 0] > 1.5 * row[:, 2])
    assert 35 <= np.median(orange) <= 48, "the pillar stands in the middle of the picture"


def test_the_navigator_stops_before_an_obstacle_turns_and_walks_on(
    walking: tuple[Launch, Watcher, Heard],
) -> None:
    launch, watch, heard = walking
    heard.positions.clear()
    launch.client.transition(NAVIGATOR, "activate")
    heard.until(lambda: any(status.startswith("turn") for status in heard.statuses), "turned")
    turned_at = heard.positions[-1]
    assert turned_at[0] > 0.7, "it walked to the pillar"
    count = len(heard.statuses)
    heard.until(lambda: any(s.startswith("forward") for s in heard.statuses[count:]), "walked on")
    heard.until(lambda: np.linalg.norm(heard.positions[-1] - turned_at) > 0.5, "left the pillar")
    launch.client.transition(NAVIGATOR, "deactivate")
    launch.client.spin_for(0.3)
    assert watch.mode == "active"
    assert heard.velocity == (0.0, 0.0)
    assert WORLD.distance(np.array(heard.positions)).min() > ROBOT_RADIUS_M, "it touched something"


def test_the_tree_stops_within_one_tick_of_an_emergency_and_goes_on_after_the_reset(
    walking: tuple[Launch, Watcher, Heard],
) -> None:
    launch, watch, heard = walking
    client = launch.client
    goals = client.node.create_publisher(PoseStamped, "/goal_pose", names.EVENT)
    client.transition(TREE, "activate")
    heard.until(lambda: heard.status.startswith("wander"), "wandered")
    goal = PoseStamped()
    goal.header.frame_id = "odom"
    goal.pose.position.x, goal.pose.position.y = (float(value) for value in heard.positions[-1] + [-0.5, 2.0])
    goals.publish(goal)
    heard.until(lambda: heard.status.startswith(("approach", "avoid")), "approached its goal")

    heard.until(lambda: any(heard.velocity or ()), "moved")
    heard.velocities.clear()
    watch.stop_out.publish(Bool(data=True))
    heard.until(lambda: (0.0, 0.0) in heard.velocities, "stood")
    assert heard.velocities.index((0.0, 0.0)) <= 1, "at most the tick that was under way"
    heard.until(lambda: heard.status.startswith("emergency stop"), "told of the emergency")
    client.spin_for(1.0)
    first = heard.velocities.index((0.0, 0.0))
    assert set(heard.velocities[first:]) == {(0.0, 0.0)}, "it stays stopped"
    assert "emergency stop [*]" in heard.trees[-1]
    assert "stop requested" in heard.trees[-1], "why, as its own request or as the supervisor tells it"

    _stand_up_again(launch, watch)
    heard.until(lambda: not heard.status.startswith("emergency"), "went on")
    heard.until(lambda: any(heard.velocity or ()), "moved again")
    start = heard.positions[-1]
    heard.until(lambda: np.linalg.norm(heard.positions[-1] - start) > 0.4, "walked again")
    client.transition(TREE, "deactivate")
    assert watch.mode == "active"


def _stand_up_again(launch: Launch, watch: Watcher) -> None:
    """What a person does after a stop: hang the robot up, reset the supervisor, start the controller anew."""
    watch.wait_for_mode("damping")
    client = launch.client
    client.trigger(names.ROBOT_RESET)
    for _ in range(20):
        client.spin_for(0.2)
        try:
            client.trigger(names.SUPERVISOR_RESET)
            break
        except RosError:  # while the cause persists
            continue
    watch.wait_for_mode("held")
    client.transition(names.CONTROLLER, "deactivate")
    client.transition(names.CONTROLLER, "activate")
    client.spin_for(1.2)
    client.trigger(names.ROBOT_ACTIVATE)
    watch.wait_for_mode("active")


def test_a_person_overrules_an_agent_and_the_agent_goes_on_afterwards(
    walking: tuple[Launch, Watcher, Heard],
) -> None:
    launch, watch, heard = walking
    client, node = launch.client, launch.client.node
    active: list[str] = []
    node.create_subscription(String, "/active_source", lambda m: active.append(m.data), names.LATCHED)
    agent = node.create_publisher(Twist, "/cmd_vel/agent", 1)
    person = node.create_publisher(Twist, "/cmd_vel/teleop", 1)
    wanted, other = (0.0, 0.4), (0.0, -0.3)
    speaking = node.create_timer(0.05, lambda: agent.publish(messages.twist([0.0, 0.0, 0.4])))
    heard.until(lambda: heard.velocity == wanted, "obeyed the agent")
    holding = node.create_timer(0.05, lambda: person.publish(messages.twist([0.0, 0.0, -0.3])))
    heard.until(lambda: heard.velocity == other, "obeyed the person")
    heard.velocities.clear()
    client.spin_for(1.0)
    assert set(heard.velocities) == {other}
    holding.cancel()
    heard.until(lambda: heard.velocity == wanted, "obeyed the agent again")
    heard.until(lambda: active[-1:] == ["agent"], "told whom it obeys", 2.0)
    speaking.cancel()
    assert [name for name in active if name] == ["agent", "teleop", "agent"]
    assert watch.mode == "active"

"""Modes, information and walks as services and an action, and an agent that uses them; one launch for all."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rclpy.action.client import ActionClient

from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from gaitway.ros import messages, names
from gaitway.ros.launching import Launch
from tests.host_stalls import Shared
from tests.ros.harness import WAIT_S
from tests.ros.interfaces import require_interfaces

require_interfaces()
from action_msgs.msg import GoalStatus  # noqa: E402
from gaitway_msgs.action import WalkToGoal  # noqa: E402
from gaitway_msgs.msg import RobotState, SafetyState, SensorData  # noqa: E402
from gaitway_msgs.srv import GetRobotInfo, SetMode  # noqa: E402
from geometry_msgs.msg import Point, Twist  # noqa: E402
from std_msgs.msg import String  # noqa: E402

WALK_S = 30.0


@dataclass
class Surroundings:
    """A web server that the agent asks, and that can be made to hang."""

    answer: dict[str, Any] = field(default_factory=lambda: {"hazard": 0.0})
    hangs: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)
    hanging: int = 0

    def __post_init__(self) -> None:
        surroundings = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if surroundings.hangs.is_set():
                    surroundings.hanging += 1
                    surroundings.released.wait()
                body = json.dumps(surroundings.answer).encode()
                self.send_response(200)
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.released.set()
        self.server.shutdown()
        self.server.server_close()


class Robot:
    """What a user of the services does and hears."""

    def __init__(self, launch: Launch, surroundings: Surroundings):
        self.launch, self.client, self.surroundings = launch, launch.client, surroundings
        node = self.client.node
        self.states: list[RobotState] = []
        self.sensors: list[SensorData] = []
        self.safety: list[SafetyState] = []
        self.agent: list[tuple[float, dict[str, Any]]] = []
        node.create_subscription(RobotState, "robot_state", self.states.append, 10)
        node.create_subscription(SensorData, "sensor_data", self.sensors.append, 10)
        node.create_subscription(SafetyState, "safety_status", self.safety.append, names.LATCHED)
        node.create_subscription(
            String, "async_status", lambda m: self.agent.append((time.monotonic(), json.loads(m.data))), 100
        )
        self.cmd_vel = node.create_publisher(Twist, names.CMD_VEL, 1)
        self.walks = ActionClient(node, WalkToGoal, "walk_to_goal")
        self._mode = node.create_client(SetMode, "set_mode")
        self._info = node.create_client(GetRobotInfo, "get_robot_info")
        self.feedback: list[float] = []

    def wait(self, condition, timeout_s: float = WAIT_S) -> None:
        assert self.client.spin_until(condition, timeout_s), (self.states[-1:], self.safety[-1:])

    def answer(self, future: Any, timeout_s: float = WAIT_S) -> Any:
        self.wait(future.done, timeout_s)
        return future.result()

    def ask_mode(self, mode: str) -> Any:
        assert self._mode.wait_for_service(WAIT_S)
        return self._mode.call_async(SetMode.Request(mode=mode))

    def set_mode(self, mode: str) -> SetMode.Response:
        return self.answer(self.ask_mode(mode))

    def info(self) -> GetRobotInfo.Response:
        assert self._info.wait_for_service(WAIT_S)
        return self.answer(self._info.call_async(GetRobotInfo.Request()))

    @property
    def position(self) -> np.ndarray:
        pose = self.states[-1].pose
        return np.array([pose.position.x, pose.position.y])

    def ahead(self, metres: float) -> Point:
        """A point before the robot."""
        quat = self.states[-1].pose.orientation
        yaw = 2.0 * np.arctan2(quat.z, quat.w)
        x, y = self.position + metres * np.array([np.cos(yaw), np.sin(yaw)])
        return Point(x=float(x), y=float(y))

    def walk(self, goal: Point, **request: float) -> Any:
        """The handle of a goal that was accepted."""
        assert self.walks.wait_for_server(WAIT_S)
        self.feedback.clear()
        sent = self.walks.send_goal_async(
            WalkToGoal.Goal(goal=goal, **request), lambda m: self.feedback.append(m.feedback.distance)
        )
        handle = self.answer(sent)
        assert handle.accepted
        return handle


@contextmanager
def launched(log_dir: Path) -> Iterator[Robot]:
    """The robot, held, with its services and the agent."""
    policy = find_policy("walk")
    surroundings = Surroundings()
    commands = {
        "simulated_robot": ["robot:=h23"],
        "safety_supervisor": ["robot:=h23", f"policy:={policy}"],
        "policy_controller": [f"policy:={policy}", "blend_s:=0.3"],
        "agents.robot_services": [],
        "agents.async_agent": [
            f"environment_url:={surroundings.url}", "fetch_period:=0.2", "fetch_timeout:=30.0", "max_cpu:=1.0",
        ],
    }  # fmt: skip
    try:
        with Launch(commands, log_dir) as launch:
            robot = Robot(launch, surroundings)
            robot.wait(
                lambda: bool(robot.states and robot.agent) and robot.states[-1].mode == RobotState.HELD
            )
            yield robot
    finally:
        surroundings.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shared[Robot]]:
    shared = Shared(lambda: launched(tmp_path_factory.mktemp("services")))
    yield shared
    shared.close()


@pytest.fixture
def robot(shared: Shared[Robot], request: pytest.FixtureRequest) -> Iterator[Robot]:
    with shared.lent(request.node) as robot:
        yield robot


@pytest.fixture
def walking(robot: Robot) -> None:
    """The robot is on its own feet and obeys velocities, whether it is new or not."""
    if robot.states[-1].mode != RobotState.WALK:
        response = robot.set_mode("walk")
        assert response.success, response.message
        robot.wait(lambda: robot.states[-1].mode == RobotState.WALK)


def test_the_information_is_what_robot_and_policy_say(robot: Robot) -> None:
    info, h, spec = robot.info(), h23(), load_policy(find_policy("walk")).spec
    assert info.success, info.message
    assert (info.robot, info.mode, info.task) == ("h23", RobotState.HELD, spec.origin.task)
    assert list(info.joint_names) == list(h.joint_names)
    np.testing.assert_allclose(info.position_lower, h.position_lower)
    np.testing.assert_allclose(info.effort_limit, h.effort_limit)
    assert spec.command is not None
    assert (info.command_lower[0], info.command_upper[0]) == spec.command.lin_vel_x
    assert info.control_rate == pytest.approx(50.0)

    changed = [1.1 * value for value in h.stiffness]
    robot.client.set_parameters(names.ROBOT, {"stiffness": changed})
    np.testing.assert_allclose(robot.info().stiffness, changed)


def test_set_mode_refuses_what_it_does_not_know(robot: Robot) -> None:
    response = robot.set_mode("wlak")
    assert not response.success
    assert "did you mean 'walk'" in response.message


def test_a_held_robot_does_not_walk(robot: Robot) -> None:
    result = robot.answer(robot.walk(Point(x=1.0)).get_result_async())
    assert result.status == GoalStatus.STATUS_ABORTED
    assert "mode held" in result.result.message


def test_damping_does_not_wait_for_a_switch_that_is_under_way(robot: Robot) -> None:
    walk = robot.ask_mode("walk")
    robot.client.spin_for(0.1)
    assert robot.set_mode("damp").success
    assert not walk.done()
    assert "stopped" in robot.answer(walk).message
    robot.client.trigger(names.ROBOT_RESET)
    robot.client.trigger(names.SUPERVISOR_RESET)
    robot.wait(lambda: robot.states[-1].mode == RobotState.HELD and not robot.safety[-1].stopped)


def test_set_mode_walk_lets_a_held_robot_go(robot: Robot) -> None:
    response = robot.set_mode("walk")
    assert response.success, response.message
    robot.wait(lambda: robot.states[-1].mode == RobotState.WALK and not robot.states[-1].on_gantry)


@pytest.mark.usefixtures("walking")
def test_a_walk_reaches_its_goal_and_says_how_far_it_is(robot: Robot) -> None:
    goal = robot.ahead(0.9)
    answer = robot.answer(robot.walk(goal, tolerance=0.2).get_result_async(), WALK_S)
    assert answer.status == GoalStatus.STATUS_SUCCEEDED
    assert answer.result.reached
    assert answer.result.distance <= 0.2
    robot.client.spin_for(0.3)
    assert np.linalg.norm(robot.position - (goal.x, goal.y)) < 0.35
    assert robot.feedback[0] > 0.7
    assert robot.feedback[-1] < 0.4
    assert len(robot.feedback) > 10


@pytest.mark.usefixtures("walking")
def test_a_cancelled_walk_ends_where_it_is(robot: Robot) -> None:
    handle = robot.walk(robot.ahead(5.0))
    robot.wait(lambda: bool(robot.feedback) and robot.feedback[-1] < 4.6)
    robot.answer(handle.cancel_goal_async())
    answer = robot.answer(handle.get_result_async())
    assert answer.status == GoalStatus.STATUS_CANCELED
    assert not answer.result.reached
    robot.client.spin_for(1.5)
    stopped_at = robot.position
    robot.client.spin_for(1.0)
    assert np.linalg.norm(robot.position - stopped_at) < 0.12


@pytest.mark.usefixtures("walking")
def test_a_newer_goal_preempts_the_older(robot: Robot) -> None:
    older = robot.walk(robot.ahead(5.0))
    robot.wait(lambda: bool(robot.feedback))
    newer = robot.walk(robot.ahead(0.7))
    ended = robot.answer(older.get_result_async())
    assert ended.status == GoalStatus.STATUS_ABORTED
    assert ended.result.message == "preempted"
    assert robot.answer(newer.get_result_async(), WALK_S).result.reached


@pytest.mark.usefixtures("walking")
def test_a_standing_robot_ignores_velocities_and_a_walking_one_obeys(robot: Robot) -> None:
    assert robot.set_mode("stand").success
    robot.wait(lambda: robot.states[-1].mode == RobotState.STAND)
    robot.client.spin_for(1.0)

    def travelled() -> float:
        before = robot.position
        for _ in range(20):
            robot.cmd_vel.publish(messages.twist([0.5, 0.0, 0.0]))
            robot.client.spin_for(0.1)
        return float(np.linalg.norm(robot.position - before))

    assert travelled() < 0.15
    assert robot.set_mode("walk").success
    assert travelled() > 0.35
    robot.client.spin_for(1.5)


@pytest.mark.usefixtures("walking")
def test_an_agent_walks_by_what_it_fetches_and_loses_no_tick_while_the_server_hangs(robot: Robot) -> None:
    goal = robot.ahead(0.8)
    robot.surroundings.answer = {"hazard": 0.1, "goal": {"x": goal.x, "y": goal.y}}
    robot.wait(lambda: "to go" in robot.agent[-1][1]["walk"])
    robot.surroundings.hangs.set()
    robot.wait(lambda: robot.surroundings.hanging > 0)
    robot.agent.clear()
    robot.client.spin_for(10.0)
    assert robot.surroundings.hanging == 1
    (first_s, first), (last_s, last) = robot.agent[0], robot.agent[-1]
    assert last["missed_ticks"] == first["missed_ticks"]
    assert last["ticks"] - first["ticks"] == pytest.approx(10.0 * (last_s - first_s), abs=1.5)
    assert last["walk"] == "there"
    assert last["environment_age_s"] > 8.0

    far = robot.ahead(5.0)
    robot.surroundings.answer = {"hazard": 0.1, "goal": {"x": far.x, "y": far.y}}
    robot.surroundings.hangs.clear()
    robot.surroundings.released.set()
    robot.wait(lambda: "to go" in robot.agent[-1][1]["walk"])
    robot.surroundings.answer["hazard"] = 7.0
    robot.wait(lambda: robot.agent[-1][1]["failures"]["environment"] > 0)
    assert "to go" in robot.agent[-1][1]["walk"]
    robot.surroundings.answer["hazard"] = 1.0
    robot.wait(lambda: robot.agent[-1][1]["walk"] == "cancelled")
    assert robot.agent[-1][1]["behavior"] == "wait"


@pytest.mark.usefixtures("walking")
def test_damping_stops_the_robot_and_only_the_supervisor_ends_it(robot: Robot) -> None:
    assert robot.sensors[-1].joints_rate > 50.0
    assert robot.sensors[-1].odometry_age < 1.0
    assert robot.safety[-1].supervised
    assert not robot.safety[-1].stopped
    assert robot.set_mode("damp").success
    robot.wait(lambda: robot.safety[-1].stopped and robot.states[-1].mode == RobotState.DAMP)
    assert "stop requested" in robot.safety[-1].reason
    refused = robot.set_mode("walk")
    assert not refused.success
    assert names.SUPERVISOR_RESET in refused.message

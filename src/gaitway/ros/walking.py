"""Sending a running robot to a point, and saying how it got there."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from gaitway import rotation
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.launching import Launch
from gaitway.ros.node_main import steady_s
from gaitway.safety import RobotMode

_HEARD = 50
_LATE_PERIODS = 1.5
_MARGIN_S = 10.0


@dataclass
class _Witness:
    """Subscriptions to what tells how a walk goes."""

    launch: Launch
    truth_topic: str
    commands_s: list[float] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    largest_tilt: float = 0.0
    truth: Odometry | None = None
    odom: Odometry | None = None
    velocity: Twist | None = None
    robot: DiagnosticStatus | None = None

    def __post_init__(self) -> None:
        node = self.launch.client.node
        subscriptions: list[Any] = [
            (JointState, names.JOINT_COMMANDS, self._on_command, _HEARD),
            (Float64, names.ROBOT_COMMAND_LATENCY, self._on_latency, _HEARD),
            (Twist, names.CMD_VEL, self._on_velocity, names.EVENT),
            (DiagnosticStatus, names.ROBOT_STATE, self._on_robot, names.LATCHED),
            (Odometry, self.truth_topic, self._on_truth, names.SENSOR_IN),
            (Odometry, names.ODOM, self._on_odom, names.SENSOR_IN),
        ]
        for kind, topic, callback, qos in subscriptions:
            node.create_subscription(kind, topic, callback, qos)

    def _on_command(self, message: JointState) -> None:
        self.commands_s.append(steady_s())

    def _on_latency(self, message: Float64) -> None:
        self.latencies_s.append(message.data)

    def _on_velocity(self, message: Twist) -> None:
        self.velocity = message

    def _on_robot(self, message: DiagnosticStatus) -> None:
        self.robot = message

    def _on_odom(self, message: Odometry) -> None:
        self.odom = message

    def _on_truth(self, message: Odometry) -> None:
        self.truth = message
        up_w = rotation.rotate(messages.quat_wxyz(message.pose.pose.orientation), np.array([0.0, 0.0, 1.0]))
        self.largest_tilt = max(self.largest_tilt, math.acos(float(np.clip(up_w[2], -1.0, 1.0))))


def walk_to(
    launch: Launch,
    goal: tuple[float, float],
    *,
    timeout_s: float,
    step_dt: float,
    estimated: bool,
    on_start: Callable[[], None] = lambda: None,
    on_progress: Callable[[float], None],
) -> dict[str, Any]:
    """Start the node `walk_to`, let the robot go, and watch it walk to a point.

    The node is started while the robot is still held: a Python process that starts can keep the others of a small
    machine from running for tens of milliseconds.

    Args:
        launch: the running processes; the robot is held.
        goal: in the frame `odom` [m].
        timeout_s: time to give up after [s].
        step_dt: time between two commands of the controller [s].
        estimated: whether `/odom` is the estimator's; the truth is then on `/odom/ground_truth`.
        on_start: called when the robot has been let go.
        on_progress: told the distance that is left [m].

    Returns:
        Whether it reached the goal and whether it fell, its time, how far from the goal it ended, how far the
        odometry was off, and how regular the commands were.

    Raises:
        RosError: a process ended, nobody publishes the odometry or a velocity, or the robot cannot be let go.
    """
    witness = _Witness(launch, names.ODOM_TRUTH if estimated else names.ODOM)
    if not launch.client.spin_until(lambda: witness.truth is not None and witness.odom is not None, 5.0):
        raise RosError(f"nothing on {names.ODOM} or {witness.truth_topic} within 5 s")
    x, y = (float(value) for value in goal)
    launch.start("walk_to", [f"x:={x}", f"y:={y}", f"timeout_s:={timeout_s + _MARGIN_S}"], errand=True)
    if not launch.client.spin_until(lambda: witness.velocity is not None, _MARGIN_S):
        raise RosError(f"nothing on {names.CMD_VEL} within {_MARGIN_S:g} s of starting walk_to")
    launch.let_go()
    on_start()
    witness.commands_s.clear()
    witness.latencies_s.clear()
    started_s = steady_s()
    while launch.exit_code("walk_to") is None and steady_s() - started_s < timeout_s:
        launch.client.spin_for(0.2)
        launch.check()
        on_progress(_distance(witness.truth, goal))
        if _mode(witness) != RobotMode.ACTIVE.value:
            break
    seconds = steady_s() - started_s
    periods = np.diff(witness.commands_s)
    left_m = _distance(witness.truth, goal)
    assert witness.odom is not None
    assert witness.truth is not None
    return {
        "reached": launch.exit_code("walk_to") == 0,
        "fell": _mode(witness) != RobotMode.ACTIVE.value,
        "stop_reason": messages.values_of(witness.robot).get("reason") if witness.robot else None,
        "seconds": seconds,
        "distance_to_goal_m": left_m,
        "odometry_error_m": float(np.linalg.norm(_position(witness.odom) - _position(witness.truth))),
        "largest_tilt_deg": math.degrees(witness.largest_tilt),
        "command_rate_hz": float(1.0 / periods.mean()),
        "late_commands": float((periods > _LATE_PERIODS * step_dt).mean()),
        "latency_p99_ms": float(1e3 * np.percentile(witness.latencies_s, 99)),
    }


def _mode(witness: _Witness) -> str:
    return witness.robot.message if witness.robot else RobotMode.ACTIVE.value


def _position(odometry: Odometry) -> np.ndarray:
    position = odometry.pose.pose.position
    return np.array([position.x, position.y])


def _distance(odometry: Odometry | None, goal: tuple[float, float]) -> float:
    return math.nan if odometry is None else float(np.linalg.norm(np.array(goal) - _position(odometry)))

"""The robot side of safety as a node: what every robot's driver does alike, whatever moves its joints.

A driver extends RobotBridge: it says what it measures (`joint_pos`), moves the joints (`apply`), and calls `drive` in
every control period. The rest is here, and is the same for a simulated and a real robot: commands in by name, modes,
watchdogs, the latched stop, gains, services, and `/robot/state`. `tests/ros/test_bridge_contract.py` is what every
bridge has to pass.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import Bool, Float64MultiArray, UInt64
from std_srvs.srv import Trigger

from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.joint_command import JointCommand, read_command
from gaitway.ros.node_main import LateTicks, steady_s, steady_timer
from gaitway.safety import RobotMode, RobotModes, RobotTimeouts, SafetyError, Stop

_STATE_HZ = 10.0


@dataclass(frozen=True)
class ServoCommand:
    """What the joints are to do now, in the robot's joint order. Shapes (num_joints,).

    A joint's torque is `stiffness * (target - position) - damping * velocity + effort`.
    """

    target: np.ndarray
    """[rad]"""
    effort: np.ndarray
    """Feed-forward torque [N m]."""
    stiffness: np.ndarray
    """[N m/rad] Zero where a joint has no target."""
    damping: np.ndarray
    """[N m s/rad]"""


class RobotBridge(Node, ABC):
    """Node `robot`, to be extended by a driver."""

    holds_home = False
    """Whether a held robot keeps joints that nobody commands at its home pose. A real one would jump there when its
    driver starts: they only resist motion until a controller commands them."""

    hangs_itself_up = False
    """Whether `hang_up` puts the robot on its gantry. Otherwise a person does, who says so by the service `reset_robot`;
    it is refused to a robot that is on its own feet, whose watchdogs it would put to sleep."""

    def __init__(self) -> None:
        super().__init__(names.ROBOT)
        self.robot = get_robot(self.fixed("robot", "h23", "Robot behind this node."))
        self._order = self._positional_order()
        self._declare_actions()
        self.modes = RobotModes(
            RobotTimeouts(
                command_s=self.timeout("command_timeout_s", 0.1, "Age of a stale command [s]."),
                heartbeat_s=self.timeout(
                    "heartbeat_timeout_s", 0.5, "Age of a lost supervisor heartbeat [s]."
                ),
            )
        )
        self._declare_gains()
        self._home = np.array(self.robot.home_joint_pos)
        self._newest = JointCommand.nothing(self.robot)
        self._held_pose = self._home.copy()
        self._beat: int | None = None
        self._damping_s: float | None = None
        self._logged: Stop | None = None
        self._late_ticks = LateTicks(0.0)
        self._make_interfaces()

    # What a driver provides

    @abstractmethod
    def joint_pos(self) -> np.ndarray:
        """Newest measured joint positions in the robot's joint order [rad]. Shape (num_joints,).

        Raises:
            SafetyError: they are not known.
        """

    @abstractmethod
    def apply(self, servos: ServoCommand) -> None:
        """Move the joints."""

    def let_go(self) -> None:
        """The robot is activated: where it hangs by something that the driver can open, open it."""

    def hang_up(self) -> None:
        """The robot is to be on its gantry; unless `hangs_itself_up`, a person has seen to it."""

    def state_values(self) -> dict[str, object]:
        """What a driver adds to `/robot/state`."""
        return {}

    # What a driver calls

    def start(self, period_s: float, tick: Callable[[], None]) -> None:
        """Call `tick` regularly from now on, and say on `/robot/state` how the robot is.

        Args:
            period_s: how often [s].
            tick: calls `drive`, unless messages do.
        """
        self._late_ticks = LateTicks(period_s)
        steady_timer(self, period_s, tick)
        steady_timer(self, 1.0 / _STATE_HZ, self.publish_state)
        self.publish_state()

    def drive(self) -> None:
        """Judge the watchdogs, and move the joints as the robot's mode has it."""
        now_s = steady_s()
        if self._late_ticks.may_judge(now_s):
            self.modes.tick(now_s)
        self.apply(self._servos(now_s))
        self._note_damping(now_s)
        if self.modes.stop is not self._logged:  # a line of log can take long, so the joints come first
            self._logged = self.modes.stop
            if self._logged is not None:
                self.get_logger().error(f"stopped: {self._logged.message}")

    def trip(self, check: str, message: str) -> None:
        """Stop, as soon as `drive` is called; the first reason is kept."""
        if self.modes.stop is None:
            self.modes.trip(Stop(check=check, message=message, time_s=steady_s()))
            self.publish_state()

    def fixed(self, name: str, default: Any, description: str) -> Any:
        """Declare a parameter that is read once and return its value."""
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def timeout(self, name: str, default: float, description: str) -> float:
        """As `fixed`, for the time of a watchdog.

        Raises:
            RosError: it is not finite and above 0, so that it would never bark, or always.
        """
        value = self.fixed(name, default, description)
        if not 0.0 < value < math.inf:
            raise RosError(f"the parameter {name} must be finite and above 0 s; it is {value}")
        return value

    def gains_problem(self, name: str, values: np.ndarray) -> str | None:
        """Why the robot cannot have these gains; None where it can.

        Args:
            name: "stiffness" [N m/rad] or "damping" [N m s/rad].
            values: in the order of the parameter `joints`. Any shape.
        """
        if not self.modes.on_gantry:
            return "gains cannot change while the robot is off its gantry"
        if values.shape != (self.robot.num_joints,):
            return f"{name} needs {self.robot.num_joints} values"
        if not np.isfinite(values).all() or (values < 0.0).any():
            return f"{name} must be finite and not negative"
        return None

    # Parameters and interfaces

    def _positional_order(self) -> list[int]:
        """Where each joint of the parameter `joints` stands in the robot."""
        joints = self.fixed("joints", list(self.robot.joint_names), "Order of positional arrays.")
        return joint_order(joints, self.robot.joint_names, f"the parameter joints of {self.robot.name}")

    def _declare_actions(self) -> None:
        default = [self.robot.joint_names[i] for i in self._order]
        topics = ", ".join(names.ACTIONS)
        self._action_joints = list(self.fixed("action_joints", default, f"Joints of the arrays on {topics}."))
        kind = self.fixed(
            "action_kind", "position", "What those arrays hold: position [rad] or effort [N m]."
        )
        if kind not in ("position", "effort"):
            raise RosError(f"the parameter action_kind must be position or effort; it is {kind!r}")
        self._actions_are_torques = kind == "effort"
        try:
            read_command(self.robot, self._action_joints, (), ())
        except SafetyError as error:
            raise RosError(f"the parameter action_joints has {error}") from error

    def _declare_gains(self) -> None:
        self._gains = {
            "stiffness": np.array(self.robot.stiffness),
            "damping": np.array(self.robot.damping),
        }
        for name, unit in (("stiffness", "N m/rad"), ("damping", "N m s/rad")):
            description = f"Servo {name} in the order of `joints` [{unit}]; changes on the gantry only."
            default = self._gains[name][self._order].tolist()
            self.declare_parameter(name, default, ParameterDescriptor(description=description))
        self.declare_parameter(
            "max_start_pose_error",
            0.35,
            ParameterDescriptor(description="Largest distance from the home pose at activation [rad]."),
        )
        self.declare_parameter(
            "preflight",
            "",
            ParameterDescriptor(description="Verdicts of preflights since this node started, as JSON."),
        )
        self.add_on_set_parameters_callback(self._check_parameters)
        given = self._check_parameters(self.get_parameters(["stiffness", "damping", "max_start_pose_error"]))
        if not given.successful:
            raise RosError(given.reason)

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        gains = {}
        for parameter in parameters:
            problem = None
            if parameter.name == "max_start_pose_error":
                if not 0.0 < float(parameter.value or 0.0) < math.inf:
                    problem = f"max_start_pose_error must be finite and above 0; it is {parameter.value}"
            elif parameter.name in self._gains:
                values = np.array(parameter.value, dtype=float)
                problem = self.gains_problem(parameter.name, values)
                if problem is None:
                    gains[parameter.name] = np.empty_like(values)
                    gains[parameter.name][self._order] = values
            if problem is not None:
                return SetParametersResult(successful=False, reason=problem)
        self._gains.update(gains)
        return SetParametersResult(successful=True)

    def _make_interfaces(self) -> None:
        self._state = self.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
        self.create_subscription(JointState, names.JOINT_COMMANDS, self.on_joint_command, names.COMMAND)
        self.create_subscription(
            Float64MultiArray, names.JOINT_TORQUES, self._on_joint_torques, names.COMMAND
        )
        for topic in names.ACTIONS:
            self.create_subscription(Float64MultiArray, topic, self._on_action, names.COMMAND)
        for qos in names.STOP_IN:
            self.create_subscription(Bool, names.EMERGENCY_STOP, self._on_emergency_stop, qos)
        self.create_subscription(UInt64, names.SAFETY_HEARTBEAT, self._on_heartbeat, names.EVENT)
        for service, action in (
            (names.ROBOT_ACTIVATE, self._activate),
            (names.ROBOT_HOLD, self._hold),
            (names.ROBOT_RESET, self._reset_robot),
            (names.ROBOT_CLEAR_STOP, self._clear_stop),
        ):
            self.create_service(Trigger, service, _answering(action, self.publish_state))

    # Commands

    def on_joint_command(self, message: JointState) -> None:
        """A command on `/joint_commands` came."""
        self._command(message.name, message.position, message.effort)

    def _on_joint_torques(self, message: Float64MultiArray) -> None:
        self._command([self.robot.joint_names[i] for i in self._order], (), message.data)

    def _on_action(self, message: Float64MultiArray) -> None:
        position, effort = ((), message.data) if self._actions_are_torques else (message.data, ())
        self._command(self._action_joints, position, effort)

    def _command(self, joints, position, effort) -> None:
        """Take a command in, or stop on a malformed one."""
        try:
            self._newest = read_command(self.robot, joints, position, effort)
        except SafetyError as error:
            self.trip("command_format", f"malformed command: {error}")
        else:
            self.modes.command_received(steady_s())

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data:
            self.trip("stop_request", "stop requested on /emergency_stop")

    def _on_heartbeat(self, message: UInt64) -> None:
        if message.data != self._beat:  # one that is sent again says nothing of the supervisor
            self._beat = message.data
            self.modes.heartbeat_received(steady_s())

    # Services

    def _activate(self) -> str:
        error = float(np.abs(self.joint_pos() - self._home).max())
        limit = self.get_parameter("max_start_pose_error").value
        assert isinstance(limit, float)
        self.modes.activate(steady_s(), error, limit)
        self.let_go()
        return f"active, every joint within {error:.3f} rad of home"

    def _pose_to_hold(self) -> np.ndarray:
        """The measured pose, without what a joint is pressed past its range. Shape (num_joints,).

        Raises:
            SafetyError: it is not known.
        """
        pose = self.joint_pos()
        if not np.isfinite(pose).all():
            joint = self.robot.joint_names[int(np.argmin(np.isfinite(pose)))]
            raise SafetyError(f"the measured position of {joint} is not finite: there is no pose to hold")
        return np.clip(pose, self.robot.position_lower, self.robot.position_upper)

    def _hold(self) -> str:
        pose = self._pose_to_hold()
        self.modes.hold()
        self._held_pose = pose
        return "holding position"

    def _reset_robot(self) -> str:
        if not self.hangs_itself_up and self.modes.mode in (RobotMode.ACTIVE, RobotMode.POSITION_HOLD):
            raise SafetyError(
                f"the robot is on its own feet ({self.modes.mode.value}) and cannot hang itself up: stop it on "
                f"{names.EMERGENCY_STOP} and hang it up first"
            )
        self.hang_up()
        self.modes.put_on_gantry()
        return f"on the gantry, {self.modes.mode.value}"

    def _clear_stop(self) -> str:
        self._held_pose = self._pose_to_hold()
        self.modes.clear_stop()
        return self.modes.mode.value

    # Joints

    def _servos(self, now_s: float) -> ServoCommand:
        """Gains and targets by mode."""
        stiffness, damping = self._gains["stiffness"], self._gains["damping"]
        target, effort = self._home, np.zeros(self.robot.num_joints)
        held = self.modes.mode is RobotMode.HELD
        resting = held and not self.holds_home
        if self.modes.obeys_commands(now_s):
            newest = self._newest
            target, effort = newest.target, newest.effort
            unset = np.isnan(target)
            if unset.any():
                free = unset & newest.named if held and self.holds_home else unset
                stiffness, target = np.where(free, 0.0, stiffness), np.where(unset, self._home, target)
        elif self.modes.mode is RobotMode.POSITION_HOLD:
            target = self._held_pose
        elif self.modes.mode is RobotMode.DAMPING or resting:
            stiffness, damping = np.zeros_like(stiffness), np.array(self.robot.damping_mode)
        return ServoCommand(target, effort, stiffness, damping)

    def _note_damping(self, now_s: float) -> None:
        if self.modes.mode is not RobotMode.DAMPING:
            self._damping_s = None
        elif self._damping_s is None:
            self._damping_s = now_s
            self.publish_state()

    def publish_state(self) -> None:
        """Say how the robot is."""
        values = messages.stop_values(self.modes.stop) | {
            "stop_count": self.modes.stop_count,
            "on_gantry": self.modes.on_gantry,
            **self.state_values(),
        }
        if self._damping_s is not None:
            values["damping_since_s"] = repr(self._damping_s)
        level = messages.ERROR if self.modes.stop else messages.OK
        self._state.publish(messages.status("robot", level, self.modes.mode.value, values))


def joint_order(given: Sequence[str], joint_names: Sequence[str], subject: str) -> list[int]:
    """Where each of the given joints stands in `joint_names`.

    Raises:
        RosError: they are not the same joints, each once; the message calls the given ones `subject`.
    """
    if sorted(given) != sorted(joint_names):
        raise RosError(
            f"{subject} must name each joint of the robot once; its joints are {', '.join(joint_names)}"
        )
    return [joint_names.index(name) for name in given]


def _answering(action: Callable[[], str], afterwards: Callable[[], None]):
    """A Trigger service that does something, says what came of it, and refuses on a SafetyError."""

    def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message, response.success = action(), True
        except SafetyError as error:
            response.message, response.success = str(error), False
        afterwards()
        return response

    return answer

"""Node `robot_services`: what a robot is and does, as messages, services and an action of gaitway_msgs.

Services `set_mode` and `get_robot_info`, action `walk_to_goal`; out `robot_state`, `sensor_data` and `safety_status`,
and `cmd_vel` while it walks to a goal.

A mode is switched by the robot's own services, the controller's lifecycle, and its parameter `accept_velocities`;
this node keeps no mode of its own that could be wrong. An answer may take seconds, so services and walks run on the
threads of a multi-threaded executor, where a stop waits for neither, and sensors are heard by another.
"""

from __future__ import annotations

import os
import threading
import time
from functools import partial

from gaitway_msgs.msg import RobotState, SafetyState, SensorData
from gaitway_msgs.srv import GetRobotInfo, SetMode
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.callback_groups import ReentrantCallbackGroup
from rclpy.executors import MultiThreadedExecutor
from rclpy.node import Node
from std_msgs.msg import Bool

from gaitway import __version__
from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.policy import PolicySpec, load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import get_robot
from gaitway.ros import find_ros, names, robot_messages
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import run_node, steady_s, steady_timer
from gaitway.ros.robot_client import RobotClient
from gaitway.ros.robot_watch import RobotWatch
from gaitway.ros.walk_server import WalkServer
from gaitway.safety import RobotMode

_SWITCHED_S = 3.0
_THREADS = 8  # the default is one per core, which a walk and a switch could use up before a stop is asked for
_MODES = {
    None: RobotState.UNKNOWN,
    RobotMode.HELD: RobotState.HELD,
    RobotMode.POSITION_HOLD: RobotState.POSITION_HOLD,
    RobotMode.DAMPING: RobotState.DAMP,
}


class RobotServices(Node):
    """Answers by asking the robot, the supervisor and the controller."""

    def __init__(self) -> None:
        super().__init__("robot_services")
        descriptor = ParameterDescriptor(
            description="How often robot_state, sensor_data and safety_status are published [Hz].",
            floating_point_range=[FloatingPointRange(from_value=0.1, to_value=100.0)],
            read_only=True,
        )
        rate_hz = self.declare_parameter("rate", 10.0, descriptor).value
        assert isinstance(rate_hz, float)
        self._policies: dict[str, PolicySpec] = {}
        self._watch = RobotWatch("robot_services_watch", self.context)
        self._report = robot_messages.SensorReport(self._watch)
        self._client = RobotClient("robot_services_client", self.context)
        self._walks = WalkServer(self, self._watch, self._why_not_walk)
        self._stop = self.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
        self._state = self.create_publisher(RobotState, "robot_state", names.EVENT)
        self._sensors = self.create_publisher(SensorData, "sensor_data", names.EVENT)
        self._safety = self.create_publisher(SafetyState, "safety_status", names.LATCHED)
        self._one_at_a_time = threading.Lock()  # who holds it may use the client
        anytime = ReentrantCallbackGroup()
        self.create_service(SetMode, "set_mode", self._set_mode, callback_group=anytime)
        self.create_service(GetRobotInfo, "get_robot_info", self._get_info, callback_group=anytime)
        steady_timer(self, 1.0 / rate_hz, self._publish)

    def destroy_node(self) -> None:
        """Remove the nodes that this one brought, too."""
        self._watch.close()
        self._client.close()
        super().destroy_node()

    def _mode(self) -> str:
        mode = self._watch.robot_mode()
        if mode is RobotMode.ACTIVE:
            return RobotState.WALK if self._watch.obeys_velocities() else RobotState.STAND
        return _MODES[mode]

    # Modes

    def _set_mode(self, request: SetMode.Request, response: SetMode.Response) -> SetMode.Response:
        try:
            response.message, response.success = self._switch(request.mode), True
        except GaitwayError as error:
            response.message = str(error)
        self.get_logger().info(f"set_mode {request.mode}: {response.message}")
        return response

    def _switch(self, mode: str) -> str:
        """Make the robot's nodes switch, and wait until they say that they have.

        Raises:
            GaitwayError: one of them refuses or does not answer.
        """
        request = SetMode.Request
        if mode not in (request.STAND, request.WALK, request.DAMP):
            raise UnknownNameError("mode", mode, [request.STAND, request.WALK, request.DAMP])
        if mode != request.WALK:
            self._walks.end()
        if mode == request.DAMP:
            self._stop.publish(Bool(data=True))  # at once, whatever else is under way
        else:
            with self._one_at_a_time:
                self._start(velocities=mode == request.WALK)
        end_s = steady_s() + _SWITCHED_S
        while self._mode() != mode:
            if steady_s() > end_s:
                raise RosError(f"the robot is in mode {self._mode()} after {_SWITCHED_S:g} s")
            time.sleep(0.02)
        return f"the robot is in mode {mode}"

    def _start(self, velocities: bool) -> None:
        """Have the robot on its feet under its policy, which obeys velocities or does not."""
        stop = self._watch.stop()
        if stop is not None:
            raise RosError(
                f"the robot is stopped ({stop.get('reason')}); reset it with {names.SUPERVISOR_RESET}"
            )
        policy = self._policy()
        if velocities and (policy is None or policy.command is None):
            raise RosError("the controller has no policy that follows velocity commands")
        self._client.set_parameters(names.CONTROLLER, {"accept_velocities": velocities})
        if self._watch.robot_mode() is RobotMode.POSITION_HOLD:
            self._client.trigger(names.ROBOT_ACTIVATE)
        elif self._watch.robot_mode() is not RobotMode.ACTIVE:
            self._client.let_go()

    def _why_not_walk(self) -> str | None:
        mode = self._mode()
        return None if mode == RobotState.WALK else f"the robot is in mode {mode}, not {RobotState.WALK}"

    def _policy(self) -> PolicySpec | None:
        """What the controller's policy file says; None where it has none."""
        (path,) = self._client.get_parameters(names.CONTROLLER, ["policy"])
        if path and path not in self._policies:
            self._policies[path] = load_policy(find_policy(path)).spec
        return self._policies.get(path)

    # Information

    def _get_info(
        self, request: GetRobotInfo.Request, response: GetRobotInfo.Response
    ) -> GetRobotInfo.Response:
        ros = find_ros()
        response.gaitway_version, response.mode = __version__, self._mode()
        response.ros_distro = os.environ.get("ROS_DISTRO", ros.detail)
        try:
            with self._one_at_a_time:
                self._describe_robot(response)
                self._describe_policy(response)
            response.success = True
        except GaitwayError as error:
            response.message = str(error)
        return response

    def _describe_robot(self, info: GetRobotInfo.Response) -> None:
        asked = ["robot", "joints", "stiffness", "damping"]
        name, joints, info.stiffness, info.damping = self._client.get_parameters(names.ROBOT, asked)
        robot = get_robot(name)
        order = [robot.joint_names.index(joint) for joint in joints]
        info.robot, info.model_sha256, info.joint_names = robot.name, robot.model_sha256, joints
        info.position_lower = [float(robot.position_lower[i]) for i in order]
        info.position_upper = [float(robot.position_upper[i]) for i in order]
        info.velocity_limit = [robot.velocity_limit[i] for i in order]
        info.effort_limit = [robot.effort_limit[i] for i in order]

    def _describe_policy(self, info: GetRobotInfo.Response) -> None:
        spec = self._policy()
        if spec is None:
            return
        (info.policy,) = self._client.get_parameters(names.CONTROLLER, ["policy"])
        info.task, info.policy_gaitway_version = spec.origin.task, spec.origin.gaitway_version
        info.control_rate = 1.0 / spec.step_dt
        if spec.command is not None:
            command = spec.command
            ranges = (command.lin_vel_x, command.lin_vel_y, command.ang_vel_z)
            info.command_lower, info.command_upper = (list(side) for side in zip(*ranges, strict=True))

    # Messages

    def _publish(self) -> None:
        stamp = self.get_clock().now().to_msg()
        self._state.publish(robot_messages.robot_state(self._watch, self._mode(), stamp))
        self._sensors.publish(self._report.sensor_data(stamp))
        self._safety.publish(robot_messages.safety_state(self._watch, stamp))


if __name__ == "__main__":
    run_node(RobotServices, partial(MultiThreadedExecutor, num_threads=_THREADS))

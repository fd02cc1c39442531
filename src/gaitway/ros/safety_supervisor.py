"""Node `safety_supervisor`: watches sensors and commands from a process of its own and latches stops.

Always armed. Any `true` on `/emergency_stop` latches; `false` clears nothing; only the service
`/safety_supervisor/reset` does, and it is refused while the cause persists.
"""

from __future__ import annotations

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Bool, UInt64
from std_srvs.srv import Trigger

from gaitway import rotation
from gaitway.policy import Envelope, check_binding, load_policy
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import LateTicks, run_node, steady_s, steady_timer
from gaitway.ros.robot_client import RobotClient
from gaitway.safety import SafetyError, Supervisor, SupervisorLimits

_HEARTBEAT_HZ = 20.0
_DEFAULT_STEP_DT = 0.02


class SafetySupervisor(Node):
    """The supervisor's adapter to ROS 2."""

    def __init__(self) -> None:
        super().__init__(names.SUPERVISOR)
        for name, default, description in (
            ("robot", "h23", "Robot that is watched."),
            ("policy", "", "Policy file whose trained envelope tightens the limits; may be empty."),
        ):
            self.declare_parameter(
                name, default, ParameterDescriptor(description=description, read_only=True)
            )
        robot = get_robot(str(self.get_parameter("robot").value))
        step_dt, envelope = _DEFAULT_STEP_DT, None
        path = str(self.get_parameter("policy").value)
        if path:
            spec = load_policy(path).spec
            check_binding(spec, robot)
            step_dt = spec.step_dt
            envelope = _reordered(spec.envelope, spec.robot.joint_names, robot.joint_names)
        self._mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
        self._supervisor = Supervisor(SupervisorLimits.from_robot(robot, step_dt, envelope))
        self._announced = False
        self._beat = 0
        self._late_ticks = LateTicks(1.0 / _HEARTBEAT_HZ)
        self._robot = RobotClient(f"{names.SUPERVISOR}_client", self.context, timeout_s=0.3)
        self._robot_stops = 0
        self._on_gantry = True  # where every robot starts, until its state says otherwise
        self._cleared_stops = -1
        self._stop_out = self.create_publisher(Bool, names.EMERGENCY_STOP, names.LATCHED)
        self._state = self.create_publisher(DiagnosticStatus, names.SAFETY_STATE, names.LATCHED)
        self._heartbeat = self.create_publisher(UInt64, names.SAFETY_HEARTBEAT, names.EVENT)
        self._diagnostics = self.create_publisher(DiagnosticArray, names.DIAGNOSTICS, 10)
        self.create_subscription(JointState, names.JOINT_STATES, self._on_joints, names.WATCH_IN)
        self.create_subscription(Imu, names.IMU, self._on_imu, names.WATCH_IN)
        self.create_subscription(JointState, names.JOINT_COMMANDS, self._on_command, names.WATCH_IN)
        self.create_subscription(Bool, names.EMERGENCY_STOP, self._on_stop, names.EVENT)
        self.create_subscription(DiagnosticStatus, names.ROBOT_STATE, self._on_robot_state, names.LATCHED)
        self.create_service(Trigger, names.SUPERVISOR_RESET, self._reset)
        steady_timer(self, 1.0 / _HEARTBEAT_HZ, self._tick)
        steady_timer(self, 1.0, self._publish_state)
        self._publish_state()

    def _on_joints(self, message: JointState) -> None:
        self._supervisor.joint_state(list(message.name), message.position, message.velocity, steady_s())
        self._announce()

    def _on_imu(self, message: Imu) -> None:
        base_quat_w = rotation.multiply(messages.imu_quat_w(message), self._mounting_inverse)
        # the norm of the angular velocity is the same in IMU and base frame
        self._supervisor.base_motion(base_quat_w, messages.imu_ang_vel(message), steady_s())
        self._announce()

    def _on_command(self, message: JointState) -> None:
        self._supervisor.command(list(message.name), message.position, steady_s())
        self._announce()

    def _on_stop(self, message: Bool) -> None:
        if message.data:
            self._supervisor.request_stop("/emergency_stop", steady_s())
            self._announce()

    def _on_robot_state(self, message: DiagnosticStatus) -> None:
        values = messages.values_of(message)
        self._on_gantry = values.get("on_gantry") == "True"
        stops = int(values.get("stop_count", self._robot_stops))
        if stops < self._robot_stops:  # another robot process: it counts anew
            self._cleared_stops = -1
        self._robot_stops = stops
        if values.get("stopped") == "True":
            if self._robot_stops <= self._cleared_stops:
                return  # sent before the reset that cleared this stop
            self._supervisor.adopt(values.get("reason", "no reason given"), steady_s())
            self._announce()
        elif self._supervisor.stop is not None:  # a robot that started anew has not heard of it
            self._stop_out.publish(Bool(data=True))

    def _tick(self) -> None:
        now_s = steady_s()
        if self._late_ticks.may_judge(now_s):
            self._supervisor.tick(now_s, watch_silence=not self._on_gantry)
            self._announce()
        self._beat += 1
        self._heartbeat.publish(UInt64(data=self._beat))

    def _announce(self) -> None:
        """Publish a new stop at once."""
        if self._supervisor.stop is not None and not self._announced:
            self._announced = True
            self._stop_out.publish(Bool(data=True))
            self.get_logger().error(f"stop: {self._supervisor.stop.message}")
            self._publish_state()

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._supervisor.stop is None:
            response.success, response.message = True, "there is no stop to reset"
            return response
        try:
            self._supervisor.check_reset(steady_s())
            robot_mode = self._robot.trigger(names.ROBOT_CLEAR_STOP)
        except (SafetyError, RosError) as error:
            response.success, response.message = False, str(error)
            return response
        self._supervisor.clear()
        self._announced = False
        self._cleared_stops = self._robot_stops
        self._stop_out.publish(Bool(data=False))
        self._publish_state()
        response.success, response.message = True, f"reset; the robot is in {robot_mode}"
        return response

    def _publish_state(self) -> None:
        stop = self._supervisor.stop
        level = messages.ERROR if stop else messages.OK
        text = stop.message if stop else "watching"
        status = messages.status(names.SUPERVISOR, level, text, messages.stop_values(stop))
        self._state.publish(status)
        diagnostics = DiagnosticArray(status=[status])
        diagnostics.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics)


def _reordered(envelope: Envelope, joints: tuple[str, ...], wanted: tuple[str, ...]) -> Envelope:
    """The envelope with its per-joint fields in another joint order."""
    order = [joints.index(name) for name in wanted]
    return Envelope(
        quantile=envelope.quantile,
        joint_vel=tuple(envelope.joint_vel[i] for i in order),
        joint_pos_target_step=tuple(envelope.joint_pos_target_step[i] for i in order),
        base_ang_vel=envelope.base_ang_vel,
        tilt=envelope.tilt,
        initial_joint_pos_error=envelope.initial_joint_pos_error,
    )


if __name__ == "__main__":
    run_node(SafetySupervisor)

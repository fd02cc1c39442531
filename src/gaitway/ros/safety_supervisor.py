"""Node `safety_supervisor`: watches sensors and commands from a process of its own and latches stops.

Always armed. Any `true` on `/emergency_stop` latches; `false` clears nothing; only the service
`/safety_supervisor/reset` does, and it is refused while the cause persists. Each limit is a parameter `limits.NAME`,
whose default comes from the robot and the policy.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.node import Node
from sensor_msgs.msg import Imu, JointState, Temperature
from std_msgs.msg import Bool, Float64MultiArray, UInt64
from std_srvs.srv import Trigger

from gaitway import rotation
from gaitway.policy import adapted, check_binding, load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import Robot, get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import LateTicks, run_node, steady_s, steady_timer, with_publisher
from gaitway.ros.robot_client import RobotClient
from gaitway.safety import RobotMode, SafetyError, Supervisor, SupervisorLimits
from gaitway.safety.supervisor import SENSORS

_HEARTBEAT_HZ = 20.0
_WATCH_HZ = 100.0
_DEFAULT_STEP_DT = 0.02
_LIMITS = {
    "position_margin_rad": "How far a measured joint may be outside its range [rad].",
    "effort_margin": "How many times its effort limit a measured torque may be.",
    "base_ang_vel": "Largest angular velocity of the base about its x and y axes [rad/s].",
    "base_yaw_rate": "Largest angular velocity of the base about its z axis [rad/s].",
    "tilt": "Largest angle between the base's up axis and the world's [rad].",
    "min_height": "Least height of the base above the lowest foot, by forward kinematics [m].",
    "max_temperature": "Largest temperature of a motor [degrees Celsius].",
    "sensor_timeout_s": "Age of a stale sensor [s].",
    "command_timeout_s": "Age of a stale command while the robot is active [s].",
    "min_sensor_rate_hz": "Least rate of joint states and of IMU data [Hz].",
    "clock_jump_s": "Largest jump of a sensor's stamps [s].",
    "takeover_s": "Silence after which another publisher may take over a command topic [s].",
    "consecutive": "Samples in a row that trip the checks of joints, height, tilt and base angular velocity.",
    "effort_samples": "Samples in a row that trip the check of measured torques.",
    "temperature_samples": "Samples in a row that trip the check of temperatures.",
    "frozen_samples": "Bit-identical readings in a row that a sensor may give.",
    "rate_samples": "Messages over which a sensor's rate is measured.",
}


class SafetySupervisor(Node):
    """The supervisor's adapter to ROS 2."""

    def __init__(self) -> None:
        super().__init__(names.SUPERVISOR)
        for name, default, description in (
            ("robot", "h23", "Robot that is watched."),
            (
                "policy",
                "",
                "Policy file, or name of one in the box, whose envelope sets limits of motion; may be empty.",
            ),
        ):
            self.declare_parameter(
                name, default, ParameterDescriptor(description=description, read_only=True)
            )
        sensors = ParameterDescriptor(
            description=f"Sensors that a robot off its gantry must have, of {', '.join(SENSORS)}.",
            read_only=True,
        )
        required = self.declare_parameter("required_sensors", list(SENSORS), sensors).value or []
        robot = get_robot(str(self.get_parameter("robot").value))
        step_dt, envelope = _DEFAULT_STEP_DT, None
        path = str(self.get_parameter("policy").value)
        if path:
            spec = load_policy(find_policy(path)).spec
            check_binding(spec, robot)
            robot = adapted(robot, spec.robot)
            step_dt, envelope = spec.step_dt, spec.envelope
        self._mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
        limits = self._configured(SupervisorLimits.from_robot(robot, step_dt, envelope))
        required = [name for name in required if name]  # ROS 2 cannot pass an empty list
        self._supervisor = Supervisor(limits, self._height_estimate(robot), required=required)
        self._stamped = not self.get_parameter(
            "use_sim_time"
        ).value  # simulated time jumps and pauses as it likes
        self._announced = False
        self._beat = 0
        self._late_ticks = LateTicks(1.0 / _WATCH_HZ)
        self._robot = RobotClient(f"{names.SUPERVISOR}_client", self.context, timeout_s=0.3)
        self._on_gantry = True  # where every robot starts, until its state says otherwise
        self._active = False
        self._stop_time_s = 0.0
        self._robot_stop = ""  # when the robot's newest stop was, as it says
        self._cleared_stop = ""
        self._stop_out = self.create_publisher(Bool, names.EMERGENCY_STOP, names.LATCHED)
        self._state = self.create_publisher(DiagnosticStatus, names.SAFETY_STATE, names.LATCHED)
        self._heartbeat = self.create_publisher(UInt64, names.SAFETY_HEARTBEAT, names.EVENT)
        self._diagnostics = self.create_publisher(DiagnosticArray, names.DIAGNOSTICS, 10)
        self.create_subscription(JointState, names.JOINT_STATES, self._on_joints, names.WATCH_IN)
        self.create_subscription(Imu, names.IMU, self._on_imu, names.WATCH_IN)
        self.create_subscription(Temperature, names.JOINT_TEMPERATURES, self._on_temperature, names.WATCH_IN)
        self.create_subscription(
            JointState, names.JOINT_COMMANDS, with_publisher(self._on_command), names.WATCH_IN
        )
        self.create_subscription(
            Float64MultiArray, names.JOINT_TORQUES, with_publisher(self._on_torques), names.WATCH_IN
        )
        for topic in names.ACTIONS:
            heard = with_publisher(functools.partial(self._on_action, topic))
            self.create_subscription(Float64MultiArray, topic, heard, names.WATCH_IN)
        for qos in names.STOP_IN:
            self.create_subscription(Bool, names.EMERGENCY_STOP, self._on_stop, qos)
        self.create_subscription(DiagnosticStatus, names.ROBOT_STATE, self._on_robot_state, names.LATCHED)
        self.create_service(Trigger, names.SUPERVISOR_RESET, self._reset)
        steady_timer(self, 1.0 / _WATCH_HZ, self._tick)
        steady_timer(self, 1.0 / _HEARTBEAT_HZ, self._send_heartbeat)
        steady_timer(self, 1.0, self._publish_state)
        self._publish_state()

    def _configured(self, limits: SupervisorLimits) -> SupervisorLimits:
        """The limits with what the parameters say otherwise."""
        given = {}
        for name, description in _LIMITS.items():
            descriptor = ParameterDescriptor(description=description, read_only=True)
            value = self.declare_parameter(f"limits.{name}", getattr(limits, name), descriptor).value
            if not (isinstance(value, (int, float)) and 0.0 <= value < math.inf):
                raise RosError(f"limits.{name} must be finite and not negative; it is {value}")
            given[name] = value
        return dataclasses.replace(limits, **given)

    def _height_estimate(self, robot: Robot):
        """Forward kinematics of the feet, where MuJoCo is installed and the robot has feet."""
        try:
            from gaitway.robots.foot_height import FootHeight
        except ModuleNotFoundError as error:
            if error.name != "mujoco":
                raise
            self.get_logger().warning("height is not watched: `pip install 'gaitway[sim]'` provides MuJoCo")
            return None
        return FootHeight(robot) if robot.foot_geoms else None

    def _stamp_s(self, message: Imu | JointState) -> float | None:
        """The stamp of a message [s]; None where it has none, or time is simulated."""
        stamp_ns = messages.nanoseconds(message.header.stamp)
        return stamp_ns * 1e-9 if self._stamped and stamp_ns else None

    def _on_joints(self, message: JointState) -> None:
        self._supervisor.joint_state(
            list(message.name),
            message.position,
            message.velocity,
            steady_s(),
            effort=message.effort,
            stamp_s=self._stamp_s(message),
        )
        self._announce()

    def _on_imu(self, message: Imu) -> None:
        base_quat_w = rotation.multiply(messages.imu_quat_w(message), self._mounting_inverse)
        # the norm of the angular velocity is the same in IMU and base frame
        self._supervisor.base_motion(
            base_quat_w, messages.imu_ang_vel(message), steady_s(), stamp_s=self._stamp_s(message)
        )
        self._announce()

    def _on_temperature(self, message: Temperature) -> None:
        self._supervisor.temperature(message.header.frame_id, message.temperature, steady_s())
        self._announce()

    def _on_command(self, message: JointState, publisher: bytes) -> None:
        now_s = steady_s()
        self._supervisor.publisher(names.JOINT_COMMANDS, publisher, now_s)
        self._supervisor.command(list(message.name), message.position, now_s, effort=message.effort)
        self._announce()

    def _on_torques(self, message: Float64MultiArray, publisher: bytes) -> None:
        now_s = steady_s()
        self._supervisor.publisher(names.JOINT_TORQUES, publisher, now_s)
        self._supervisor.torques(message.data, now_s)
        self._announce()

    def _on_action(self, topic: str, message: Float64MultiArray, publisher: bytes) -> None:
        now_s = steady_s()
        self._supervisor.publisher(topic, publisher, now_s)
        self._supervisor.actions(message.data, now_s)
        self._announce()

    def _on_stop(self, message: Bool) -> None:
        if message.data:
            self._supervisor.request_stop("/emergency_stop", steady_s())
            self._announce()

    def _on_robot_state(self, message: DiagnosticStatus) -> None:
        values = messages.values_of(message)
        self._on_gantry = values.get("on_gantry") == "True"
        self._active = message.message == RobotMode.ACTIVE.value
        if values.get("stopped") == "True":
            self._robot_stop = values.get("steady_time_s", "")
            if self._robot_stop and self._robot_stop == self._cleared_stop:
                return  # sent before the reset that cleared this stop
            self._supervisor.adopt(values.get("reason", "no reason given"), steady_s())
            self._announce()
        elif self._supervisor.stop is not None:  # a robot that started anew has not heard of it
            self._stop_out.publish(Bool(data=True))

    def _tick(self) -> None:
        now_s = steady_s()
        if self._late_ticks.may_judge(now_s):
            self._supervisor.tick(now_s, watch_silence=not self._on_gantry, expect_commands=self._active)
            self._announce()

    def _send_heartbeat(self) -> None:
        self._beat += 1
        self._heartbeat.publish(UInt64(data=self._beat))

    def _announce(self) -> None:
        """Publish a new stop at once."""
        if self._supervisor.stop is not None and not self._announced:
            self._announced = True
            self._stop_time_s = self.get_clock().now().nanoseconds * 1e-9
            self._stop_out.publish(Bool(data=True))
            self.get_logger().error(f"stop: {self._supervisor.stop.message}")
            self._publish_state()

    def _reset(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        if self._supervisor.stop is None:
            response.success, response.message = True, "there is no stop to reset"
            return response
        try:
            self._supervisor.check_reset(self._late_ticks.judged_s)
            robot_mode = self._robot.trigger(names.ROBOT_CLEAR_STOP)
        except (SafetyError, RosError) as error:
            response.success, response.message = False, str(error)
            return response
        self._supervisor.clear()
        self._announced = False
        self._cleared_stop = self._robot_stop
        self._stop_out.publish(Bool(data=False))
        self._publish_state()
        response.success, response.message = True, f"reset; the robot is in {robot_mode}"
        return response

    def _publish_state(self) -> None:
        stop = self._supervisor.stop
        level = messages.ERROR if stop else messages.OK
        text = stop.message if stop else "watching"
        values = messages.stop_values(stop)
        if stop:
            values["time_s"] = f"{self._stop_time_s:.6f}"
        self._state.publish(messages.status(names.SUPERVISOR, level, text, values))
        readings = {
            check: f"{value:.4g} {unit} of {limit:.4g}"
            for check, (value, limit, unit) in self._supervisor.readings.items()
        }
        diagnostics = DiagnosticArray(
            status=[messages.status(names.SUPERVISOR, level, text, values | readings)]
        )
        diagnostics.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(diagnostics)


if __name__ == "__main__":
    run_node(SafetySupervisor)

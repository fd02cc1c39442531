"""Node `robot`: a simulated robot in real time, in place of a real one's driver.

It publishes what a robot measures, obeys `/joint_commands` and `/joint_torques`, and stops by itself: on
`/emergency_stop`, malformed or stale commands, or a lost supervisor heartbeat. With the parameter
`lockstep` it advances one control step for each command that answers its newest joint state, and publishes
`/clock`.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Vector3
from nav_msgs.msg import Odometry
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Bool, Float64, Float64MultiArray, UInt64
from std_srvs.srv import Trigger

from gaitway import rotation
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import LateTicks, run_node, steady_s, steady_timer
from gaitway.safety import RobotMode, RobotModes, RobotTimeouts, SafetyError, Stop
from gaitway.sim import Simulation

_REMEMBERED_STAMPS = 200
_STATE_HZ = 10.0
_ODOM_HZ = 50.0
_REPUBLISH_HZ = 50.0


class SimulatedRobot(Node):
    """One robot in MuJoCo behind the topics and services of a real one."""

    def __init__(self) -> None:
        super().__init__(names.ROBOT)
        self.robot = get_robot(self._fixed("robot", "h23", "Robot to simulate."))
        physics_dt = self._fixed("physics_dt", 0.005, "Time of one physics step [s].")
        self._lockstep = self._fixed(
            "lockstep", False, "Advance one control step per command instead of in real time."
        )
        self._order = self._positional_order()
        self.modes = RobotModes(
            RobotTimeouts(
                command_s=self._fixed("command_timeout_s", 0.1, "Age of a stale command [s]."),
                heartbeat_s=self._fixed(
                    "heartbeat_timeout_s", 0.5, "Age of a lost supervisor heartbeat [s]."
                ),
            )
        )
        self._declare_gains()
        self.sim = Simulation(self.robot, 1, physics_dt=physics_dt, num_threads=1)
        self.sim.set_gantry(True)
        self._home = np.array(self.robot.home_joint_pos)
        self._lower, self._upper = self.robot.position_lower, self.robot.position_upper
        self._target = self._home.copy()  # NaN where a command leaves the position unset
        self._effort = np.zeros(self.robot.num_joints)
        self._held_pose = self._home.copy()
        self._damping_s: float | None = None
        self._physics_steps = 0
        self._slipped = 0
        self._tick_s: float | None = None
        self._stamp_ns = 0
        self._published: OrderedDict[int, float] = OrderedDict()
        self._make_interfaces()
        period = 1.0 / _REPUBLISH_HZ if self._lockstep else physics_dt
        self._late_ticks = LateTicks(period)
        steady_timer(self, period, self._publish_sensors if self._lockstep else self._tick)
        steady_timer(self, 1.0 / _STATE_HZ, self._publish_state)
        self._publish_state()

    def _fixed(self, name: str, default, description: str):
        """Declare a parameter that is read once and return its value."""
        descriptor = ParameterDescriptor(description=description, read_only=True)
        return self.declare_parameter(name, default, descriptor).value

    def _positional_order(self) -> list[int]:
        """Where each joint of the parameter `joints` stands in the robot."""
        joints = self._fixed("joints", list(self.robot.joint_names), "Order of positional arrays.")
        if sorted(joints) != sorted(self.robot.joint_names):
            raise RosError(
                f"the parameter joints must name each joint of {self.robot.name} once; its joints are "
                f"{', '.join(self.robot.joint_names)}"
            )
        return [self.robot.joint_names.index(name) for name in joints]

    def _declare_gains(self) -> None:
        for name, values, unit in (
            ("stiffness", self.robot.stiffness, "N m/rad"),
            ("damping", self.robot.damping, "N m s/rad"),
        ):
            description = f"Servo {name} in the order of `joints` [{unit}]; changes on the gantry only."
            default = [values[i] for i in self._order]
            self.declare_parameter(name, default, ParameterDescriptor(description=description))
        self.declare_parameter(
            "max_start_pose_error",
            0.35,
            ParameterDescriptor(description="Largest distance from the home pose at activation [rad]."),
        )
        self._gains = {
            "stiffness": np.array(self.robot.stiffness),
            "damping": np.array(self.robot.damping),
        }
        self.add_on_set_parameters_callback(self._check_parameters)
        given = self._check_parameters(self.get_parameters(["stiffness", "damping"]))
        if not given.successful:
            raise RosError(given.reason)

    def _make_interfaces(self) -> None:
        self._joint_states = self.create_publisher(JointState, names.JOINT_STATES, names.SENSOR_OUT)
        self._imu = self.create_publisher(Imu, names.IMU, names.SENSOR_OUT)
        odom_topic = str(self._fixed("odom_topic", names.ODOM, "Topic of the ground-truth odometry."))
        self._odom = self.create_publisher(Odometry, odom_topic, names.SENSOR_OUT)
        self._state = self.create_publisher(DiagnosticStatus, names.ROBOT_STATE, names.LATCHED)
        self._latency = self.create_publisher(Float64, names.ROBOT_COMMAND_LATENCY, names.EVENT)
        self._clock_out = self.create_publisher(Clock, "/clock", 1) if self._lockstep else None
        self.create_subscription(JointState, names.JOINT_COMMANDS, self._on_joint_command, names.COMMAND)
        self.create_subscription(
            Float64MultiArray, names.JOINT_TORQUES, self._on_joint_torques, names.COMMAND
        )
        self.create_subscription(Bool, names.EMERGENCY_STOP, self._on_emergency_stop, names.EVENT)
        self.create_subscription(UInt64, names.SAFETY_HEARTBEAT, self._on_heartbeat, names.EVENT)
        self.create_subscription(Vector3, names.ROBOT_PUSH, self._on_push, names.EVENT)
        for service, action in (
            (names.ROBOT_ACTIVATE, self._activate),
            (names.ROBOT_HOLD, self._hold),
            (names.ROBOT_RESET, self._reset_robot),
            (names.ROBOT_CLEAR_STOP, self._clear_stop),
        ):
            self.create_service(Trigger, service, _answering(action, self._publish_state))

    # Commands

    def _on_joint_command(self, message: JointState) -> None:
        now_s = steady_s()
        stamp_ns = messages.nanoseconds(message.header.stamp)
        sent_s = self._published.pop(stamp_ns, None)
        if sent_s is not None:
            self._latency.publish(Float64(data=now_s - sent_s))
        self._command(message.name, message.position, message.effort, now_s)
        if self._lockstep and stamp_ns == self._stamp_ns:
            self._advance(self.sim.decimation)
            self._publish_sensors()

    def _on_joint_torques(self, message: Float64MultiArray) -> None:
        joints = [self.robot.joint_names[i] for i in self._order]
        self._command(joints, (), message.data, steady_s())

    def _command(self, joints, position, effort, now_s: float) -> None:
        """Take a command in, or stop on a malformed one."""
        index = {name: i for i, name in enumerate(self.robot.joint_names)}
        unknown = [name for name in joints if name not in index]
        sizes = (len(position), len(effort))
        if unknown or len(set(joints)) != len(joints):
            self._malformed(f"unknown or repeated joints: {', '.join(unknown or joints)}")
            return
        if any(size not in (0, len(joints)) for size in sizes):
            self._malformed(f"{len(joints)} joints with {sizes} positions and efforts")
            return
        target = np.full(self.robot.num_joints, np.nan)
        torque = np.zeros(self.robot.num_joints)
        order = [index[name] for name in joints]
        if len(position):
            target[order] = position
        if len(effort):
            given = np.asarray(effort, dtype=float)
            torque[order] = np.where(np.isnan(given), 0.0, given)
        if np.isinf(target).any() or np.isinf(torque).any():
            self._malformed("an infinite position or effort")
            return
        self._target, self._effort = np.clip(target, self._lower, self._upper), torque
        self.modes.command_received(now_s)

    def _malformed(self, reason: str) -> None:
        self._trip(Stop(check="command_format", message=f"malformed command: {reason}", time_s=steady_s()))

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data:
            self._trip(
                Stop(check="stop_request", message="stop requested on /emergency_stop", time_s=steady_s())
            )

    def _on_heartbeat(self, message: UInt64) -> None:
        self.modes.heartbeat_received(steady_s())

    def _on_push(self, message: Vector3) -> None:
        impulse = np.array([[message.x, message.y, message.z]])
        if not np.isfinite(impulse).all():
            self.get_logger().warning("a push that is not finite is ignored")
            return
        self.sim.push(impulse)
        self.get_logger().info(f"pushed by ({message.x:.1f}, {message.y:.1f}, {message.z:.1f}) N s")

    def _trip(self, stop: Stop) -> None:
        if self.modes.stop is None:
            self.modes.trip(stop)
            self.get_logger().error(f"stopped: {stop.message}")
            self._publish_state()

    # Services

    def _activate(self) -> str:
        error = float(np.abs(self.sim.joint_pos[0] - self._home).max())
        limit = self.get_parameter("max_start_pose_error").value
        assert isinstance(limit, float)
        self.modes.activate(steady_s(), error, limit)
        self.sim.set_gantry(False)
        return f"active, every joint within {error:.3f} rad of home"

    def _hold(self) -> str:
        self.modes.hold()
        self._held_pose = self.sim.joint_pos[0].copy()
        return "holding position"

    def _reset_robot(self) -> str:
        self.sim.reset()
        self.sim.set_gantry(True)
        self.modes.put_on_gantry()
        return f"on the gantry, {self.modes.mode.value}"

    def _clear_stop(self) -> str:
        self.modes.clear_stop()
        self._held_pose = self.sim.joint_pos[0].copy()
        return self.modes.mode.value

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        gains = {}
        for parameter in parameters:
            if parameter.name == "max_start_pose_error" and not float(parameter.value or 0.0) > 0.0:
                return _refused("max_start_pose_error must be above 0")
            if parameter.name in self._gains:
                values = np.array(parameter.value, dtype=float)
                if not self.modes.on_gantry:
                    return _refused("gains cannot change while the robot is off its gantry")
                if values.shape != (self.robot.num_joints,):
                    return _refused(f"{parameter.name} needs {self.robot.num_joints} values")
                if not np.isfinite(values).all() or (values < 0.0).any():
                    return _refused(f"{parameter.name} must be finite and not negative")
                gains[parameter.name] = np.empty_like(values)
                gains[parameter.name][self._order] = values
        self._gains.update(gains)
        return SetParametersResult(successful=True)

    # Physics

    def _tick(self) -> None:
        now_s = steady_s()
        if self._tick_s is not None:  # after a stall of the host physics slips, it never bursts
            self._slipped += max(0, int((now_s - self._tick_s) / self.sim.physics_dt) - 1)
        self._tick_s = now_s
        self._advance(1)
        self._publish_sensors()

    def _advance(self, physics_steps: int) -> None:
        stopped = self.modes.stop
        now_s = steady_s()
        if self._late_ticks.may_judge(now_s):
            self.modes.tick(now_s)
        if self.modes.stop is not stopped and self.modes.stop is not None:
            self.get_logger().error(f"stopped: {self.modes.stop.message}")
        self._set_servos()
        if self.sim.step(physics_steps)[0]:
            self.sim.reset()
            self.sim.set_gantry(self.modes.on_gantry)
            self._trip(Stop(check="physics", message="the simulation diverged", time_s=steady_s()))
        self._physics_steps += physics_steps

    def _set_servos(self) -> None:
        """Gains and targets by mode."""
        stiffness, damping = self._gains["stiffness"], self._gains["damping"]
        target, effort = self._home, np.zeros_like(self._effort)
        if self.modes.mode is RobotMode.DAMPING:
            stiffness, damping = np.zeros_like(stiffness), np.array(self.robot.damping_mode)
        elif self.modes.obeys_commands(steady_s()):
            unset = np.isnan(self._target)
            stiffness = np.where(unset, 0.0, stiffness)
            target, effort = np.where(unset, self._home, self._target), self._effort
        elif self.modes.mode is RobotMode.POSITION_HOLD:
            target = self._held_pose
        self.sim.set_gains(stiffness, damping)
        self.sim.set_command(target[None], effort)
        self._note_damping()

    def _note_damping(self) -> None:
        if self.modes.mode is not RobotMode.DAMPING:
            self._damping_s = None
        elif self._damping_s is None:
            self._damping_s = steady_s()
            self._publish_state()

    # Publishing

    def _publish_sensors(self) -> None:
        """Publish the state; in lockstep, the same one again where nobody has answered it yet."""
        if self._lockstep:
            self._stamp_ns = round(self._physics_steps * self.sim.physics_dt * 1e9)
        else:
            self._stamp_ns = self.get_clock().now().nanoseconds
        stamp = messages.stamp_from(self._stamp_ns)
        sim = self.sim
        if self._clock_out is not None:
            self._clock_out.publish(Clock(clock=stamp))
        imu = Imu(orientation=messages.quat_message(sim.imu_quat_w[0]))
        imu.header.stamp, imu.header.frame_id = stamp, "imu_link"
        imu.angular_velocity = messages.vector(sim.imu_ang_vel[0])
        imu.linear_acceleration_covariance[0] = -1.0  # not measured
        self._imu.publish(imu)
        joints = messages.joint_state(
            stamp, self.robot.joint_names, sim.joint_pos[0], sim.joint_vel[0], sim.joint_effort[0]
        )
        self._published[self._stamp_ns] = steady_s()
        self._joint_states.publish(joints)
        if len(self._published) > _REMEMBERED_STAMPS:
            self._published.popitem(last=False)
        if self._physics_steps % max(1, round(1.0 / (_ODOM_HZ * sim.physics_dt))) == 0:
            self._publish_odom(stamp)

    def _publish_odom(self, stamp) -> None:
        """Ground truth of the simulation; a real robot has to estimate it."""
        sim = self.sim
        to_base = rotation.conjugate(sim.base_quat_w[0])
        lin_vel_b = rotation.rotate(to_base, sim.base_lin_vel_w[0])
        self._odom.publish(
            messages.odometry(stamp, sim.base_pos_w[0], sim.base_quat_w[0], lin_vel_b, sim.base_ang_vel_b[0])
        )

    def _publish_state(self) -> None:
        values = messages.stop_values(self.modes.stop) | {
            "stop_count": self.modes.stop_count,
            "on_gantry": self.modes.on_gantry,
            "slipped_physics_steps": self._slipped,
        }
        if self._damping_s is not None:
            values["damping_since_s"] = repr(self._damping_s)
        level = messages.ERROR if self.modes.stop else messages.OK
        self._state.publish(messages.status("robot", level, self.modes.mode.value, values))


def _refused(reason: str) -> SetParametersResult:
    return SetParametersResult(successful=False, reason=reason)


def _answering(action, afterwards):
    """A Trigger service that does something, says what came of it, and refuses on a SafetyError."""

    def answer(request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        try:
            response.message, response.success = action(), True
        except SafetyError as error:
            response.message, response.success = str(error), False
        afterwards()
        return response

    return answer


if __name__ == "__main__":
    run_node(SimulatedRobot)

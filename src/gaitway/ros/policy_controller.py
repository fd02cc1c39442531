"""Node `policy_controller`: runs a policy file on a robot, at the policy's rate, behind a Guard.

A lifecycle node. `configure` loads and verifies the policy and refuses a robot that it does not fit;
`activate` sets the policy's gains on the robot, reads them back, and starts commanding from the measured
pose: the home pose while the robot says that it is held on its gantry, and the policy from the moment that it is let
go, as an episode of its training begins. While the robot says that it damps or holds its position, and so obeys nobody,
it is commanded the pose that it is in, or holds: what it obeys next begins there. A control step is taken when the
sensor values that are due arrive, so that they are never stale; a timer only notices that none come.
"""

from __future__ import annotations

import functools
import math
import traceback
from collections.abc import Callable

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import Twist, TwistStamped
from rcl_interfaces.msg import ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from rclpy.parameter import Parameter
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Bool

from gaitway.errors import GaitwayError
from gaitway.policy import (
    PolicyError,
    PolicyRuntime,
    VelocityCommand,
    adapted,
    check_binding,
    check_measured,
    load_policy,
)
from gaitway.policy.binding import START_MARGIN, home_distance, joint_set_differences, refusal
from gaitway.policy.file import policy_sha256
from gaitway.policy.shipped import find_policy
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.kept_verdicts import kept_verdicts
from gaitway.ros.node_main import run_node, steady_s, steady_timer
from gaitway.ros.robot_client import RobotClient
from gaitway.safety import Guard, GuardLimits, RobotMode
from gaitway.safety.preflight import check_requirement

_EARLY_NS = 1_000_000  # a sample this much before its due time counts as due
_SENSOR_TIMEOUT_S = 0.1
_DEAF = (RobotMode.DAMPING.value, RobotMode.POSITION_HOLD.value)
"""Modes in which a robot obeys no command."""
_HEARD_LATELY_S = 1.0  # at activation; the first control step waits for new values

Transition = Callable[["PolicyController", LifecycleState], None]


def _reported(transition: Transition) -> Callable[..., TransitionCallbackReturn]:
    """A transition that fails with its reason in the log and in the parameter `last_error`."""

    @functools.wraps(transition)
    def run(self: PolicyController, state: LifecycleState) -> TransitionCallbackReturn:
        try:
            transition(self, state)
        except GaitwayError as error:
            self.get_logger().error(str(error))
            self.set_parameters([Parameter("last_error", value=str(error))])
            return TransitionCallbackReturn.FAILURE
        except Exception as error:  # rclpy swallows it: say it before it is gone
            self.get_logger().fatal(traceback.format_exc())
            self.set_parameters([Parameter("last_error", value=f"{transition.__name__}: {error!r}")])
            raise
        self.set_parameters([Parameter("last_error", value="")])
        return TransitionCallbackReturn.SUCCESS

    return run


class PolicyController(LifecycleNode):
    """Turns sensor values into joint targets with a policy file."""

    def __init__(self) -> None:
        super().__init__(names.CONTROLLER)
        for name, default, description in (
            ("policy", "", "Path of the policy file, or the name of one in the box."),
            ("robot", "h23", "Robot that is to be controlled."),
            (
                "use_stamped_vel",
                False,
                "Whether /cmd_vel carries TwistStamped instead of Twist; read at start.",
            ),
            (
                "blend_s",
                1.0,
                "Time from the measured pose to the policy's own targets [s]; read at configure.",
            ),
            (
                "low_pass_hz",
                0.0,
                "Cut-off of the low-pass filter on joint targets [Hz]; 0 for none; read at configure.",
            ),
            (
                "policy_on_gantry",
                False,
                "Whether the policy runs while the robot is held, not the home pose.",
            ),
            (
                "require_preflight",
                "not-failed",
                "What `gaitway preflight` must have found before activation: off, not-failed or passed.",
            ),
            (
                "accept_velocities",
                True,
                "Whether /cmd_vel is obeyed; otherwise a policy that walks is told to stand.",
            ),
            (
                "wait_for_velocity_s",
                0.0,
                "In lock-step with an agent: a control step off the gantry waits for a velocity whose stamp is less "
                "than this before its joint state's [s]; 0 for no waiting; needs use_stamped_vel; read at start.",
            ),
            ("hears_robot", False, "Whether joint states and IMU data have come; set by the node."),
            ("last_error", "", "Why the newest lifecycle transition failed; empty if it did not."),
        ):
            self.declare_parameter(name, default, ParameterDescriptor(description=description))
        self._commands = self.create_publisher(JointState, names.JOINT_COMMANDS, names.COMMAND)
        self._emergency_stop = self.create_publisher(Bool, names.EMERGENCY_STOP, names.LATCHED)
        self._diagnostics = self.create_publisher(DiagnosticArray, names.DIAGNOSTICS, 10)
        self.create_subscription(Imu, names.IMU, self._on_imu, names.SENSOR_IN)
        self.create_subscription(JointState, names.JOINT_STATES, self._on_joint_state, names.SENSOR_IN)
        self.create_subscription(Bool, names.EMERGENCY_STOP, self._on_emergency_stop, names.EVENT)
        self.create_subscription(DiagnosticStatus, names.ROBOT_STATE, self._on_robot_state, names.LATCHED)
        stamped = self.get_parameter("use_stamped_vel").value
        wait_s = self.get_parameter("wait_for_velocity_s").value
        assert isinstance(wait_s, float)
        if not 0.0 <= wait_s < math.inf or (wait_s and not stamped):
            raise RosError(
                f"wait_for_velocity_s must be finite and not negative, and with use_stamped_vel; got {wait_s}"
            )
        self._wait_ns = round(wait_s * 1e9)
        self._velocity_ns: int | None = None
        if stamped:
            self.create_subscription(TwistStamped, names.CMD_VEL, self._on_stamped_velocity, names.COMMAND)
        else:
            self.create_subscription(Twist, names.CMD_VEL, self._on_velocity, names.COMMAND)
        steady_timer(self, _SENSOR_TIMEOUT_S / 2, self._watch_sensors)
        steady_timer(self, 1.0, self._publish_diagnostics)
        self._runtime: PolicyRuntime | None = None
        self._policy_sha256 = ""
        self._guard: Guard | None = None
        self._home_distance = 0.0
        self._velocity: VelocityCommand | None = None
        self._imu: Imu | None = None
        self._joint_state: JointState | None = None
        self._sent: JointState | None = None
        self._answered: JointState | None = None
        self._heard_s = 0.0
        self._robot_mode = ""  # a robot that does not say so is on its feet, and obeys
        self._pose: np.ndarray | None = None  # of a robot that does not obey: the one it holds, or is in
        self._commanding = False
        self._steps = 0
        self._due_ns = 0  # at once

    # Lifecycle

    @_reported
    def on_configure(self, state: LifecycleState) -> None:
        """Load and verify the policy, and refuse a robot that it does not fit."""
        path = find_policy(str(self.get_parameter("policy").value))
        robot = get_robot(str(self.get_parameter("robot").value))
        runtime = load_policy(path)
        check_measured(runtime.spec)
        check_binding(runtime.spec, robot)
        blend_s, low_pass_hz = (self.get_parameter(name).value for name in ("blend_s", "low_pass_hz"))
        assert isinstance(blend_s, float)
        assert isinstance(low_pass_hz, float)
        self._guard = Guard(
            GuardLimits.from_robot(adapted(robot, runtime.spec.robot)),
            runtime.spec.step_dt,
            blend_s=blend_s,
            cutoff_hz=low_pass_hz or None,
        )
        self._runtime = runtime
        self._policy_sha256 = policy_sha256(path)
        self._home_distance = home_distance(robot, runtime.spec.robot)
        self.get_logger().info(f"policy {path} fits {robot.name}")

    @_reported
    def on_activate(self, state: LifecycleState) -> None:
        """Check the live robot, set its gains, and begin to command."""
        assert self._runtime is not None
        assert self._guard is not None
        spec = self._runtime.spec
        message = self._joint_state
        if message is None or self._imu is None or steady_s() - self._heard_s > _HEARD_LATELY_S:
            raise PolicyError(
                f"no joint states or IMU data within {_HEARD_LATELY_S} s; is the robot running?"
            )
        found = joint_set_differences(spec.robot.joint_names, list(message.name))
        if found:
            raise PolicyError(refusal("the robot on /joint_states", found))
        if messages.by_name(message, spec.robot.joint_names) is None:
            raise PolicyError("the robot's joint states have no position and velocity per joint")
        for label, header in (("joint states", message.header), ("IMU data", self._imu.header)):
            if messages.nanoseconds(header.stamp) == 0:
                raise PolicyError(f"the robot's {label} have no time: its driver must set header.stamp")
        self._prepare_robot()
        self._begin_episode()
        self._guard.reset()
        self._pose = None
        self._steps, self._due_ns, self._sent, self._answered = 0, 0, None, None
        self._joint_state = self._imu = None  # begin with values that are both new
        self._commanding = True

    @_reported
    def on_deactivate(self, state: LifecycleState) -> None:
        """Fall silent; the robot's own watchdog takes over."""
        self._commanding = False

    @_reported
    def on_cleanup(self, state: LifecycleState) -> None:
        """Forget the policy."""
        self._runtime = self._guard = None

    @_reported
    def on_shutdown(self, state: LifecycleState) -> None:
        """Fall silent for good."""
        self._commanding = False

    def _prepare_robot(self) -> None:
        """Heed the robot's preflight, set the policy's gains and start range, and read the gains back."""
        assert self._runtime is not None
        spec = self._runtime.spec.robot
        client = RobotClient(f"{names.CONTROLLER}_client", self.context, timeout_s=2.0)
        try:
            requirement = str(self.get_parameter("require_preflight").value)
            check_requirement(requirement, kept_verdicts(client), self._policy_sha256)
            (joints,) = client.get_parameters(names.ROBOT, ["joints"])
            found = joint_set_differences(spec.joint_names, joints)
            if found:
                raise PolicyError(refusal("the robot's parameter `joints`", found))
            order = [spec.joint_names.index(name) for name in joints]
            wanted = {
                "stiffness": np.array(spec.stiffness)[order],
                "damping": np.array(spec.damping)[order],
            }
            start = START_MARGIN * self._runtime.spec.envelope.initial_joint_pos_error + self._home_distance
            gains = {key: values.tolist() for key, values in wanted.items()}
            client.set_parameters(names.ROBOT, {**gains, "max_start_pose_error": start})
            given = client.get_parameters(names.ROBOT, list(wanted))
            for (key, values), read in zip(wanted.items(), given, strict=True):
                if not np.array_equal(values, read):
                    raise PolicyError(f"the robot kept {key} {read}; the policy needs {values}")
        finally:
            client.close()

    # Control

    def _on_imu(self, message: Imu) -> None:
        self._note_hearing(self._imu is None and self._joint_state is not None)
        self._imu = message
        self._step_if_due()

    def _on_joint_state(self, message: JointState) -> None:
        self._note_hearing(self._joint_state is None and self._imu is not None)
        self._joint_state = message
        self._heard_s = steady_s()
        if self._commanding and self._sent and self._answered and _same_reading(message, self._answered):
            self._commands.publish(self._sent)  # a robot in lockstep asks again: the answer was lost
        self._step_if_due()

    def _on_velocity(self, message: Twist) -> None:
        if self._velocity is not None and self.get_parameter("accept_velocities").value:
            request = np.array([message.linear.x, message.linear.y, message.angular.z])
            self._velocity.request(request, self._velocity_s())

    def _on_stamped_velocity(self, message: TwistStamped) -> None:
        self._velocity_ns = messages.nanoseconds(message.header.stamp)
        self._on_velocity(message.twist)
        if self._wait_ns:
            self._step_if_due()

    def _velocity_s(self) -> float:
        """Now, by the clock that velocities run out by: in lock-step with their sender that of the robot [s]."""
        if self._wait_ns and self._joint_state is not None:
            return 1e-9 * messages.nanoseconds(self._joint_state.header.stamp)
        return steady_s()

    def _awaits_velocity(self, newest_ns: int) -> bool:
        """Whether a control step has to wait for the agent that this controller is in lock-step with."""
        if not self._wait_ns or self._robot_mode != RobotMode.ACTIVE.value:
            return False
        return self._velocity_ns is None or newest_ns - self._velocity_ns >= self._wait_ns

    def _note_hearing(self, complete: bool) -> None:
        """Say so when the second of the two sensors is heard for the first time."""
        if complete and not self.get_parameter("hears_robot").value:
            self.set_parameters([Parameter("hears_robot", value=True)])

    def _on_emergency_stop(self, message: Bool) -> None:
        if message.data and self._commanding:
            self._commanding = False
            self.get_logger().warning("stopped; deactivate and activate to start again")

    def _on_robot_state(self, message: DiagnosticStatus) -> None:
        before, self._robot_mode = self._robot_mode, message.message
        if self._robot_mode == before:
            return
        self._pose = None
        if before in (RobotMode.HELD.value, *_DEAF):
            self._begin_episode()

    def _begin_episode(self) -> None:
        """Let the policy begin as at the start of an episode: without history, and standing."""
        if self._runtime is not None:
            spec = self._runtime.spec
            self._runtime.reset()
            self._velocity = spec.command and VelocityCommand(spec.command, spec.step_dt)
            self._velocity_ns = None

    def _step_if_due(self) -> None:
        """Take a control step once both sensors have reached its time."""
        if not self._commanding or self._imu is None or self._joint_state is None:
            return
        assert self._runtime is not None
        stamp_ns = messages.nanoseconds(self._joint_state.header.stamp)
        newest_ns = min(stamp_ns, messages.nanoseconds(self._imu.header.stamp))
        if newest_ns < self._due_ns - _EARLY_NS or self._awaits_velocity(newest_ns):
            return
        step_ns = round(self._runtime.spec.step_dt * 1e9)
        late = not self._due_ns or newest_ns - self._due_ns > step_ns
        self._due_ns = (newest_ns if late else self._due_ns) + step_ns
        self._step(self._joint_state, self._imu)

    def _step(self, joint_state: JointState, imu: Imu) -> None:
        assert self._runtime is not None
        assert self._guard is not None
        spec = self._runtime.spec
        measured = messages.by_name(joint_state, spec.robot.joint_names)
        if measured is None:
            self._damp(joint_state, "a joint state has other joints than the policy, or lacks values")
            return
        joint_pos, joint_vel = measured
        if self._robot_mode in _DEAF:
            if self._pose is None or self._robot_mode == RobotMode.DAMPING.value:
                self._pose = joint_pos
            self._guard.blend_anew(self._pose)
            wanted = self._pose
        elif self._robot_mode == RobotMode.HELD.value and not self.get_parameter("policy_on_gantry").value:
            wanted = np.array(spec.robot.home_joint_pos)
        else:
            wanted = self._runtime.step(
                joint_pos,
                joint_vel,
                messages.imu_quat_w(imu),
                messages.imu_ang_vel(imu),
                self._velocity.step(self._velocity_s()) if self._velocity else None,
            ).joint_pos_target
        result = self._guard.filter(wanted, joint_pos, joint_vel)
        if result.joint_pos_target is None:
            self._damp(joint_state, result.reason or "")
            return
        self._sent = messages.joint_state(
            joint_state.header.stamp, spec.robot.joint_names, result.joint_pos_target
        )
        self._answered = joint_state
        self._commands.publish(self._sent)
        self._steps += 1

    def _damp(self, joint_state: JointState, reason: str) -> None:
        """Leave every joint without target and ask for a stop."""
        assert self._runtime is not None
        self.get_logger().error(f"damping: {reason}")
        self._commands.publish(
            messages.joint_state(joint_state.header.stamp, self._runtime.spec.robot.joint_names)
        )
        self._emergency_stop.publish(Bool(data=True))
        self._commanding = False

    def _watch_sensors(self) -> None:
        """Notice that no sensor values come. Without them no command goes out, and the robot damps by itself."""
        if self._commanding and self._steps and steady_s() - self._heard_s > _SENSOR_TIMEOUT_S:
            self.get_logger().warning(f"no joint states for {_SENSOR_TIMEOUT_S} s", throttle_duration_sec=1.0)

    def _publish_diagnostics(self) -> None:
        if self._runtime is None or self._guard is None:
            return
        values = {"steps": self._steps, **{f"guard_{k}": v for k, v in self._guard.counts.items()}}
        values["guard_damped"] = self._guard.damped
        accepts = self.get_parameter("accept_velocities").value
        values["obeys_velocities"] = bool(accepts) and self._runtime.spec.command is not None
        message = DiagnosticArray(
            status=[
                messages.status(
                    names.CONTROLLER,
                    messages.OK,
                    "commanding" if self._commanding else "silent",
                    values,
                )
            ]
        )
        message.header.stamp = self.get_clock().now().to_msg()
        self._diagnostics.publish(message)


def _same_reading(message: JointState, other: JointState) -> bool:
    """Whether a joint state is sent again, to the bit; a driver whose stamps stand still only looks as if it did."""
    return (
        message.header.stamp == other.header.stamp
        and message.name == other.name
        and message.position == other.position
        and message.velocity == other.velocity
    )


if __name__ == "__main__":
    run_node(PolicyController)

"""Node `parameterised_agent`: steps in place, with everything about it a parameter that may change while it runs.

Each parameter has a description, a type and a range. A change that makes no sense is refused with a reason, and the old
value stays: one out of its range, of another type, or steps that no leg can reach. With `parameters_file` the node
starts from a ROS 2 parameter file, and the services `~/save_parameters` and `~/load_parameters` write and read it; where
it is missing or broken the node says so, and goes on with what it has.

The steps go out on `control_commands` as joint targets, in the order of the parameter `joints`. They pass a Guard, which
keeps them within the robot's limits and `safety_limits`. A lifecycle node, which activates itself unless `autostart` is
false.
"""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import numpy as np
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.impl.logging_severity import LoggingSeverity
from rclpy.parameter import Parameter
from sensor_msgs.msg import Imu
from std_msgs.msg import Float64MultiArray, String
from std_srvs.srv import Trigger

from gaitway import rotation
from gaitway.errors import GaitwayError
from gaitway.robots import RobotError, get_robot
from gaitway.robots.stepping import SteppingPattern
from gaitway.ros import messages, names
from gaitway.ros.agents.joint_agent import JointAgent, described
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import run_node, steady_timer
from gaitway.ros.parameter_file import read_parameters, write_parameters
from gaitway.ros.robot_bridge import joint_order
from gaitway.safety import Guard, GuardLimits

_NUMBERS = {  # default, range, description
    "control_loop_rate": (50.0, (1.0, 200.0), "Commands per second [Hz]."),
    "safety_limits.max_velocity": (8.0, (0.01, 40.0), "Largest speed of a joint's target [rad/s]."),
    "safety_limits.max_torque": (80.0, (1.0, 200.0), "Largest torque that a target asks for [N m]."),
    "walking_params.step_height": (0.05, (0.0, 0.3), "How far a foot is lifted [m]."),
    "walking_params.step_length": (0.1, (0.0, 0.6), "How far a foot moves forward [m]."),
    "walking_params.step_duration": (0.5, (0.2, 5.0), "Time of one step [s]."),
    "balance_params.com_threshold": (0.1, (0.01, 1.0), "Lean of the base beyond which it stands still [m]."),
}
_SWITCHES = {
    "behavior.active": (True, "Whether to step; if not, it stands in its home pose."),
    "debug.enabled": (False, "Whether every command is logged."),
}
_LEGS = {"left": 0.0, "right": 0.5}  # phase
_LEG_JOINTS = ("hip_pitch", "knee", "ankle_pitch")


class ParameterisedAgent(JointAgent):
    """Steps by parameters."""

    def __init__(self) -> None:
        super().__init__("parameterised_agent")
        robot = get_robot(self.fixed("robot", "h23", "Robot that is to step."))
        joints = self.fixed("joints", list(robot.joint_names), "Order of the joints in control_commands.")
        self._order = joint_order(joints, robot.joint_names, "the parameter joints")
        self._path = self.fixed("parameters_file", "", "Parameter file to start from, and to save to.")
        self._robot = robot
        self._mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
        self._guard = Guard(GuardLimits.from_robot(robot), 1.0, blend_s=1.0)
        self._phase, self._lean, self._steps = 0.0, 0.0, 0
        self._timer = None
        self._declare()
        self._commands = self.create_lifecycle_publisher(Float64MultiArray, "control_commands", names.COMMAND)
        self._status = self.create_publisher(String, "agent_status", names.EVENT)
        self.create_subscription(Imu, "imu/data", self._on_imu, names.SENSOR_IN)
        self.create_service(Trigger, "~/save_parameters", self._on_save)
        self.create_service(Trigger, "~/load_parameters", self._on_load)
        steady_timer(self, 1.0, self._publish_status)
        self._apply_parameters()
        self.start()

    def reset(self) -> None:
        """Begin from the measured pose."""
        self._guard.reset()
        self._phase = 0.0

    # Parameters

    def _declare(self) -> None:
        for name, (default, (lowest, highest), description) in _NUMBERS.items():
            self.declare_parameter(name, default, described(description, lowest, highest))
        for name, (switch, description) in _SWITCHES.items():
            self.declare_parameter(name, switch, ParameterDescriptor(description=description))
        _pattern(self._values({})).check()
        self.add_on_set_parameters_callback(self._check_parameters)
        if self._path:
            try:
                self._load()
            except GaitwayError as error:
                self.get_logger().error(f"{error}; going on with the parameters as they are")

    def _values(self, changes: dict[str, Any]) -> dict[str, Any]:
        """All parameters that may change, after some have."""
        return {name: changes.get(name, self.get_parameter(name).value) for name in (*_NUMBERS, *_SWITCHES)}

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        """Refuse what ranges alone do not: steps that no leg can reach."""
        try:
            _pattern(self._values({p.name: p.value for p in parameters})).check()
        except RobotError as error:
            return SetParametersResult(successful=False, reason=str(error))
        self._changed = True  # to be applied by the next tick, once they are set
        return SetParametersResult(successful=True)

    def _apply_parameters(self) -> None:
        values = self._values({})
        limits = GuardLimits.from_robot(self._robot)
        self._guard.limits = dataclasses.replace(
            limits,
            rate=np.minimum(limits.rate, values["safety_limits.max_velocity"]),
            effort=np.minimum(limits.effort, values["safety_limits.max_torque"]),
        )
        self._pattern = _pattern(values)
        self._stepping = bool(values["behavior.active"])
        self._step_duration = values["walking_params.step_duration"]
        self._com_threshold = values["balance_params.com_threshold"]
        level = LoggingSeverity.DEBUG if values["debug.enabled"] else LoggingSeverity.INFO
        self.get_logger().set_level(level)
        step_dt = 1.0 / values["control_loop_rate"]
        if self._timer is None or step_dt != self._guard.step_dt:
            if self._timer is not None:
                self.destroy_timer(self._timer)
            self._guard.step_dt = step_dt
            self._timer = steady_timer(self, step_dt, self._tick)
        self._changed = False

    def _load(self) -> str:
        given = read_parameters(self._path, self.get_name())
        unknown = sorted(set(given) - set(_NUMBERS) - set(_SWITCHES))
        if unknown:
            raise RosError(f"{self._path} has parameters that cannot be loaded: {', '.join(unknown)}")
        whole = {name: float(value) for name, value in given.items() if type(value) is int}  # `1` for `1.0`
        try:
            parameters = [Parameter(name, value=value) for name, value in (given | whole).items()]
        except TypeError as error:
            raise RosError(f"{self._path} has a value of no type that a parameter can have") from error
        result = self.set_parameters_atomically(parameters)
        if not result.successful:
            raise RosError(f"{self._path} is refused: {result.reason}")
        return f"loaded {len(given)} parameters from {self._path}"

    def _save(self) -> str:
        if not self._path:
            raise RosError("the parameter parameters_file says where to save to; it is empty")
        values = self._values({})
        write_parameters(self._path, self.get_name(), values)
        return f"saved {len(values)} parameters to {self._path}"

    def _on_save(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answer(response, self._save)

    def _on_load(self, request: Trigger.Request, response: Trigger.Response) -> Trigger.Response:
        return _answer(response, self._load)

    # Control

    def _on_imu(self, message: Imu) -> None:
        """How far the base leans over its feet: its height times the sine of its tilt [m]."""
        _, x, y, _ = rotation.multiply(messages.imu_quat_w(message), self._mounting_inverse)
        up = 1.0 - 2.0 * (x * x + y * y)
        sine = math.sqrt(max(0.0, 1.0 - up * up)) if math.isfinite(up) else math.inf
        self._lean = self._robot.home_base_height * sine

    def _tick(self) -> None:
        if self._changed:
            self._apply_parameters()
        measured = self.measured(self._robot.joint_names) if self.active else None
        if measured is None:
            self.reset()
            return
        _, joint_pos, joint_vel = measured
        result = self._guard.filter(self._wanted(), joint_pos, joint_vel)
        if result.joint_pos_target is None:
            self.get_logger().error(f"no command: {result.reason}", throttle_duration_sec=1.0)
            return
        self._commands.publish(Float64MultiArray(data=result.joint_pos_target[self._order].tolist()))
        self._steps += 1
        self.get_logger().debug(f"phase {self._phase:.3f}, limits that acted: {result.acted or 'none'}")

    def _wanted(self) -> np.ndarray:
        """Joint targets of the pattern in the robot's order [rad]. Shape (num_joints,)."""
        target = np.array(self._robot.home_joint_pos)
        if not self._stepping or self._lean > self._com_threshold:
            self._phase = 0.0
            return target
        self._phase = (self._phase + self._guard.step_dt / (2.0 * self._step_duration)) % 1.0
        for side, offset in _LEGS.items():
            angles = self._pattern.leg(self._phase + offset)
            for joint, angle in zip(_LEG_JOINTS, angles, strict=True):
                target[self._robot.joint_names.index(f"{side}_{joint}_joint")] = angle
        return target

    def _publish_status(self) -> None:
        status = {
            "active": self.active,
            "stepping": self._stepping and self._lean <= self._com_threshold,
            "lean_m": round(self._lean, 4),
            "commands": self._steps,
            "rate_hz": 1.0 / self._guard.step_dt,
            "limits_acted": self._guard.counts,
        }
        self._status.publish(String(data=json.dumps(status)))


def _pattern(values: dict[str, Any]) -> SteppingPattern:
    return SteppingPattern(
        step_length=values["walking_params.step_length"], step_height=values["walking_params.step_height"]
    )


def _answer(response: Trigger.Response, action) -> Trigger.Response:
    try:
        response.message, response.success = action(), True
    except GaitwayError as error:
        response.message, response.success = str(error), False
    return response


if __name__ == "__main__":
    run_node(ParameterisedAgent)

"""Node `joint_pid`: a PID controller for each joint, from `joint_states` to torques on `joint_commands`.

Targets are the parameters `targets.JOINT`, zero by default, or come by name on `joint_targets`. The gains `kp`, `ki`
and `kd` hold for every joint that has none of its own, `gains.JOINT.kp` and so on; all change while the node runs. A
file of them is a ROS 2 parameter file: `--ros-args --params-file gains.yaml`.

A lifecycle node, which activates itself unless `autostart` is false. It commands only while fresh joint states come,
and falls silent at an emergency stop until it is deactivated and activated again.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from rcl_interfaces.msg import SetParametersResult
from rclpy.parameter import Parameter
from sensor_msgs.msg import JointState
from std_msgs.msg import String

from gaitway.robots import Robot, get_robot
from gaitway.robots.pid import Pid
from gaitway.ros import messages, names
from gaitway.ros.agents.joint_agent import JointAgent, described
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import run_node, steady_timer

CONTROL_HZ = 100.0
GAINS = {"kp": (10.0, "N m/rad"), "ki": (0.1, "N m/(rad s)"), "kd": (1.0, "N m s/rad")}
"""Default and unit by name."""
LARGEST_KI_PER_KP = 3.0
"""[1/s] An integral that is faster than this swings."""


def largest_gains(robot: Robot, joints: list[str]) -> dict[str, np.ndarray]:
    """Gains up to which the loop is stable at 100 Hz: half of the robot's own servo's, which act without delay."""
    order = [robot.joint_names.index(name) for name in joints]
    kp = np.maximum(GAINS["kp"][0], np.array(robot.stiffness)[order] / 2.0)
    kd = np.maximum(GAINS["kd"][0], np.array(robot.damping)[order] / 2.0)
    return {"kp": kp, "ki": LARGEST_KI_PER_KP * kp, "kd": kd}


class JointPid(JointAgent):
    """PID control of the joints of the parameter `joints`."""

    def __init__(self) -> None:
        super().__init__("joint_pid")
        robot = get_robot(self.fixed("robot", "h23", "Robot whose joints these are."))
        self._joints = list(self.fixed("joints", list(robot.joint_names), "Joints to control."))
        for name in self._joints:
            if name not in robot.joint_names or self._joints.count(name) > 1:
                raise RosError(f"joints: {name!r} repeats or is none of {', '.join(robot.joint_names)}")
        order = [robot.joint_names.index(name) for name in self._joints]
        self._lower, self._upper = robot.position_lower[order], robot.position_upper[order]
        self._pid = Pid(np.array(robot.effort_limit)[order])
        self._largest = largest_gains(robot, self._joints)
        self._declare()
        self._target = np.array([self.get_parameter(f"targets.{joint}").value for joint in self._joints])
        self._error = np.zeros(len(self._joints))
        self._steps = 0
        self._changes: dict[str, float] = {}
        self._apply_changes()
        self._commands = self.create_lifecycle_publisher(JointState, "joint_commands", names.COMMAND)
        self._status = self.create_publisher(String, "agent_status", names.EVENT)
        self.create_subscription(JointState, "joint_targets", self._on_targets, names.COMMAND)
        steady_timer(self, 1.0 / CONTROL_HZ, self._step)
        steady_timer(self, 1.0, self._publish_status)
        self.start()

    def reset(self) -> None:
        """Forget the integral."""
        self._pid.reset()

    # Parameters

    def _declare(self) -> None:
        for gain, (default, unit) in GAINS.items():
            descriptor = described(
                f"Of every joint without its own [{unit}].", 0.0, self._largest[gain].max()
            )
            self.declare_parameter(gain, default, descriptor)
        for i, joint in enumerate(self._joints):
            target = described("Target [rad].", self._lower[i], self._upper[i])
            self.declare_parameter(f"targets.{joint}", 0.0, target)
            for gain, (_, unit) in GAINS.items():
                descriptor = described(f"As {gain} if unset [{unit}].", 0.0, self._largest[gain][i])
                self.declare_parameter(f"gains.{joint}.{gain}", Parameter.Type.DOUBLE, descriptor)
        problem = self._problem({})
        if problem:
            raise RosError(problem)
        self.add_on_set_parameters_callback(self._check_parameters)

    def _gains(self, changes: dict[str, Any]) -> dict[str, np.ndarray]:
        """Gains of every joint, after some parameters have changed. Shapes (num_joints,)."""

        def of_joint(joint: str, gain: str) -> Any:
            own = f"gains.{joint}.{gain}"
            common = changes.get(gain, self.get_parameter(gain).value)
            return changes.get(own, self.get_parameter_or(own, Parameter(own, value=common)).value)

        return {gain: np.array([of_joint(joint, gain) for joint in self._joints]) for gain in GAINS}

    def _problem(self, changes: dict[str, float]) -> str | None:
        """What is wrong with the gains, after some parameters have changed."""
        gains = self._gains(changes)
        for gain, values in gains.items():
            for joint, value, largest in zip(self._joints, values, self._largest[gain], strict=True):
                if value > largest:
                    return f"{gain} of {joint} would be {value:g}; at most {largest:g}"
        for joint, kp, ki in zip(self._joints, gains["kp"], gains["ki"], strict=True):
            if ki > LARGEST_KI_PER_KP * kp:
                return f"ki of {joint} would be {ki:g}; at most {LARGEST_KI_PER_KP:g} times its kp of {kp:g}"
        return None

    def _check_parameters(self, parameters: list[Parameter]) -> SetParametersResult:
        changes = {p.name: p.value for p in parameters}
        problem = self._problem(changes)
        if problem is None:
            self._changes |= changes  # the next step takes them over
        return SetParametersResult(successful=problem is None, reason=problem or "")

    def _apply_changes(self) -> None:
        for gain, values in self._gains(self._changes).items():
            setattr(self._pid, gain, values)
        for i, joint in enumerate(self._joints):
            self._target[i] = self._changes.get(f"targets.{joint}", self._target[i])
        self._changes = {}

    # Control

    def _on_targets(self, message: JointState) -> None:
        """Targets by name; other joints keep theirs."""
        known = [name for name in message.name if name in self._joints]
        if len(known) != len(message.name) or len(message.position) != len(known):
            self.get_logger().warning(
                f"targets for {list(message.name)} are ignored: unknown, or not one each"
            )
            return
        order = [self._joints.index(name) for name in known]
        wanted = np.array(message.position)
        inside = (self._lower[order] <= wanted) & (wanted <= self._upper[order])  # NaN is not
        if not inside.all():
            self.get_logger().warning(f"a target of {known[int(np.argmin(inside))]} is out of its range")
            return
        self._target[order] = wanted

    def _step(self) -> None:
        if self._changes:
            self._apply_changes()
        measured = self.measured(self._joints) if self.active else None
        if measured is None:
            self.reset()
            return
        stamp, position, velocity = measured
        effort = self._pid.step(self._target, position, velocity, 1.0 / CONTROL_HZ)
        self._commands.publish(messages.joint_state(stamp, self._joints, effort=effort))
        self._error = self._target - position
        self._steps += 1

    def _publish_status(self) -> None:
        worst = int(np.abs(self._error).argmax())
        status = {
            "active": self.active,
            "hears_joint_states": self.hears_joints(),
            "steps": self._steps,
            "largest_error_rad": round(float(self._error[worst]), 4),
            "of": self._joints[worst],
            "saturated": [name for name, full in zip(self._joints, self._pid.saturated, strict=True) if full],
        }
        self._status.publish(String(data=json.dumps(status)))


if __name__ == "__main__":
    run_node(JointPid)

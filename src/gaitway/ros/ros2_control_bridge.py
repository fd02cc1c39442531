"""Node `robot`: a robot whose joints ros2_control moves, through one of its forward command controllers.

It hears `/joint_states` and publishes on `<controller>/commands`, in the order of that controller's parameter
`joints`. A controller of efforts is given the torque of each joint's servo, computed here from every joint state, so
that a policy's gains hold. A controller of positions is given targets: its servos are the hardware's, whose gains must
be the robot's, and a joint that has no target is sent the position that it has, so that its servo only damps.

`/joint_states` and `/imu/data` come from ros2_control's broadcasters. The hardware's own watchdog must stop the joints
when commands no longer come: nothing here can, once this process is gone.
"""

from __future__ import annotations

import numpy as np
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import run_node, steady_s
from gaitway.ros.robot_bridge import RobotBridge, ServoCommand, joint_order
from gaitway.ros.robot_client import RobotClient
from gaitway.safety import SafetyError

_PERIOD_S = 0.02
_CONTROLLER_S = 20.0


class Ros2ControlBridge(RobotBridge):
    """The bridge to a forward command controller."""

    _interface = "effort"

    def __init__(self) -> None:
        super().__init__()
        self._controller = self.fixed(
            "controller", "forward_effort_controller", "Name of the forward controller."
        )
        self._interface = self.fixed(
            "interface", "effort", "What the controller forwards: effort or position."
        )
        if self._interface not in ("effort", "position"):
            raise RosError(f"the parameter interface must be effort or position; it is {self._interface!r}")
        self._timeout_s = self.timeout("joint_states_timeout_s", 0.1, "Age of a stale joint state [s].")
        self._effort_limit = np.array(self.robot.effort_limit)
        self._out_order: list[int] = []
        self._joint_pos = self._joint_vel = np.zeros(self.robot.num_joints)
        self._heard_s: float | None = None
        for name in ("stiffness", "damping"):
            problem = self.gains_problem(name, np.array(self.get_parameter(name).value))
            if problem is not None:
                raise RosError(problem)
        self._commands = self.create_publisher(
            Float64MultiArray, f"/{self._controller}/commands", names.COMMAND
        )
        self.create_subscription(JointState, names.JOINT_STATES, self._on_joint_state, names.SENSOR_IN)

    @classmethod
    def connected(cls) -> Ros2ControlBridge:
        """The bridge to a controller that is there, at work.

        Raises:
            RosError: the controller does not answer, or is for other joints.
        """
        node = cls()
        client = RobotClient(f"{names.ROBOT}_client", node.context, timeout_s=_CONTROLLER_S)
        try:
            (joints,) = client.get_parameters(node._controller, ["joints"])
        finally:
            client.close()
        told = f"the parameter joints of {node._controller}"
        node._out_order = joint_order(list(joints or []), node.robot.joint_names, told)
        node.start(_PERIOD_S, node._watch)
        return node

    def gains_problem(self, name: str, values: np.ndarray) -> str | None:
        """As of every robot; with a controller of positions, gains other than the robot's are refused."""
        problem = super().gains_problem(name, values)
        own = np.array(getattr(self.robot, name))[self._order]
        if problem is None and self._interface == "position" and not np.allclose(values, own):
            return f"{name} is the hardware's where positions are commanded; it cannot be set"
        return problem

    def joint_pos(self) -> np.ndarray:
        """The newest joint positions [rad]. Shape (num_joints,).

        Raises:
            SafetyError: joint states are not coming.
        """
        if self._stale():
            raise SafetyError(
                f"no joint states within {self._timeout_s} s; is the joint state broadcaster running?"
            )
        return self._joint_pos

    def trip(self, check: str, message: str) -> None:
        """Stop, and tell the joints at once: the next joint state may come late, or never."""
        first = self.modes.stop is None
        super().trip(check, message)
        if first:
            if self._interface == "position" and self._heard_s is not None:
                self._send(
                    self._joint_pos
                )  # instead of a target that nothing would replace without joint states
            self.drive()

    def apply(self, servos: ServoCommand) -> None:
        """Send efforts or positions; without fresh joint states, no effort and no new position."""
        if self._stale():
            if self._interface == "effort":
                self._send(np.zeros(self.robot.num_joints))
            return
        if self._interface == "effort":
            torque = servos.stiffness * (servos.target - self._joint_pos) - servos.damping * self._joint_vel
            self._send(np.clip(torque + servos.effort, -self._effort_limit, self._effort_limit))
        else:
            if servos.effort.any():
                self.trip("command_format", "a controller of positions cannot be commanded torques")
                return
            self._send(np.where(servos.stiffness > 0.0, servos.target, self._joint_pos))

    def _send(self, values: np.ndarray) -> None:
        self._commands.publish(Float64MultiArray(data=values[self._out_order].tolist()))

    def _on_joint_state(self, message: JointState) -> None:
        nothing = np.full((2, self.robot.num_joints), np.nan)
        joint_pos, joint_vel = messages.by_name(message, self.robot.joint_names) or nothing
        known = np.isfinite(joint_pos) & np.isfinite(joint_vel)
        # a joint that says nothing stays where it was last, and is given no torque for a speed that is not known
        self._joint_pos = np.where(known, joint_pos, self._joint_pos)
        self._joint_vel = np.where(known, joint_vel, 0.0)
        if known.all():
            self._heard_s = steady_s()
        else:
            self.trip(
                "joint_states",
                "a joint state has other joints than the robot, or lacks a finite position and velocity",
            )
        self.drive()

    def _watch(self) -> None:
        """Go on without joint states: the watchdogs must be judged, and a robot on its own feet must stop."""
        if self._stale():
            if not self.modes.on_gantry:
                self.trip("joint_states_timeout", f"no joint states for {self._timeout_s} s")
            self.drive()

    def _stale(self) -> bool:
        return self._heard_s is None or steady_s() - self._heard_s > self._timeout_s


if __name__ == "__main__":
    run_node(Ros2ControlBridge.connected)

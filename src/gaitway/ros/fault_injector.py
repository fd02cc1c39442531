"""Injecting faults into a running launch, from outside: by the nodes' parameters, by signals, by speaking as others do."""

from __future__ import annotations

from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64MultiArray

from gaitway.robots import Robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.injected_faults import PARAMETER, injection
from gaitway.ros.launching import Launch
from gaitway.ros.node_main import steady_s
from gaitway.ros.robot_client import RobotClient
from gaitway.safety.faults import COMMANDS, Fault, Messages, ProcessLoss, Publisher, Sample

_MATCHED_S = 5.0
_TOPICS = {
    "joint_commands": (JointState, names.JOINT_COMMANDS, 2),
    "joint_torques": (Float64MultiArray, names.JOINT_TORQUES, 2),
    "cmd_vel": (Twist, names.CMD_VEL, 1),
}
"""Type and name of each topic, and how many of the launch's nodes listen to it."""


class FaultInjector:
    """Injects and clears faults.

    Attributes:
        began_s: when each fault first acted, on the steady clock [s].
        lost: processes that were killed.
    """

    def __init__(self, launch: Launch, robot: Robot, client: RobotClient | None = None):
        """Get ready to inject.

        Args:
            launch: the running processes, whose client is served by whoever uses this.
            robot: what is simulated.
            client: calls the nodes' services; default the launch's.
        """
        self._client = client or launch.client
        self.began_s: dict[str, float] = {}
        self.lost: list[str] = []
        self._launch = launch
        self._robot = robot
        self._injected: dict[str, list[str]] = {}
        self._halted: list[str] = []
        self._publishers: dict[str, Any] = {}
        self._timers: list[Any] = []
        node = launch.client.node
        self._out = node.create_publisher(DiagnosticStatus, names.FAULTS, names.EVENT)
        node.create_subscription(DiagnosticStatus, names.FAULTS, self._on_fault, names.EVENT)

    def prepare(self, fault: Fault) -> None:
        """Make what takes its time, so that `inject` acts at once.

        Raises:
            RosError: nobody listens to a topic that the fault publishes on.
        """
        if not isinstance(fault.cause, Publisher) or fault.cause.topic in self._publishers:
            return
        kind, topic, listeners = _TOPICS[fault.cause.topic]
        publisher = self._launch.client.node.create_publisher(kind, topic, names.COMMAND)
        if not self._client.spin_until(lambda: publisher.get_subscription_count() >= listeners, _MATCHED_S):
            raise RosError(f"nobody listens to {topic}")
        self._publishers[fault.cause.topic] = publisher

    def inject(self, fault: Fault) -> None:
        """Let a fault happen now.

        Raises:
            RosError: a node refuses or does not answer.
        """
        self.prepare(fault)
        cause = fault.cause
        self.began_s.pop(fault.name, None)
        if isinstance(cause, ProcessLoss):
            self._lose(fault, cause)
        elif isinstance(cause, Publisher):
            self._speak(fault, cause)
        else:
            commands = isinstance(cause, Messages) and COMMANDS in cause.streams
            node = names.CONTROLLER if commands else names.ROBOT
            wanted = self._injected.setdefault(node, [])
            wanted.append(fault.name)
            self._client.set_parameters(node, {PARAMETER: wanted})

    def clear(self) -> None:
        """End every fault that can be ended: a process that was killed stays dead."""
        node = self._launch.client.node
        while self._timers:
            node.destroy_timer(self._timers.pop())
        while self._halted:
            self._launch.resume(self._halted.pop())
        for name in list(self._injected):
            self._client.set_parameters(name, {PARAMETER: [""]})
            del self._injected[name]

    def _on_fault(self, message: DiagnosticStatus) -> None:
        self.began_s.setdefault(message.name, float(messages.values_of(message)["steady_time_s"]))

    def _say(self, fault: Fault, now_s: float) -> None:
        self.began_s[fault.name] = now_s
        self._out.publish(injection(fault, now_s))

    def _lose(self, fault: Fault, cause: ProcessLoss) -> None:
        process = self._launch.process_names[("robot", "supervisor", "controller").index(cause.process)]
        now_s = steady_s()
        if cause.hangs:
            self._launch.halt(process)
            self._halted.append(process)
        else:
            self._launch.kill(process)
            self.lost.append(process)
        self._say(fault, now_s)

    def _speak(self, fault: Fault, cause: Publisher) -> None:
        publisher = self._publishers[cause.topic]
        sample = cause.make(self._robot)
        started_s = steady_s()

        def speak() -> None:
            now_s = steady_s()
            if cause.falls_silent_s is not None and now_s - started_s >= cause.falls_silent_s:
                timer.cancel()
                self._say(fault, now_s)
                return
            publisher.publish(self._message(cause.topic, sample))
            if cause.falls_silent_s is None and fault.name not in self.began_s:
                self._say(fault, now_s)

        timer = self._launch.client.node.create_timer(1.0 / cause.rate_hz, speak)
        self._timers.append(timer)
        speak()

    def _message(self, topic: str, sample: Sample) -> JointState | Float64MultiArray | Twist:
        if topic == "cmd_vel":
            return messages.twist(sample.columns["velocity"])
        if topic == "joint_torques":
            return Float64MultiArray(data=np.asarray(sample.columns["effort"]).tolist())
        return messages.joint_state_of(sample)

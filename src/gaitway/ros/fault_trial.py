"""One fault at a time against a walking robot: what it does about it, who noticed, how soon, and whether it stays."""

from __future__ import annotations

import math
import random
from collections import deque
from dataclasses import dataclass

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist
from nav_msgs.msg import Odometry
from std_msgs.msg import Bool

from gaitway.robots import Robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.fault_injector import FaultInjector
from gaitway.ros.launching import Launch
from gaitway.ros.node_main import steady_s
from gaitway.safety import RobotMode
from gaitway.safety.faults import Fault, ProcessLoss, Publisher, Response

BLEND_S = 0.3
"""The controller's time of blending in; trials are many [s]."""
WALK = (0.4, 0.0, 0.0)
"""What the robot does when the fault comes: vx, vy [m/s] and yaw rate [rad/s]."""
_STEER_S = 0.05
_SETTLE_S = (0.8, 1.6)
"""How long the robot walks before its fault, drawn anew for each, so that it comes at any phase of the gait [s]."""
_SPEED_WINDOW_S = 0.4
_LATE_STOP_S = 1.0  # how much longer than allowed a stop is waited for
_LATCH_S = 0.25
_RESET_S = 5.0


class SpoiledTrialError(RosError):
    """The robot was stopped before its fault came."""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """What came of one fault."""

    observed: str
    """A Response's value, or what happened instead."""
    detected: str | None
    """Who stopped the robot, and by which check."""
    reason: str | None
    reaction_s: float | None
    """From the first bad message, or the loss of a process, to damping [s]."""
    latched: bool | None
    """Whether the robot stayed stopped when the fault was over, told to go on, and asked to activate."""
    commands_outside_limits: int
    """Control periods in which a joint was given a target or a torque outside its limits."""


class FaultTrials:
    """Trials on one launch. A trial that kills a process is its last."""

    def __init__(self, launch: Launch, robot: Robot):
        """Listen and steer; then `begin`."""
        self._launch = launch
        self._injector = FaultInjector(launch, robot)
        self._robot_state: dict[str, str] = {}
        self._mode = ""
        self._safety: DiagnosticStatus | None = None
        self._speeds: deque[tuple[float, float]] = deque(maxlen=1000)
        self._steering = True
        node = launch.client.node
        node.create_subscription(DiagnosticStatus, names.ROBOT_STATE, self._on_robot, names.LATCHED)
        node.create_subscription(DiagnosticStatus, names.SAFETY_STATE, self._on_safety, names.LATCHED)
        node.create_subscription(Odometry, names.ODOM, self._on_odom, names.SENSOR_IN)
        self._stop_out = node.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
        self._velocity_out = node.create_publisher(Twist, names.CMD_VEL, names.COMMAND)
        node.create_timer(_STEER_S, self._steer)

    @property
    def over(self) -> bool:
        """Whether a process was killed, so that this launch can go on no more."""
        return bool(self._injector.lost)

    def begin(self, fault: Fault) -> None:
        """Let the robot go for the first time, with all ready for the trials of a fault."""
        self._injector.prepare(fault)
        self._launch.let_go()

    def run(self, fault: Fault) -> Trial:
        """One trial, after which the robot is active again unless a process was killed.

        Raises:
            SpoiledTrialError: the robot stopped before the fault.
            RosError: it could not be made active again.
        """
        client, injector = self._launch.client, self._injector
        injector.prepare(fault)
        self._steering = True
        client.spin_for(random.uniform(*_SETTLE_S))
        if self._mode != RobotMode.ACTIVE.value:
            client.spin_for(0.1)  # until all have said why
            raise SpoiledTrialError("stopped before {}: {}, {}".format(fault.name, *self._detected()))
        outside = self._outside_limits()
        self._steering = not (isinstance(fault.cause, Publisher) and fault.cause.falls_silent_s is not None)
        injector.inject(fault)
        watch_s = fault.watch_s if fault.allowed_s is None else fault.allowed_s + _LATE_STOP_S
        client.spin_until(lambda: fault.name in injector.began_s, watch_s + _LATE_STOP_S)
        stopped = client.spin_until(lambda: self._stopped(fault), watch_s)
        if fault.name not in injector.began_s:
            raise RosError(f"nobody said that {fault.name} was injected")
        detected, reason, reaction_s, latched = None, None, None, None
        if stopped:
            reaction_s = self._stop_s(fault) - injector.began_s[fault.name]
            client.spin_for(0.1)  # until all have said why
            detected, reason = self._detected()
            latched = self._stays_stopped(fault)
        observed = Response.STOP.value if stopped else self._response(fault)
        trial = Trial(
            observed=observed,
            detected=detected,
            reason=reason,
            reaction_s=reaction_s,
            latched=latched,
            commands_outside_limits=self._outside_limits() - outside,
        )
        if not self.over:
            self.make_active()
        return trial

    def make_active(self) -> None:
        """Clear faults and stop, and let the robot go from its home pose.

        Raises:
            RosError: it cannot be.
        """
        client = self._launch.client
        self._injector.clear()
        client.trigger(names.ROBOT_RESET)
        if self._mode == RobotMode.DAMPING.value or self._robot_state.get("stopped") == "True":
            self._reset_supervisor()
            client.transition(names.CONTROLLER, "deactivate")
            client.transition(names.CONTROLLER, "activate")
        client.spin_for(BLEND_S + 0.2)
        client.trigger(names.ROBOT_ACTIVATE)
        if not client.spin_until(lambda: self._mode == RobotMode.ACTIVE.value, _RESET_S):
            raise RosError(f"the robot is {self._mode}, not active")

    def _reset_supervisor(self) -> None:
        """Reset the stop as soon as its cause is over."""
        end_s = steady_s() + _RESET_S
        while True:
            self._launch.client.spin_for(0.1)
            try:
                self._launch.client.trigger(names.SUPERVISOR_RESET)
            except RosError:
                if steady_s() > end_s:
                    raise
            else:
                return

    def _stopped(self, fault: Fault) -> bool:
        if _loses_robot(fault):
            return self._safety is not None and self._safety.level == messages.ERROR
        return self._mode == RobotMode.DAMPING.value and "damping_since_s" in self._robot_state

    def _stop_s(self, fault: Fault) -> float:
        if _loses_robot(fault):
            assert self._safety is not None
            return float(messages.values_of(self._safety)["steady_time_s"])
        return float(self._robot_state["damping_since_s"])

    def _detected(self) -> tuple[str, str | None]:
        """Who stopped the robot: itself, the supervisor, or else the controller, which asks both to stop."""
        robot = self._robot_state
        safety = messages.values_of(self._safety) if self._safety else {}
        if robot.get("check") not in (None, "stop_request"):
            return f"robot: {robot['check']}", robot.get("reason")
        if safety.get("check") not in (None, "stop_request", "robot"):
            return f"supervisor: {safety['check']}", safety.get("reason")
        return "controller: guard", robot.get("reason")

    def _stays_stopped(self, fault: Fault) -> bool:
        """End the fault, say that nobody wants a stop, ask the robot to go on, and see."""
        client = self._launch.client
        self._injector.clear() if not self.over else None
        self._stop_out.publish(Bool(data=False))
        client.spin_for(_LATCH_S)
        if _loses_robot(fault):
            return self._stopped(fault)
        try:
            client.trigger(names.ROBOT_ACTIVATE)
        except RosError as error:
            return "is stopped" in str(error) and self._stopped(fault)
        return False

    def _response(self, fault: Fault) -> str:
        """What a robot that goes on does about a fault."""
        if fault.max_speed is None:
            return Response.TOLERATE.value
        recent = [speed for time_s, speed in self._speeds if time_s > steady_s() - _SPEED_WINDOW_S]
        speed = float(np.mean(recent)) if recent else math.nan
        return fault.expected.value if speed <= fault.max_speed else f"moves at {speed:.2f} m/s"

    def _outside_limits(self) -> int:
        return int(self._robot_state.get("commands_outside_limits", "0"))

    def _on_robot(self, message: DiagnosticStatus) -> None:
        self._mode, self._robot_state = message.message, messages.values_of(message)

    def _on_safety(self, message: DiagnosticStatus) -> None:
        self._safety = message

    def _on_odom(self, message: Odometry) -> None:
        velocity = message.twist.twist.linear
        self._speeds.append((steady_s(), math.hypot(velocity.x, velocity.y)))

    def _steer(self) -> None:
        if self._steering:
            self._velocity_out.publish(messages.twist(WALK))


def _loses_robot(fault: Fault) -> bool:
    return isinstance(fault.cause, ProcessLoss) and fault.cause.process == "robot"

"""Faults that come at stated times of a launch, and what the robot does about them, for a person to read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence

from diagnostic_msgs.msg import DiagnosticStatus

from gaitway.robots import Robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.fault_injector import FaultInjector
from gaitway.ros.launching import Launch
from gaitway.ros.node_main import steady_s, steady_timer
from gaitway.ros.robot_client import RobotClient
from gaitway.safety.faults import Fault

_LOOK_S = 0.02


class FaultSchedule:
    """Injects while the launch's client is served, and says what happens."""

    def __init__(
        self,
        launch: Launch,
        robot: Robot,
        schedule: Sequence[tuple[float, Fault]],
        say: Callable[[str], None],
    ):
        """Get ready; the times count from `begin`.

        Args:
            launch: the running processes.
            robot: what is simulated.
            schedule: times [s] and faults, the earliest first.
            say: told each injection and each stop.

        Raises:
            RosError: nobody listens to a topic that a fault publishes on.
        """
        self._launch = launch
        self._schedule = list(schedule)
        self._say = say
        self._started_s: float | None = None
        self._told: dict[str, str] = {}
        self._client = RobotClient("gaitway_faults")  # of its own: it is called inside the launch's callbacks
        self._injector = FaultInjector(launch, robot, self._client)
        for _, fault in schedule:
            self._injector.prepare(fault)
        for topic, who in ((names.ROBOT_STATE, "the robot"), (names.SAFETY_STATE, "the supervisor")):
            hear = functools.partial(self._on_state, who)
            launch.client.node.create_subscription(DiagnosticStatus, topic, hear, names.LATCHED)

    def __enter__(self) -> FaultSchedule:
        return self

    def __exit__(self, *error: object) -> None:
        self._client.close()

    @property
    def lost(self) -> list[str]:
        """Processes that were killed on purpose."""
        return self._injector.lost

    def begin(self) -> None:
        """The robot has been let go: the clock runs from here."""
        self._started_s = steady_s()
        if self._schedule:
            steady_timer(self._launch.client.node, _LOOK_S, self._inject_due)

    def _inject_due(self) -> None:
        while self._schedule and self._elapsed_s() >= self._schedule[0][0]:
            _, fault = self._schedule.pop(0)
            self._say(f"{self._elapsed_s():.2f} s: {fault.name}: {fault.description}, {fault.magnitude}")
            try:
                self._injector.inject(fault)
            except RosError as error:  # the node may be lost already
                self._say(f"{fault.name} is not injected: {error}")

    def _elapsed_s(self) -> float:
        return 0.0 if self._started_s is None else steady_s() - self._started_s

    def _on_state(self, who: str, message: DiagnosticStatus) -> None:
        """Say so when the robot or the supervisor stops."""
        reason = messages.values_of(message).get("reason", "")
        if reason and reason != self._told.get(who):
            self._say(f"{self._elapsed_s():.2f} s: {who} stopped: {reason}")
        self._told[who] = reason

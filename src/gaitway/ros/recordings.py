"""Hearing what the flight recorder has written, and giving it time to."""

from __future__ import annotations

from collections.abc import Callable

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import String

from gaitway.ros import messages, names
from gaitway.ros.robot_client import RobotClient

_STOP_S = 1.0
_WRITTEN_S = 8.0


class Recordings:
    """The recordings of stops that are made while this listens."""

    def __init__(self, client: RobotClient, on_recording: Callable[[str], None]):
        """Listen.

        Args:
            client: whose spinning serves this.
            on_recording: told the path of each recording.
        """
        self._client = client
        self._on_recording = on_recording
        self._count = self._before_stop = 0
        self._stopped: dict[str, bool] = {}
        node = client.node
        node.create_subscription(String, names.FLIGHT_RECORDING, self._on_path, names.LATCHED)
        for topic in (names.ROBOT_STATE, names.SAFETY_STATE):

            def on_state(message: DiagnosticStatus, topic: str = topic) -> None:
                self._on_state(topic, message)

            node.create_subscription(DiagnosticStatus, topic, on_state, names.LATCHED)

    def wait_after_failure(self) -> None:
        """Give a stop that is being recorded, or is about to happen, the time to be written."""
        if self._client.spin_until(lambda: any(self._stopped.values()), _STOP_S):
            self._client.spin_until(lambda: self._count > self._before_stop, _WRITTEN_S)

    def _on_path(self, message: String) -> None:
        self._count += 1
        self._on_recording(message.data)

    def _on_state(self, topic: str, message: DiagnosticStatus) -> None:
        self._stopped[topic] = messages.values_of(message).get("stopped") == "True"
        if not any(self._stopped.values()):
            self._before_stop = self._count

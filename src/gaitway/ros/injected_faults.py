"""Faults inside a node that is made for them: the simulated robot and the faulty controller.

The node's parameter `faults` is the list of those that are injected now, so that the one standard service
`set_parameters` injects and clears, says why it refuses, and tells by `get_parameters` what is the case. (A Trigger for
each step would need a second call for the name, which another client could come between.) The moment at which a fault
first acted is published on `/faults`, on the clock that watchdogs use.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from diagnostic_msgs.msg import DiagnosticStatus
from rcl_interfaces.msg import ParameterDescriptor, SetParametersResult
from rclpy.node import Node
from rclpy.parameter import Parameter

from gaitway.errors import GaitwayError
from gaitway.ros import messages, names
from gaitway.ros.node_main import steady_s
from gaitway.safety.faults import FAULTS, Fault, Messages, Sample, Tamper, find_fault

PARAMETER = "faults"

AnyCause = TypeVar("AnyCause")


class InjectedFaults:
    """The faults of one node."""

    def __init__(
        self,
        node: Node,
        can_inject: Callable[[Fault], bool],
        on_change: Callable[[list[Fault]], None] = lambda injected: None,
    ):
        """Declare the parameter; `begin` once the node is ready for faults.

        Args:
            node: whose faults they are.
            can_inject: which faults can act in it.
            on_change: told after each change which faults were injected just now.
        """
        self._here = [name for name, fault in FAULTS.items() if can_inject(fault)]
        self._on_change = on_change
        self._began_s: dict[str, float | None] = {}  # with the first sample
        self._tampers: dict[tuple[str, str], Tamper] = {}
        self._said: set[str] = set()
        self._out = node.create_publisher(DiagnosticStatus, names.FAULTS, names.EVENT)
        description = f"Faults injected now; of {', '.join(self._here)}. An empty name is none."
        node.declare_parameter(PARAMETER, [""], ParameterDescriptor(description=description))
        node.add_on_set_parameters_callback(self._set)
        self._node = node

    def begin(self) -> None:
        """Inject what the parameter asked for at the node's start.

        Raises:
            GaitwayError: it cannot be injected here.
        """
        self._replace([name for name in self._node.get_parameter(PARAMETER).value if name])

    def causes(self, kind: type[AnyCause]) -> list[AnyCause]:
        """The causes of one kind among the faults that are injected."""
        causes = (FAULTS[name].cause for name in self._began_s)
        return [cause for cause in causes if isinstance(cause, kind)]

    def through(self, stream: str, sample: Sample) -> list[Sample]:
        """What is to be sent instead of a sample."""
        sent = [sample]
        for (name, tampered), tamper in list(self._tampers.items()):
            if tampered == stream:
                now_s = steady_s()
                began_s = self._began_s[name]
                if began_s is None:
                    began_s = self._began_s[name] = now_s
                sent = [other for each in sent for other in tamper(each, now_s - began_s)]
                self.say(name, now_s)
        return sent

    def say(self, name: str, now_s: float) -> None:
        """Publish that a fault acts, if that was not said before."""
        if name not in self._said:
            self._said.add(name)
            self._out.publish(injection(FAULTS[name], now_s))

    def _set(self, parameters: list[Parameter]) -> SetParametersResult:
        for parameter in parameters:
            if parameter.name == PARAMETER:
                try:
                    self._replace([name for name in parameter.value or [] if name])
                except GaitwayError as error:
                    return SetParametersResult(successful=False, reason=str(error))
        return SetParametersResult(successful=True)

    def _replace(self, wanted: list[str]) -> None:
        for name in wanted:
            find_fault(name)
            if name not in self._here:
                raise GaitwayError(
                    f"the fault {name} does not act in this node; those that do: {', '.join(self._here)}"
                )
        for name in [name for name in self._began_s if name not in wanted]:
            del self._began_s[name]
            self._said.discard(name)
        self._tampers = {key: tamper for key, tamper in self._tampers.items() if key[0] in wanted}
        new = [FAULTS[name] for name in wanted if name not in self._began_s]
        for fault in new:
            self._began_s[fault.name] = None
            if isinstance(fault.cause, Messages):
                self._tampers |= {(fault.name, stream): fault.cause.make() for stream in fault.cause.streams}
        self._on_change(new)


def injection(fault: Fault, time_s: float) -> DiagnosticStatus:
    """What is published on `/faults`: which fault, and when it first acted, on the steady clock [s]."""
    return messages.status(
        fault.name,
        messages.OK,
        fault.description,
        {"magnitude": fault.magnitude, "steady_time_s": repr(time_s)},
    )

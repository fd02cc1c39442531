"""Node `policy_controller` whose commands can be broken on their way out: the policy controller, to test what guards it.

The parameter `faults` injects faults of commands. They stand behind the controller's Guard, as a bug or damaged memory
there would, and come from the publisher that everybody knows.
"""

from __future__ import annotations

from typing import Any

from sensor_msgs.msg import JointState

from gaitway.ros import messages
from gaitway.ros.injected_faults import InjectedFaults
from gaitway.ros.node_main import run_node
from gaitway.ros.policy_controller import PolicyController
from gaitway.safety.faults import COMMANDS, Fault, Messages


class FaultyController(PolicyController):
    """The policy controller behind a fault."""

    def __init__(self) -> None:
        super().__init__()
        faults = InjectedFaults(self, _can_inject)
        faults.begin()
        self._commands = _Tampered(self._commands, faults)


class _Tampered:
    """A publisher of joint commands that sends what the faults make of them."""

    def __init__(self, publisher: Any, faults: InjectedFaults):
        self._publisher = publisher
        self._faults = faults

    def publish(self, message: JointState) -> None:
        for sample in self._faults.through(COMMANDS, messages.sample_of(message)):
            self._publisher.publish(messages.joint_state_of(sample))


def _can_inject(fault: Fault) -> bool:
    return isinstance(fault.cause, Messages) and COMMANDS in fault.cause.streams


if __name__ == "__main__":
    run_node(FaultyController)

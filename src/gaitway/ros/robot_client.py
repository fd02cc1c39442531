"""Calling a robot's, a controller's and the supervisor's services, one question at a time.

A client brings a node and an executor of its own, so that it can be used inside a callback of another node
as well as from a script.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import rclpy
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.msg import Parameter, ParameterType, ParameterValue
from rcl_interfaces.srv import GetParameters, SetParametersAtomically
from rclpy.context import Context
from rclpy.executors import SingleThreadedExecutor
from std_srvs.srv import Trigger

from gaitway.ros import names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import steady_s

_DISCOVERY_S = 20.0
_BLENDED_S = 0.2
_TRANSITIONS = {
    "configure": Transition.TRANSITION_CONFIGURE,
    "activate": Transition.TRANSITION_ACTIVATE,
    "deactivate": Transition.TRANSITION_DEACTIVATE,
    "cleanup": Transition.TRANSITION_CLEANUP,
}


class RobotClient:
    """Synchronous calls with a time limit."""

    def __init__(self, name: str, context: Context | None = None, timeout_s: float = 5.0):
        """Make the client's node.

        Args:
            name: of the node.
            context: an initialised rclpy context; default the global one.
            timeout_s: how long a service may take to appear, and to answer [s].
        """
        self.node = rclpy.create_node(name, context=context, start_parameter_services=False)
        self._executor = SingleThreadedExecutor(context=context)
        self._executor.add_node(self.node)
        self._timeout_s = timeout_s
        self._clients: dict[str, Any] = {}

    def close(self) -> None:
        """Remove the node."""
        self._executor.shutdown()
        self.node.destroy_node()

    def spin_for(self, seconds: float) -> None:
        """Serve the node's own subscriptions for a while."""
        self.spin_until(lambda: False, seconds)

    def spin_until(self, condition: Callable[[], bool], timeout_s: float) -> bool:
        """Serve subscriptions until a condition holds; returns whether it did in time."""
        end_s = steady_s() + timeout_s
        while not condition():
            left = end_s - steady_s()
            if left <= 0.0:
                return False
            self._executor.spin_once(timeout_sec=min(left, 0.05))
        return True

    def trigger(self, service: str) -> str:
        """Call a Trigger service; returns its message.

        Raises:
            RosError: it is not there, does not answer, or refuses; the message says which and why.
        """
        response = self._call(Trigger, service, Trigger.Request())
        if not response.success:
            raise RosError(f"{service} refused: {response.message}")
        return response.message

    def get_parameters(self, node: str, keys: Sequence[str]) -> list[Any]:
        """Values of a node's parameters; sequences come as lists."""
        response = self._call(
            GetParameters, f"/{node}/get_parameters", GetParameters.Request(names=list(keys))
        )
        if len(response.values) != len(keys):
            raise RosError(f"{node} does not have all of the parameters {', '.join(keys)}")
        return [_parameter_value(value) for value in response.values]

    def set_parameters(
        self, node: str, parameters: Mapping[str, bool | str | float | Sequence[float] | Sequence[str]]
    ) -> None:
        """Set a node's switches, strings, doubles, and arrays of doubles or strings, all or none.

        Raises:
            RosError: the node refuses; the message holds its reason.
        """
        request = SetParametersAtomically.Request(
            parameters=[
                Parameter(name=key, value=_parameter_message(value)) for key, value in parameters.items()
            ]
        )
        result = self._call(SetParametersAtomically, f"/{node}/set_parameters_atomically", request).result
        if not result.successful:
            raise RosError(f"{node} refused {', '.join(parameters)}: {result.reason}")

    def transition(self, node: str, transition: str) -> None:
        """Make a lifecycle node change its state.

        Raises:
            RosError: it does not; the message holds the node's `last_error`.
        """
        request = ChangeState.Request(transition=Transition(id=_TRANSITIONS[transition]))
        if not self._call(ChangeState, f"/{node}/change_state", request).success:
            (reason,) = self.get_parameters(node, ["last_error"])
            raise RosError(f"{node} cannot {transition}: {reason or 'it gave no reason'}")

    def lifecycle_state(self, node: str) -> str:
        """Label of a lifecycle node's state, such as "inactive"."""
        return self._call(GetState, f"/{node}/get_state", GetState.Request()).current_state.label

    def let_go(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Bring the controller to life, let it blend in, and let the robot off.

        Args:
            on_wait: called now and then, to raise where waiting has become pointless.

        Raises:
            RosError: a step is refused; the message says by whom and why.
        """
        self.start_control(on_wait)
        (blend_s,) = self.get_parameters(names.CONTROLLER, ["blend_s"])
        self.spin_for(blend_s + _BLENDED_S)
        self.trigger(names.ROBOT_ACTIVATE)

    def start_control(self, on_wait: Callable[[], None] = lambda: None) -> None:
        """Bring the controller to life.

        Args:
            on_wait: called now and then, to raise where waiting has become pointless.

        Raises:
            RosError: a step is refused; the message says by whom and why.
        """
        state = self.lifecycle_state(names.CONTROLLER)
        if state == "active":
            self.transition(names.CONTROLLER, "deactivate")
        elif state == "unconfigured":
            self.transition(names.CONTROLLER, "configure")
        self._wait_until_hears_robot(on_wait)
        self.transition(names.CONTROLLER, "activate")

    def _wait_until_hears_robot(self, on_wait: Callable[[], None]) -> None:
        """Wait until discovery has brought the robot's sensors to the controller."""
        end_s = steady_s() + _DISCOVERY_S
        while self.get_parameters(names.CONTROLLER, ["hears_robot"]) != [True]:
            on_wait()
            if steady_s() > end_s:
                raise RosError(
                    f"{names.CONTROLLER} hears no joint states or IMU data within {_DISCOVERY_S} s"
                )
            self.spin_for(0.1)

    def wait_for(self, service: str, timeout_s: float) -> bool:
        """Wait until a Trigger service is there."""
        return self._client(Trigger, service).wait_for_service(timeout_s)

    def _client(self, kind: Any, service: str) -> Any:
        if service not in self._clients:
            self._clients[service] = self.node.create_client(kind, service)
        return self._clients[service]

    def _call(self, kind: Any, service: str, request: Any) -> Any:
        client = self._client(kind, service)
        if not client.wait_for_service(self._timeout_s):
            raise RosError(f"no service {service} within {self._timeout_s} s; is its node running?")
        future = client.call_async(request)
        self._executor.spin_until_future_complete(future, self._timeout_s)
        if not future.done():
            client.remove_pending_request(future)
            raise RosError(f"{service} did not answer within {self._timeout_s} s")
        return future.result()


def _parameter_message(value: bool | str | float | Sequence[float] | Sequence[str]) -> ParameterValue:
    if isinstance(value, str):
        return ParameterValue(type=ParameterType.PARAMETER_STRING, string_value=value)
    if isinstance(value, bool):
        return ParameterValue(type=ParameterType.PARAMETER_BOOL, bool_value=value)
    if isinstance(value, (float, int)):
        return ParameterValue(type=ParameterType.PARAMETER_DOUBLE, double_value=float(value))
    texts = [each for each in value if isinstance(each, str)]
    if texts:
        return ParameterValue(type=ParameterType.PARAMETER_STRING_ARRAY, string_array_value=texts)
    return ParameterValue(
        type=ParameterType.PARAMETER_DOUBLE_ARRAY, double_array_value=[float(each) for each in value]
    )


def _parameter_value(value: ParameterValue) -> Any:
    return {
        ParameterType.PARAMETER_BOOL: lambda: value.bool_value,
        ParameterType.PARAMETER_STRING: lambda: value.string_value,
        ParameterType.PARAMETER_DOUBLE: lambda: value.double_value,
        ParameterType.PARAMETER_DOUBLE_ARRAY: lambda: list(value.double_array_value),
        ParameterType.PARAMETER_STRING_ARRAY: lambda: list(value.string_array_value),
    }.get(value.type, lambda: None)()

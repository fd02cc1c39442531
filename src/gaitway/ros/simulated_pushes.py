"""Pushes of a simulated robot that come by themselves, at stated times of its own."""

from __future__ import annotations

import numpy as np
from rcl_interfaces.msg import FloatingPointRange, ParameterDescriptor
from rclpy.node import Node

from gaitway.ros.environment import RosError
from gaitway.sim import Simulation


class SimulatedPushes:
    """Pushes the base by the same impulse again and again while the robot is off its gantry.

    Times count physics steps since it was let go, so that they are the same in real time and in lock-step.
    """

    def __init__(self, node: Node, sim: Simulation):
        """Declare the parameters `push.impulse`, `push.first_s` and `push.every_s`.

        Raises:
            RosError: the impulse is not three finite numbers.
        """
        impulse = np.array(
            node.declare_parameter(
                "push.impulse",
                [0.0, 0.0, 0.0],
                ParameterDescriptor(
                    description="Impulse on the base by which a robot is pushed again and again, world frame "
                    "[N s]; zeros for none.",
                    read_only=True,
                ),
            ).value,
            dtype=float,
        )
        if impulse.shape != (3,) or not np.isfinite(impulse).all():
            raise RosError(f"push.impulse must be three finite numbers; got {impulse.tolist()}")
        self._impulse = impulse[None] if impulse.any() else None
        self._first, self._every = (
            round(_seconds(node, name, default, description) / sim.physics_dt)
            for name, default, description in (
                ("push.first_s", 3.0, "When it is pushed first, after it was let go [s]."),
                ("push.every_s", 2.0, "From one push to the next [s]."),
            )
        )
        self._sim = sim
        self._steps = 0

    def advance(self, physics_steps: int, on_gantry: bool) -> None:
        """Push where a push is due in the physics steps that come next."""
        if self._impulse is None:
            return
        if on_gantry:
            self._steps = 0
            return
        due = self._steps - self._first
        if due > -physics_steps and -due % self._every < physics_steps:
            self._sim.push(self._impulse)
        self._steps += physics_steps


def _seconds(node: Node, name: str, default: float, description: str) -> float:
    span = FloatingPointRange(from_value=0.2, to_value=3600.0)
    descriptor = ParameterDescriptor(description=description, read_only=True, floating_point_range=[span])
    value = node.declare_parameter(name, default, descriptor).value
    assert isinstance(value, float)
    return value

from __future__ import annotations

import subprocess
from typing import Any

import numpy as np
import pytest
import rclpy
from rclpy.node import Node

from gaitway.ros import RosError
from gaitway.ros.simulated_pushes import SimulatedPushes
from tests.ros.agent_process import GAITWAY


class Pushed:
    """A simulation that only notes when it is pushed."""

    physics_dt = 0.005

    def __init__(self) -> None:
        self.step = 0
        self.pushes: list[tuple[int, list[float]]] = []

    def push(self, impulse_w: np.ndarray) -> None:
        self.pushes.append((self.step, impulse_w[0].tolist()))


def advanced(*parameters: str, physics_steps: int, steps: int, held: range = range(0)) -> Pushed:
    context, sim = rclpy.Context(), Pushed()
    arguments = [part for parameter in parameters for part in ("-p", parameter)]
    rclpy.init(args=["--ros-args", *arguments], context=context)
    node = Node("robot", context=context)
    try:
        stand_in: Any = sim
        pushes = SimulatedPushes(node, stand_in)
        for sim.step in range(0, steps, physics_steps):
            pushes.advance(physics_steps, sim.step in held)
    finally:
        node.destroy_node()
        rclpy.shutdown(context=context)
    return sim


@pytest.mark.parametrize("physics_steps", [1, 4])
def test_pushes_come_at_the_stated_times_of_the_robot_whatever_its_step(physics_steps: int) -> None:
    given = ("push.impulse:=[0.0, 35.0, 1.0]", "push.first_s:=0.5", "push.every_s:=0.4")
    sim = advanced(*given, physics_steps=physics_steps, steps=300)
    assert sim.pushes == [(step, [0.0, 35.0, 1.0]) for step in (100, 180, 260)]
    held = advanced(*given, physics_steps=physics_steps, steps=320, held=range(140, 200))
    assert [step for step, _ in held.pushes] == [100, 300], "times begin anew when the robot is let go"


def test_nobody_is_pushed_unless_asked_for() -> None:
    assert advanced(physics_steps=4, steps=2000).pushes == []


def test_an_impulse_that_means_nothing_is_refused() -> None:
    for given in ("push.impulse:=[1.0, 2.0]", "push.impulse:=[.nan, 0.0, 0.0]"):
        with pytest.raises(RosError, match="three finite numbers"):
            advanced(given, physics_steps=1, steps=1)


def test_a_controller_that_would_wait_for_a_velocity_without_a_stamp_is_refused() -> None:
    arguments = [*GAITWAY, "policy_controller", "--ros-args", "-p", "wait_for_velocity_s:=0.1"]
    done = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert (done.returncode, "with use_stamped_vel" in done.stderr) == (2, True), done.stderr

"""The parameterised agent on a simulated robot in another process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from std_msgs.msg import Bool, Float64MultiArray, String

from gaitway.robots import h23
from gaitway.ros import RosError
from gaitway.ros.parameter_file import read_parameters, write_parameters
from tests.ros.agent_process import running_agent
from tests.ros.harness import WAIT_S, nodes

ROBOT = h23()
AGENT = "parameterised_agent"
KNEE = "left_knee_joint"


def test_the_agent_steps_takes_good_parameters_and_keeps_the_old_ones_against_bad_ones(
    tmp_path: Path,
) -> None:
    path, log = tmp_path / "steps.yaml", tmp_path / "agent.log"
    path.write_text("not: [a parameter file")
    joints = list(reversed(ROBOT.joint_names))
    with (
        nodes({"simulated_robot": ["robot:=h23", f"action_joints:={joints}"]}, tmp_path) as (launch, watch),
        running_agent(log, AGENT, "-p", f"parameters_file:={path}", "-p", f"joints:={joints}"),
    ):
        client = launch.client
        statuses: list[dict] = []
        commands: list[Float64MultiArray] = []
        node = client.node
        node.create_subscription(
            String, "/agent_status", lambda message: statuses.append(json.loads(message.data)), 10
        )
        node.create_subscription(Float64MultiArray, "/control_commands", commands.append, 50)
        assert client.spin_until(lambda: bool(statuses) and statuses[-1]["stepping"], WAIT_S)
        assert "cannot read parameters from" in log.read_text()  # and goes on with its defaults

        def knee_range_in(seconds: float) -> float:
            watch.states.clear()
            client.spin_for(seconds)
            return float(np.ptp([dict(zip(s.name, s.position, strict=True))[KNEE] for s in watch.states]))

        client.spin_for(1.5)
        assert knee_range_in(1.2) > 0.2  # the robot's leg, not only the command
        others = {"waist_yaw_joint": 0.0, "left_elbow_joint": 0.5}
        np.testing.assert_allclose(watch.joint_pos(list(others)), list(others.values()), atol=0.1)

        for name, value, reason in (
            ("control_loop_rate", 0.0, "control_loop_rate out of range"),
            ("control_loop_rate", -5.0, "control_loop_rate out of range"),
            ("control_loop_rate", float("nan"), "control_loop_rate out of range"),
            ("safety_limits.max_velocity", 0.0, "max_velocity out of range"),
            ("safety_limits.max_torque", -1.0, "max_torque out of range"),
            ("walking_params.step_height", 0.9, "step_height out of range"),
            ("walking_params.step_length", 0.55, "step_length 0.55 m and step_height 0.05 m are too large"),
            ("balance_params.com_threshold", 0.0, "com_threshold out of range"),
            ("behavior.active", 1.0, "Wrong parameter type"),
            ("debug.enabled", 1.0, "Wrong parameter type"),
        ):
            (before,) = client.get_parameters(AGENT, [name])
            with pytest.raises(RosError, match=reason):
                client.set_parameters(AGENT, {name: value})
            assert client.get_parameters(AGENT, [name]) == [before]

        client.set_parameters(AGENT, {"control_loop_rate": 25.0, "safety_limits.max_velocity": 0.5})
        client.spin_for(0.5)
        commands.clear()
        client.spin_for(2.0)
        assert len(commands) == pytest.approx(50, abs=10)
        targets = np.array([command.data for command in commands])
        assert np.abs(np.diff(targets, axis=0)).max() <= 0.5 / 25.0 + 1e-9

        client.trigger(f"/{AGENT}/save_parameters")
        saved = read_parameters(path, AGENT)
        assert saved["control_loop_rate"] == 25.0
        write_parameters(path, AGENT, saved | {"control_loop_rate": 100, "walking_params.step_height": 0.9})
        with pytest.raises(RosError, match="is refused: .*step_height out of range"):
            client.trigger(f"/{AGENT}/load_parameters")
        assert client.get_parameters(AGENT, ["control_loop_rate"]) == [25.0]  # all or none
        write_parameters(path, AGENT, saved | {"behavior.active": False, "safety_limits.max_velocity": 8})
        client.trigger(f"/{AGENT}/load_parameters")
        client.spin_for(1.5)
        assert knee_range_in(1.0) < 0.05

        watch.stop_out.publish(Bool(data=True))
        assert client.spin_until(lambda: not statuses[-1]["active"], WAIT_S)
        assert client.spin_until(lambda: watch.mode == "damping", WAIT_S)

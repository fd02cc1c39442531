"""The PID agent with its documented gains, on a simulated robot in another process."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from std_msgs.msg import Bool, String

from gaitway.robots import h23
from gaitway.ros import RosError
from tests.ros.agent_process import running_agent
from tests.ros.harness import WAIT_S, nodes

ROBOT = h23()
HOME = dict(zip(ROBOT.joint_names, ROBOT.home_joint_pos, strict=True))
GAINS = Path(__file__).parents[2] / "examples" / "joint_pid.yaml"
PITCH, ROLL, ELBOW = "left_shoulder_pitch_joint", "left_shoulder_roll_joint", "left_elbow_joint"


def test_the_pid_agent_tracks_a_step_rejects_a_load_and_leaves_other_joints_held(tmp_path: Path) -> None:
    with (
        nodes({"simulated_robot": ["robot:=h23"]}, tmp_path) as (launch, watch),
        running_agent(tmp_path / "agent.log", "joint_pid", "--params-file", str(GAINS)),
    ):
        client = launch.client
        statuses: list[dict] = []
        client.node.create_subscription(
            String, "/agent_status", lambda message: statuses.append(json.loads(message.data)), 10
        )
        assert client.spin_until(lambda: bool(statuses) and statuses[-1]["steps"] > 200, WAIT_S)

        def errors_after_a_step(joint: str, target: float, of: str, wanted: float) -> np.ndarray:
            """Errors of a joint from 1 s after another's target, or its own, has changed, for a second [rad]."""
            client.set_parameters("joint_pid", {f"targets.{joint}": target})
            client.spin_for(1.0)
            watch.states.clear()
            client.spin_for(1.0)
            return np.array([dict(zip(s.name, s.position, strict=True))[of] for s in watch.states]) - wanted

        for joint, target in ((PITCH, -0.5), (ROLL, 0.7), (PITCH, 0.0), (ELBOW, 1.0)):
            error = errors_after_a_step(joint, target, of=joint, wanted=target)
            assert len(error) > 50
            assert np.abs(error).max() <= 0.02 * 0.5, joint
        # The forearm's weight moves forward: a load on the shoulder, which is back at its target after 1 s.
        assert np.abs(errors_after_a_step(ELBOW, 0.0, of=PITCH, wanted=0.0)).max() <= 0.02 * 0.5

        assert statuses[-1]["active"]
        assert statuses[-1]["saturated"] == []
        answer = watch.commands[-1]
        assert len(answer.effort) == len(answer.name) == 6
        assert not answer.position
        assert answer.header.stamp.sec > 0
        others = [name for name in ROBOT.joint_names if name not in answer.name]
        np.testing.assert_allclose(watch.joint_pos(others), [HOME[name] for name in others], atol=0.05)

        for parameter, value, reason in (
            ("kp", -1.0, "out of range"),
            (f"gains.{ELBOW}.kp", 20.5, "out of range"),
            (f"gains.{ELBOW}.kp", 5.0, "ki of left_elbow_joint would be 60; at most 3 times its kp of 5"),
        ):
            with pytest.raises(RosError, match=reason):
                client.set_parameters("joint_pid", {parameter: value})
        assert client.get_parameters("joint_pid", [f"gains.{ELBOW}.kp"]) == [20.0]

        watch.stop_out.publish(Bool(data=True))
        assert client.spin_until(lambda: not statuses[-1]["active"], WAIT_S)

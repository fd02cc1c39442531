"""Faults injected into the three live processes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from gaitway.ros import RosError, names
from gaitway.ros.fault_trial import BLEND_S, FaultTrials, SpoiledTrialError, Trial
from gaitway.ros.launching import launch_policy
from gaitway.ros.robot_bridge import ServoCommand
from gaitway.ros.simulated_robot import LimitWitness
from gaitway.safety.faults import Fault, find_fault

ROBOT = h23()


def run(trials: FaultTrials, fault: Fault) -> Trial:
    """One trial; a robot that is stopped before its fault comes says nothing of it, and is begun with anew."""
    for _ in range(2):
        try:
            return trials.run(fault)
        except SpoiledTrialError:
            trials.make_active()
    return trials.run(fault)


def test_injected_faults_are_tolerated_or_stop_the_robot_for_their_own_reason(tmp_path: Path) -> None:
    with launch_policy(find_policy("h23_walk"), "h23", tmp_path, BLEND_S, faulty_controller=True) as launch:
        trials = FaultTrials(launch, ROBOT)
        trials.begin(find_fault("rogue_torques"))
        for name, detected in (
            ("joints_permuted", None),
            ("joint_renamed", "supervisor: joint_set"),
            ("command_jump", "supervisor: command_jump"),
            ("rogue_torques", "supervisor: command_publishers_"),
        ):
            trial = run(trials, find_fault(name))
            assert trial.observed == find_fault(name).expected.value
            assert trial.latched is not False
            assert trial.commands_outside_limits == 0
            assert (trial.detected or "").startswith(detected or "")

        for fault, reason in (
            ("imu_nam", "unknown fault 'imu_nam'; did you mean 'imu_nan'"),
            ("command_jump", "the fault command_jump does not act in this node"),
        ):
            with pytest.raises(RosError, match=reason):
                launch.client.set_parameters(names.ROBOT, {"faults": [fault]})


@pytest.mark.parametrize("outside", ["target", "NaN", "effort", None])
def test_the_witness_at_the_joints_sees_what_is_outside_limits(outside: str | None) -> None:
    target, effort = np.array(ROBOT.home_joint_pos), np.zeros(23)
    stiffness = np.array(ROBOT.stiffness)
    stiffness[0], target[0] = 0.0, np.nan  # no target is none outside
    if outside == "effort":
        effort[3] = 1.01 * ROBOT.effort_limit[3]
    elif outside:
        target[3] = np.nan if outside == "NaN" else ROBOT.position_upper[3] + 0.01
    servos = ServoCommand(target, effort, stiffness, np.array(ROBOT.damping))
    witness = LimitWitness(ROBOT)
    for _ in range(3):
        witness.see(servos)
    assert witness.outside == (3 if outside else 0)

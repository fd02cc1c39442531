"""Everything a preflight concludes from listening to a robot at rest."""

from __future__ import annotations

import numpy as np

from gaitway.errors import GaitwayError
from gaitway.policy import PolicySpec, check_measured, differences
from gaitway.policy.binding import START_MARGIN
from gaitway.policy.observed import observed, term_scores
from gaitway.robots import Robot
from gaitway.safety.preflight.imu import check_imu
from gaitway.safety.preflight.joints import check_joint_names, check_pose
from gaitway.safety.preflight.readings import Check, Readings, graded
from gaitway.safety.preflight.streams import check_stream
from gaitway.safety.robot_modes import RobotMode

_Z = (4.0, 8.0)


def judge(readings: Readings, spec: PolicySpec, robot: Robot) -> list[Check]:
    """All checks of a window of readings, in the order of what depends on what."""
    delay_s = spec.action.trained_delay_steps[1] * spec.step_dt
    return [
        _fit(spec, robot),
        _state(readings),
        *check_joint_names(spec.robot.joint_names, readings),
        *check_stream("/joint_states", readings.joints, spec.step_dt, delay_s),
        *check_stream("/imu/data", readings.imu, spec.step_dt, delay_s),
        *check_imu(readings, np.array(spec.robot.imu_mounting_quat)),
        *check_pose(spec.robot, readings, START_MARGIN * spec.envelope.initial_joint_pos_error),
        *_observation(readings, spec),
    ]


def _fit(spec: PolicySpec, robot: Robot) -> Check:
    """Whether the policy fits the robot's description."""
    found = differences(spec, robot)
    try:
        check_measured(spec)
    except GaitwayError as error:
        found.append(str(error))
    if found:
        return Check(
            "policy fits",
            "fail",
            "\n".join(found),
            "name the right robot with --robot, or export again for this one",
        )
    return Check("policy fits", "pass", f"{robot.name}: joints, limits, gains, IMU mounting, model")


def _state(readings: Readings) -> Check:
    if readings.mode is None:
        advice = "let the driver extend RobotBridge: without it nothing on the robot's side stops it"
        return Check("robot state", "warn", "nothing on /robot/state", advice)
    if readings.stop_reason is not None:
        advice = "clear the cause and call /safety_supervisor/reset"
        return Check("robot state", "fail", f"stopped: {readings.stop_reason}", advice)
    if readings.mode != RobotMode.HELD.value:
        advice = "hang the robot on its gantry (/robot/reset_robot in simulation): a preflight judges a robot at rest"
        return Check("robot state", "fail", f"{readings.mode}, not held", advice)
    return Check("robot state", "pass", "held, not stopped")


def _observation(readings: Readings, spec: PolicySpec) -> list[Check]:
    if not len(readings.obs):
        return []
    seen = observed(spec)
    checks = []
    for score in term_scores(spec, readings.obs):
        found = f"z {score.z:.1f}: {score.value} is {score.measured:.3f}; seen {score.seen_mean:.3f} +- {score.seen_std:.3f}"
        advice = (
            f"over {seen.count} observations it was hardly ever like this: look at the checks above, then at what "
            "differs between this robot at rest and the simulated one"
        )
        checks.append(graded(f"observation {score.term}", score.z, *_Z, found, advice))
    step = float(np.abs(readings.joint_pos_error).max())
    usual = max(
        float(np.abs(np.array(trace.joint_pos_target) - np.array(trace.joint_pos)).max())
        for trace in spec.golden_traces
    )
    found = f"targets up to {step:.2f} rad from the pose; up to {usual:.2f} in simulation"
    advice = "the policy wants to move much more than in simulation: do not let it go before the observation is right"
    return [*checks, graded("first commands", step, 1.5 * usual, 3.0 * usual, found, advice)]

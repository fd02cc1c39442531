"""What the supervisor allows a robot: figures of the robot, and multiples of what a policy did in its evaluation."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from gaitway.policy import Envelope
from gaitway.robots import Robot
from gaitway.safety.guard import GuardLimits

_ENVELOPE_MARGIN = 3.0
_JOINT_SPEED_MARGIN = 10.0
"""Joints that hardly move in walking catch the body after a push, at six times what the envelope's quantile says."""
_TILT_MARGIN = 3.5
_MOST_TILT = math.radians(50.0)
"""Of any policy. Bodies came back from at most 47 degrees in 48 robot-hours of pushes; at 50 they are on the ground soon."""
_YAW_RATE_SHARE = 1.5
"""A body that spins about its own axis falls less soon than one that tips over."""
_MOST_BASE_ANG_VEL = 10.0
"""Of any policy [rad/s]: a body that tips so fast for four samples is past 45 degrees before a leg can move."""
_EFFORT_MARGIN = 1.2
_LEAST_HEIGHT_SHARE = 0.65
_LEAST_RATE_SHARE = 0.8


@dataclass(frozen=True, kw_only=True, eq=False)
class SupervisorLimits:
    """What a robot may do. Per-joint fields follow `joint_names`."""

    joint_names: tuple[str, ...]
    guard: GuardLimits
    """What the Guard of a controller lets through: ranges, torques, and how far they may make a target step."""
    position_margin_rad: float = 0.15
    """Measured joints may be this far outside their range [rad]: where a simulated body catches itself the stops of its
    ankles give by up to 0.12."""
    joint_vel: tuple[float, ...]
    """[rad/s]"""
    joint_pos_target_step: tuple[float, ...]
    """Largest change of a joint target from one command to the next, where no limit of the Guard forces it on [rad]."""
    effort_margin: float = _EFFORT_MARGIN
    """Measured torques may be this many times the effort limit, which noise and calibration need."""
    base_ang_vel: float = 5.0
    """Angular velocity of the base about its horizontal axes, x and y [rad/s]."""
    base_yaw_rate: float = 5.0 * _YAW_RATE_SHARE
    """Angular velocity of the base about its own z axis [rad/s]."""
    tilt: float = math.radians(45.0)
    """Angle between the base's up axis and the world's [rad]."""
    min_height: float = 0.0
    """Least height of the base above the lowest foot, estimated by forward kinematics [m]."""
    max_temperature: float = 80.0
    """Of a joint's motor [degrees Celsius]."""
    sensor_timeout_s: float = 0.2
    """Age of the newest message of a sensor; where there is none, since the robot is watched [s]."""
    command_timeout_s: float = 0.25
    """Age of the newest command while the robot is active: the controller's heartbeat [s]."""
    min_sensor_rate_hz: float = 50.0
    """Least rate of a sensor, over `rate_samples` messages [Hz]."""
    clock_jump_s: float = 0.1
    """Largest jump of a sensor's stamps, forward or back, against its own past [s]."""
    takeover_s: float = 0.2
    """A command topic that was silent for so long may be taken over by another publisher [s]."""
    consecutive: int = 4
    """Violations in a row that trip a check of measured motion."""
    effort_samples: int = 10
    """Violations in a row that trip the check of measured torques."""
    temperature_samples: int = 3
    """Violations in a row, of one joint, that trip the check of temperatures."""
    frozen_samples: int = 100
    """Bit-identical readings in a row that a sensor may give."""
    rate_samples: int = 50
    """Messages over which a sensor's rate is measured."""

    @staticmethod
    def from_robot(robot: Robot, step_dt: float, envelope: Envelope | None = None) -> SupervisorLimits:
        """Limits of the robot, its joint speeds tightened to a multiple of what a policy did in its evaluation.

        How fast its base may turn and how far it may tilt no robot says: those follow the policy.

        Args:
            robot: the robot, with the gains that the policy gives its servos.
            step_dt: time between commands [s].
            envelope: what the policy did, in the joint order of `robot`.
        """
        joint_vel = np.array(robot.velocity_limit)
        step = joint_vel * step_dt
        base_ang_vel, tilt = 5.0, math.radians(45.0)
        if envelope is not None:
            joint_vel = np.minimum(
                joint_vel, np.maximum(_JOINT_SPEED_MARGIN * np.array(envelope.joint_vel), 2.0)
            )
            base_ang_vel = min(_MOST_BASE_ANG_VEL, max(_ENVELOPE_MARGIN * envelope.base_ang_vel, 1.0))
            tilt = min(_MOST_TILT, max(_TILT_MARGIN * envelope.tilt, math.radians(20.0)))
        return SupervisorLimits(
            joint_names=robot.joint_names,
            guard=GuardLimits.from_robot(robot),
            joint_vel=tuple(joint_vel.tolist()),
            joint_pos_target_step=tuple((1.001 * step).tolist()),
            base_ang_vel=base_ang_vel,
            base_yaw_rate=_YAW_RATE_SHARE * base_ang_vel,
            tilt=tilt,
            min_height=_LEAST_HEIGHT_SHARE * robot.home_base_height,
            min_sensor_rate_hz=_LEAST_RATE_SHARE / step_dt,
        )

"""What the supervisor makes of one sample: pure functions of arrays, of one robot or of many at once.

The supervisor judges its robot by these, and a batched simulation judges hundreds by the same, so that false stops can be
counted in robot-hours before a robot walks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from gaitway.safety.guard import forced_target
from gaitway.safety.supervisor_limits import SupervisorLimits

Height = Callable[[np.ndarray, np.ndarray], Any]
"""Height of the base above the lowest foot [m], shape (...), from joint positions in the limits' order, shape
(..., num_joints), and the base's orientation (wxyz), shape (..., 4)."""

Joints = tuple[np.ndarray, np.ndarray]
"""Measured positions [rad] and velocities [rad/s] in the limits' order. Shapes (..., num_joints)."""

Values = Any
"""A number for each robot: an array of shape (...), or one number."""


class Reading(NamedTuple):
    """What a check found in one sample. It is violated where the value is not on the allowed side of the limit."""

    check: str
    label: str
    """What the value is, for a person to read; `{joint}` stands for the joint that is worst, `{entry}` for its place."""
    value: Values
    limit: Values
    unit: str
    consecutive: int
    """Violations in a row that trip it."""
    joint: Values = None
    """Place of the joint that is worst in the limits' joints, where the check is about joints."""
    least: bool = False
    """Whether the value may not fall below the limit, instead of not rising above it."""


class Streaks:
    """How many times in a row each check has been violated, of one robot or of each of many."""

    def __init__(self) -> None:
        self._counts: dict[str, Values] = {}

    def judge(self, reading: Reading) -> tuple[Values, Values]:
        """Count a reading in. What is not a number is a violation.

        Returns:
            Whether the check is kept, and whether it trips. Shapes (...).
        """
        value, limit = reading.value, reading.limit
        kept = value >= limit if reading.least else value <= limit
        count = (self._counts.get(reading.check, 0) + 1) * (1 - kept)
        self._counts[reading.check] = count
        return kept, count >= reading.consecutive

    def forget(self, robots: np.ndarray) -> None:
        """Begin to count anew for some of many robots. Shape (...), bool."""
        for count in self._counts.values():
            count[robots] = 0


class Checks:
    """The checks of motion and of commands. Joints are in the order of the limits."""

    def __init__(self, limits: SupervisorLimits, height: Height | None = None):
        """Prepare to judge.

        Args:
            limits: what is allowed.
            height: estimates the height of the base; None where that is not known, and then it is not judged.
        """
        self.limits = limits
        self._height = height
        self._lower, self._upper = limits.guard.lower, limits.guard.upper
        self._joint_vel = np.array(limits.joint_vel)
        self._effort = limits.guard.effort
        self._target_step = np.array(limits.joint_pos_target_step)

    def joint_state(
        self,
        joint_pos: np.ndarray,
        joint_vel: np.ndarray,
        joint_effort: np.ndarray | None,
        base_quat_w: np.ndarray | None,
    ) -> list[Reading]:
        """Judge measured joints, and with the base's orientation its height.

        Args:
            joint_pos: [rad] Shape (..., num_joints).
            joint_vel: [rad/s] Shape (..., num_joints).
            joint_effort: [N m], zero where it is not measured, shape (..., num_joints); None where none is.
            base_quat_w: unit quaternions wxyz, shape (..., 4); None where it is not known.
        """
        limits = self.limits
        speed = np.abs(joint_vel)
        outside = np.maximum(self._lower - joint_pos, joint_pos - self._upper)
        widest, fastest = outside.argmax(axis=-1), (speed / self._joint_vel).argmax(axis=-1)
        readings = [
            Reading(
                "joint_position", "{joint} outside its range by", _at(outside, widest), limits.position_margin_rad,
                "rad", limits.consecutive, widest,
            ),
            Reading(
                "joint_velocity", "speed of {joint}", _at(speed, fastest), self._joint_vel[fastest],
                "rad/s", limits.consecutive, fastest,
            ),
        ]  # fmt: skip
        if joint_effort is not None:
            torque = np.abs(joint_effort)
            strongest = (torque / self._effort).argmax(axis=-1)
            readings.append(
                Reading(
                    "joint_effort", "torque of {joint}", _at(torque, strongest),
                    limits.effort_margin * self._effort[strongest], "N m", limits.effort_samples, strongest,
                )
            )  # fmt: skip
        if self._height is not None and base_quat_w is not None:
            readings.append(
                Reading(
                    "height", "estimated height of the base", self._height(joint_pos, base_quat_w),
                    limits.min_height, "m", limits.consecutive, least=True,
                )
            )  # fmt: skip
        return readings

    def base_motion(self, base_quat_w: np.ndarray, base_ang_vel_b: np.ndarray) -> list[Reading]:
        """Judge the base.

        Args:
            base_quat_w: wxyz, as it was measured; where its norm is far off one it says nothing of the tilt. Shape
                (..., 4).
            base_ang_vel_b: [rad/s] Shape (..., 3).
        """
        limits = self.limits
        norm = np.sqrt((base_quat_w * base_quat_w).sum(axis=-1))
        x, y = base_quat_w[..., 1], base_quat_w[..., 2]
        up = 1.0 - 2.0 * (x * x + y * y) / np.maximum(norm * norm, np.finfo(float).tiny)
        roll_rate, pitch_rate, yaw_rate = np.moveaxis(base_ang_vel_b, -1, 0)
        return [
            Reading("imu_orientation", "norm of the IMU quaternion off one by", np.abs(norm - 1.0), 0.01, "1", 1),
            Reading(
                "tilt", "tilt", np.arccos(np.minimum(1.0, np.maximum(-1.0, up))), limits.tilt,
                "rad", limits.consecutive,
            ),
            Reading(
                "base_angular_velocity", "base angular velocity", np.hypot(roll_rate, pitch_rate),
                limits.base_ang_vel, "rad/s", limits.consecutive,
            ),
            Reading(
                "base_yaw_rate", "yaw rate of the base", np.abs(yaw_rate), limits.base_yaw_rate,
                "rad/s", limits.consecutive,
            ),
        ]  # fmt: skip

    def command(
        self, target: np.ndarray, previous: np.ndarray | None, joints: Joints | None = None
    ) -> list[Reading]:
        """Judge joint targets.

        A step counts from the way that the Guard's limits above its rate force the target before to go at once: a joint
        that is knocked away takes its target with it, or the servo would ask for more than its motor has.

        Args:
            target: [rad], NaN where a joint has none. Shape (..., num_joints).
            previous: those of the command before, NaN where there was none; None for no command before.
            joints: the newest measured; None where none is known, and then nothing forces a target on.
        """
        outside = np.maximum(self._lower - target, target - self._upper)
        outside = np.where(np.isnan(target), -np.inf, outside)
        widest = outside.argmax(axis=-1)
        readings = [
            Reading(
                "command_position", "target of {joint} outside its range by", _at(outside, widest), 1e-6,
                "rad", 1, widest,
            )
        ]  # fmt: skip
        if previous is not None:
            unset = np.isnan(target) | np.isnan(previous)
            forced = previous if joints is None else forced_target(self.limits.guard, previous, *joints)
            beyond = np.maximum(np.minimum(previous, forced) - target, target - np.maximum(previous, forced))
            step = np.where(unset, 0.0, np.maximum(0.0, beyond))
            longest = (step / self._target_step).argmax(axis=-1)
            readings.append(
                Reading(
                    "command_jump", "step of the target of {joint}", _at(step, longest),
                    self._target_step[longest], "rad", 1, longest,
                )
            )  # fmt: skip
        return readings

    def command_effort(self, effort: np.ndarray, *, of_any_joint: bool = False) -> Reading:
        """Judge torques that are asked for.

        Args:
            effort: [N m], NaN where a joint is asked for none. Shape (..., num_joints).
            of_any_joint: the entries' joints are not known: each may be what the strongest joint may.
        """
        asked = np.where(np.isnan(effort), 0.0, np.abs(effort))
        limit = np.full_like(self._effort, self._effort.max()) if of_any_joint else self._effort
        strongest = (asked / limit).argmax(axis=-1)
        label = "torque for entry {entry}" if of_any_joint else "torque for {joint}"
        return Reading(
            "command_effort", label, _at(asked, strongest), 1.001 * limit[strongest], "N m", 1, strongest
        )


def _at(values: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """The value of one joint of each robot. Shapes (..., num_joints), (...) and (...)."""
    if values.ndim == 1:
        return values[joint]
    return np.take_along_axis(values, joint[..., None], axis=-1)[..., 0]

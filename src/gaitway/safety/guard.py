"""The first layer of safety: every controller passes its joint targets through a Guard.

Each limit is an interval of allowed targets for each joint. The intervals are intersected in this order:
hard position, effort, velocity, rate, soft position. Where one does not meet what is left of those before
it, the earlier ones win and the nearest of their targets is taken. Where hard position and effort cannot
both hold, because a joint is far out of its range, or a number is not finite, there is no valid command, and the answer
is damping with a reason.

`limit_targets` is a pure function of arrays, so that the same code can filter one robot's command and those of
hundreds of simulated robots. What a Guard adds is what it remembers of its own robot: the blend from the measured
pose with which commands begin, and a low-pass filter, both before the limits, which therefore have the last word.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaitway.errors import GaitwayError
from gaitway.robots import Robot

LIMITS = ("hard_position", "effort", "velocity", "rate", "soft_position")
"""The limits, most important first."""
_EFFORT = LIMITS.index("effort")

_Interval = tuple[np.ndarray, np.ndarray]


class SafetyError(GaitwayError):
    """A safety layer that is asked for something it must refuse."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GuardLimits:
    """What a joint target may ask for. Arrays follow the joint order of the commands; shape (num_joints,)."""

    joint_names: tuple[str, ...]
    lower: np.ndarray
    """Hard lower position limit [rad]."""
    upper: np.ndarray
    """Hard upper position limit [rad]."""
    soft_lower: np.ndarray
    """Targets stay above this where no other limit forbids it [rad]."""
    soft_upper: np.ndarray
    """Targets stay below this where no other limit forbids it [rad]."""
    effort: np.ndarray
    """Largest torque the servo may be asked for [N m], unless it brakes by its damping alone."""
    velocity: np.ndarray
    """A joint faster than this is not driven further [rad/s]."""
    rate: np.ndarray
    """Largest speed of the target itself [rad/s]."""
    stiffness: np.ndarray
    """The servo's proportional gain [N m/rad]."""
    damping: np.ndarray
    """The servo's derivative gain [N m s/rad]."""

    @staticmethod
    def from_robot(robot: Robot, soft_margin: float = 0.02) -> GuardLimits:
        """The robot's own limits; the soft range is the hard one less this share of it on either side."""
        lower, upper = robot.position_lower, robot.position_upper
        margin = soft_margin * (upper - lower)
        return GuardLimits(
            joint_names=robot.joint_names,
            lower=lower,
            upper=upper,
            soft_lower=lower + margin,
            soft_upper=upper - margin,
            effort=np.array(robot.effort_limit),
            velocity=np.array(robot.velocity_limit),
            rate=np.array(robot.velocity_limit),
            stiffness=np.array(robot.stiffness),
            damping=np.array(robot.damping),
        )


def limit_targets(
    limits: GuardLimits,
    target: np.ndarray,
    previous: np.ndarray,
    joint_pos: np.ndarray,
    joint_vel: np.ndarray,
    step_dt: float,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Move joint targets to the nearest allowed ones.

    Args:
        limits: what is allowed.
        target: wanted targets [rad]. Shape (n, num_joints).
        previous: targets sent one control step before [rad]. Shape (n, num_joints).
        joint_pos: measured positions [rad]. Shape (n, num_joints).
        joint_vel: measured velocities [rad/s]. Shape (n, num_joints).
        step_dt: time of one control step [s].

    Returns:
        The allowed targets [rad], shape (n, num_joints); which limits the wanted targets violated, in the
        order of LIMITS, shape (len(LIMITS), n, num_joints), bool; and the joints that have no valid target
        (their value means nothing), shape (n, num_joints), bool.
    """
    step = limits.rate * step_dt
    intervals = (
        *_intervals_above_rate(limits, joint_pos, joint_vel),
        (previous - step, previous + step),
        (limits.soft_lower, limits.soft_upper),
    )
    violated = np.stack([(target < low) | (target > high) for low, high in intervals])
    invalid = ~(np.isfinite(target) & np.isfinite(previous) & np.isfinite(joint_pos) & np.isfinite(joint_vel))
    if not (violated.any() or invalid.any()):  # a target within every interval is what is left of them all
        return target.copy(), violated, invalid
    low, high, apart = _intersected(intervals)
    return np.clip(target, low, high), violated, invalid | apart[_EFFORT]


def forced_target(
    limits: GuardLimits, previous: np.ndarray, joint_pos: np.ndarray, joint_vel: np.ndarray
) -> np.ndarray:
    """Where targets must go at once, whatever the rate: to the nearest that the limits above it allow [rad].

    A target stays where it was if none is allowed, for then the Guard sends none.

    Args:
        limits: what is allowed.
        previous: targets sent before [rad]. Shape (..., num_joints).
        joint_pos: measured positions [rad]. Shape (..., num_joints).
        joint_vel: measured velocities [rad/s]. Shape (..., num_joints).
    """
    low, high, apart = _intersected(_intervals_above_rate(limits, joint_pos, joint_vel))
    return np.where(apart[_EFFORT], previous, np.clip(previous, low, high))


def _intervals_above_rate(
    limits: GuardLimits, joint_pos: np.ndarray, joint_vel: np.ndarray
) -> tuple[_Interval, _Interval, _Interval]:
    """Targets that the hard position, effort and velocity limits allow each by itself [rad]."""
    # The servo asks for kp (target - q) - kd dq. Bounds on that torque are bounds on the target; a joint
    # without stiffness has no such bound. The joint's own position, or the end of the range that it is just beyond, is
    # a target even where kd dq alone is out of bounds: that brakes, whoever commands, and no target could help it.
    stiff = limits.stiffness > 0.0
    kp = np.where(stiff, limits.stiffness, 1.0)
    with np.errstate(over="ignore", invalid="ignore"):  # what is beyond all measure meets nothing
        neutral = joint_pos + limits.damping * joint_vel / kp
    reach = limits.effort / kp
    own = np.clip(joint_pos, limits.lower, limits.upper)
    own = np.where(np.abs(joint_pos - own) <= reach, own, neutral)
    too_fast_up = (joint_vel > limits.velocity) & stiff
    too_fast_down = (joint_vel < -limits.velocity) & stiff
    return (
        (limits.lower, limits.upper),
        (
            np.where(stiff, np.minimum(own, neutral - reach), -np.inf),
            np.where(stiff, np.maximum(own, neutral + reach), np.inf),
        ),
        (np.where(too_fast_down, neutral, -np.inf), np.where(too_fast_up, neutral, np.inf)),
    )


def _intersected(intervals: Sequence[_Interval]) -> tuple[np.ndarray, np.ndarray, list[np.ndarray]]:
    """What is left of all intervals, the first being most important.

    Returns:
        Its lower and its upper end, and for each interval where it did not meet what was left of those before it.
    """
    low, high = intervals[0]
    apart = [np.zeros(np.shape(low), dtype=bool)]
    for next_low, next_high in intervals[1:]:
        above, below = next_low > high, next_high < low
        apart.append(above | below)
        low, high = (
            np.where(above, high, np.maximum(low, np.where(below, low, next_low))),
            np.where(below, low, np.minimum(high, np.where(above, high, next_high))),
        )
    return low, high, apart


@dataclass(frozen=True)
class GuardResult:
    """The command to send."""

    joint_pos_target: np.ndarray | None
    """[rad], shape (num_joints,); or None: damp."""
    reason: str | None
    """Why there is no valid command."""
    acted: tuple[str, ...]
    """The limits that the wanted target violated, most important first."""


class Guard:
    """Filters one robot's commands; returns what is actually to be sent and which limits acted.

    Commands begin at the measured pose, or at one given to `blend_anew`: the first ones after that, after a reset, or
    after damping, are blended from there to the wanted targets over `blend_s`. A first-order low-pass filter follows,
    which goes on from the targets that were sent, so that nothing builds up behind a limit. The limits come last.
    """

    def __init__(
        self, limits: GuardLimits, step_dt: float, *, blend_s: float = 0.0, cutoff_hz: float | None = None
    ):
        """Guard commands.

        Args:
            limits: what is allowed.
            step_dt: time between two commands [s].
            blend_s: time from the measured pose to the wanted targets [s].
            cutoff_hz: cut-off frequency of the low-pass filter [Hz]; None for no filter.

        Raises:
            SafetyError: a time or frequency that is not finite, or out of its range.
        """
        if not (0.0 < step_dt < math.inf and 0.0 <= blend_s < math.inf):
            raise SafetyError(
                f"step_dt must be above 0 s and blend_s at least 0 s; given {step_dt}, {blend_s}"
            )
        if cutoff_hz is not None and not 0.0 < cutoff_hz < math.inf:
            raise SafetyError(f"the cut-off frequency must be above 0 Hz, or None; given {cutoff_hz}")
        self.limits = limits
        self.step_dt = step_dt
        self.blend_s = blend_s
        self.counts: dict[str, int] = dict.fromkeys(LIMITS, 0)
        """How many commands each limit has changed or found violated since the start."""
        self.damped = 0
        """How many commands had no valid target since the start."""
        self._gain = 1.0 if cutoff_hz is None else 1.0 - math.exp(-2.0 * math.pi * cutoff_hz * step_dt)
        self.reset()

    def reset(self) -> None:
        """Begin anew at the pose that is measured next."""
        self._previous: np.ndarray | None = None
        self.blend_anew()

    def blend_anew(self, start: np.ndarray | None = None) -> None:
        """Blend from another pose; targets go there from the last one as fast as the limits let them.

        Args:
            start: where the blend begins [rad], shape (num_joints,); None for the pose that is measured next.
        """
        self._start = None if start is None else np.array(start, dtype=float)
        self._steps = 0

    def filter(self, target: np.ndarray, joint_pos: np.ndarray, joint_vel: np.ndarray) -> GuardResult:
        """The command to send instead of `target`.

        Args:
            target: wanted targets [rad]. Shape (num_joints,).
            joint_pos: measured positions [rad]. Shape (num_joints,).
            joint_vel: measured velocities [rad/s]. Shape (num_joints,).

        Returns:
            The command. Arrays of another size, or with a number that is not finite, give damping.
        """
        names = self.limits.joint_names
        for label, values in (
            ("target", target), ("measured position", joint_pos), ("measured velocity", joint_vel),
        ):  # fmt: skip
            if np.shape(values) != (len(names),):
                return self._damp(f"{label} has shape {np.shape(values)} for {len(names)} joints")
            finite = np.isfinite(values)
            if not finite.all():
                joint = int(np.argmin(finite))
                return self._damp(f"{label} of {names[joint]} is {values[joint]}")
        if self._start is None:
            self._start = np.array(joint_pos, dtype=float)
        if self._previous is None:
            self._previous = self._start
        allowed, violated, invalid = limit_targets(
            self.limits,
            self._shaped(target, self._start, self._previous)[None],
            self._previous[None],
            joint_pos[None],
            joint_vel[None],
            self.step_dt,
        )
        if invalid.any():
            joint = int(np.argmax(invalid[0]))
            return self._damp(
                f"{names[joint]} at {joint_pos[joint]:.3f} rad and "
                f"{joint_vel[joint]:.2f} rad/s: no target within its range "
                f"{self.limits.lower[joint]:.3f} .. {self.limits.upper[joint]:.3f} rad asks for at most "
                f"{self.limits.effort[joint]:g} N m"
            )
        acted = tuple(
            name for name, hit in zip(LIMITS, np.asarray(violated.any(axis=(1, 2))), strict=True) if hit
        )
        for name in acted:
            self.counts[name] += 1
        self._previous = allowed[0]
        self._steps += 1
        return GuardResult(allowed[0], None, acted)

    def _shaped(self, target: np.ndarray, start: np.ndarray, previous: np.ndarray) -> np.ndarray:
        """The wanted targets after blend and low-pass filter. Shape (num_joints,)."""
        share = self._steps * self.step_dt / self.blend_s if self.blend_s > 0.0 else 1.0
        if share < 1.0:
            target = (1.0 - share) * start + share * target
        if self._gain == 1.0:
            return target
        with np.errstate(over="ignore"):  # what is too large for a number has no valid target
            return previous + self._gain * (target - previous)

    def _damp(self, reason: str) -> GuardResult:
        self.reset()
        self.damped += 1
        return GuardResult(None, reason, ())

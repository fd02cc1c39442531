"""The second layer of safety: judges what the robot does and what it is told, and latches a stop.

The supervisor is fed messages with their arrival times and ticked regularly; it does no I/O and knows no
ROS. A check trips after enough consecutive violations. The first trip is kept as the reason. A reset is
refused while any check is still violated.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gaitway import rotation
from gaitway.policy import Envelope
from gaitway.robots import Robot
from gaitway.safety.guard import SafetyError
from gaitway.safety.stop import Stop

Floats = Sequence[float] | np.ndarray
"""A column of a message, or an array of it."""


@dataclass(frozen=True, kw_only=True)
class SupervisorLimits:
    """What a robot may do. Per-joint fields follow `joint_names`."""

    joint_names: tuple[str, ...]
    position_limit: tuple[tuple[float, float], ...]
    """[rad]"""
    position_margin_rad: float = 0.05
    """Measured joints may be this far outside their range, which the stops of a real joint allow [rad]."""
    joint_vel: tuple[float, ...]
    """[rad/s]"""
    joint_pos_target_step: tuple[float, ...]
    """Largest change of a joint target from one command to the next [rad]."""
    base_ang_vel: float = 5.0
    """Norm of the base angular velocity [rad/s]."""
    tilt: float = math.radians(45.0)
    """Angle between the base's up axis and the world's [rad]."""
    sensor_timeout_s: float = 0.2
    """Age of the newest message of a sensor that has spoken before [s]."""
    consecutive: int = 4
    """Violations in a row that trip a check of measured motion; the other checks trip at the first."""

    @staticmethod
    def from_robot(robot: Robot, step_dt: float, envelope: Envelope | None = None) -> SupervisorLimits:
        """Limits of the robot, tightened to three times what a policy did in its evaluation.

        Args:
            robot: the robot.
            step_dt: time between commands [s].
            envelope: what the policy did, in the joint order of `robot`.
        """
        joint_vel = np.array(robot.velocity_limit)
        step = joint_vel * step_dt
        base_ang_vel, tilt = 5.0, math.radians(45.0)
        if envelope is not None:
            joint_vel = np.minimum(joint_vel, np.maximum(3.0 * np.array(envelope.joint_vel), 2.0))
            base_ang_vel = min(base_ang_vel, max(3.0 * envelope.base_ang_vel, 1.0))
            tilt = min(tilt, max(3.0 * envelope.tilt, math.radians(20.0)))
        return SupervisorLimits(
            joint_names=robot.joint_names,
            position_limit=robot.position_limit,
            joint_vel=tuple(joint_vel.tolist()),
            joint_pos_target_step=tuple((1.001 * step).tolist()),
            base_ang_vel=base_ang_vel,
            tilt=tilt,
        )


class Supervisor:
    """Judges one robot. Times are arrivals on the steady clock [s]."""

    def __init__(self, limits: SupervisorLimits):
        self.limits = limits
        self.stop: Stop | None = None
        """The latched stop, or None."""
        self._joint_index = {name: i for i, name in enumerate(limits.joint_names)}
        self._position_limit = np.array(limits.position_limit)
        self._violations: dict[str, int] = {}
        self._heard_s: dict[str, float] = {}
        self._target: np.ndarray | None = None
        self._heard_command_s = -math.inf
        self._standing: dict[str, Stop] = {}  # checks whose newest verdict was a violation

    def joint_state(self, names: Sequence[str], position: Floats, velocity: Floats, now_s: float) -> None:
        """Judge measured joints [rad, rad/s], in any order."""
        self._heard_s["joint_states"] = now_s
        order = self._order("joint_set", names, (position, velocity), now_s)
        if order is None:
            return
        pos, vel = np.asarray(position, dtype=float), np.asarray(velocity, dtype=float)
        if not self._finite("joint_state_finite", "joint state", names, (pos, vel), now_s):
            return
        low, high = self._position_limit[order].T
        outside = np.maximum(low - pos, pos - high)
        joint = int(np.argmax(outside))
        self._judge(
            "joint_position", f"{names[joint]} outside its range by", outside[joint],
            self.limits.position_margin_rad, "rad", now_s, self.limits.consecutive,
        )  # fmt: skip
        share = np.abs(vel) / np.array(self.limits.joint_vel)[order]
        joint = int(np.argmax(share))
        self._judge(
            "joint_velocity", f"speed of {names[joint]}", abs(vel[joint]),
            self.limits.joint_vel[order[joint]], "rad/s", now_s, self.limits.consecutive,
        )  # fmt: skip

    def base_motion(self, base_quat_w: Floats, base_ang_vel_b: Floats, now_s: float) -> None:
        """Judge the base's orientation (wxyz) and angular velocity in base frame [rad/s]."""
        self._heard_s["imu"] = now_s
        quat, ang_vel = np.asarray(base_quat_w, dtype=float), np.asarray(base_ang_vel_b, dtype=float)
        labels = ("w", "x", "y", "z")
        if not self._finite("imu_finite", "IMU", labels, (quat, ang_vel), now_s):
            return
        norm = float(np.linalg.norm(quat))
        self._judge(
            "imu_orientation", "norm of the IMU quaternion off one by", abs(norm - 1.0), 0.01, "1",
            now_s, 1,
        )  # fmt: skip
        if norm > 0.0:
            up_w = rotation.rotate(quat / norm, np.array([0.0, 0.0, 1.0]))
            tilt = math.acos(min(1.0, max(-1.0, float(up_w[2]))))
            self._judge("tilt", "tilt", tilt, self.limits.tilt, "rad", now_s, self.limits.consecutive)
        self._judge(
            "base_angular_velocity", "base angular velocity", float(np.linalg.norm(ang_vel)),
            self.limits.base_ang_vel, "rad/s", now_s, self.limits.consecutive,
        )  # fmt: skip

    def command(self, names: Sequence[str], position: Floats, now_s: float) -> None:
        """Judge joint targets [rad], in any order; a joint that is absent or NaN has none.

        A command after a pause follows on none: its step is not judged.
        """
        if now_s - self._heard_command_s > self.limits.sensor_timeout_s:
            self._forget_commands()
        self._heard_command_s = now_s
        columns = (position,) if len(position) else ()
        order = self._order("command_set", names, columns, now_s, some=True)
        if order is None or not len(position):
            return
        wanted = np.full(len(self._joint_index), np.nan)
        wanted[order] = position
        low, high = self._position_limit.T
        unset = np.isnan(wanted)
        outside = np.where(unset, -np.inf, np.maximum(low - wanted, wanted - high))
        joint = int(np.argmax(outside))
        self._judge(
            "command_position", f"target of {self.limits.joint_names[joint]} outside its range by",
            outside[joint], 1e-6, "rad", now_s, 1,
        )  # fmt: skip
        if self._target is not None:
            unset |= np.isnan(self._target)
            step = np.where(unset, 0.0, np.abs(wanted - self._target))
            joint = int(np.argmax(step / np.array(self.limits.joint_pos_target_step)))
            self._judge(
                "command_jump", f"step of the target of {self.limits.joint_names[joint]}", step[joint],
                self.limits.joint_pos_target_step[joint], "rad", now_s, 1,
            )  # fmt: skip
        self._target = wanted

    def request_stop(self, source: str, now_s: float) -> None:
        """Latch a stop that somebody asked for."""
        self._trip(Stop(check="stop_request", message=f"stop requested by {source}", time_s=now_s))

    def adopt(self, message: str, now_s: float) -> None:
        """Take over a stop that the robot has latched, as a restarted supervisor does."""
        self._trip(Stop(check="robot", message=f"the robot is stopped: {message}", time_s=now_s))

    def tick(self, now_s: float, *, watch_silence: bool = True) -> None:
        """Judge what time alone decides; call it with no message waiting to be judged.

        Args:
            now_s: now.
            watch_silence: whether a sensor that fell silent stops the robot. Off its gantry it must; on it,
                processes may still be starting.
        """
        if now_s - self._heard_command_s > self.limits.sensor_timeout_s:
            self._forget_commands()
        for sensor, heard_s in self._heard_s.items():
            self._judge(
                f"{sensor}_timeout", f"age of {sensor}", now_s - heard_s if watch_silence else 0.0,
                self.limits.sensor_timeout_s, "s", now_s, 1,
            )  # fmt: skip

    def check_reset(self, now_s: float) -> None:
        """Whether the stop may be cleared; a silent sensor always forbids it.

        Raises:
            SafetyError: a check is still violated; the message lists each.
        """
        self.tick(now_s)
        if self._standing:
            causes = "; ".join(stop.message for stop in self._standing.values())
            raise SafetyError(f"the cause persists: {causes}")

    def clear(self) -> None:
        """End the stop, after `check_reset` has allowed it."""
        self.stop = None
        self._target = None

    def _forget_commands(self) -> None:
        """Nobody commands any more: the next command follows on none, and the last one's faults are past."""
        self._target = None
        for check in [check for check in self._standing if check.startswith("command_")]:
            del self._standing[check]

    def _order(
        self,
        check: str,
        names: Sequence[str],
        columns: Sequence[Floats],
        now_s: float,
        some: bool = False,
    ) -> np.ndarray | None:
        """Where the named joints stand in the limits; None, and a stop, where they are not ours.

        With `some`, not all of our joints need be named.
        """
        sizes = {len(column) for column in columns} | {len(names)}
        given = set(names)
        wrong = sorted(given - set(self._joint_index) if some else given ^ set(self._joint_index))
        message = None
        if len(sizes) > 1:
            message = f"{len(names)} joint names with {sorted(sizes)} values"
        elif len(given) != len(names):
            message = "a joint name repeats"
        elif wrong:
            message = f"joints missing or unknown: {', '.join(wrong)}"
        self._verdict(check, message, now_s)
        return None if message else np.array([self._joint_index[name] for name in names])

    def _finite(
        self,
        check: str,
        label: str,
        names: Sequence[str],
        columns: Sequence[np.ndarray],
        now_s: float,
    ) -> bool:
        bad = [
            f"{label} of {names[int(np.argmin(np.isfinite(column)))]} is not finite"
            for column in columns
            if not np.isfinite(column).all()
        ]
        self._verdict(check, bad[0] if bad else None, now_s)
        return not bad

    def _verdict(self, check: str, message: str | None, now_s: float) -> None:
        """A check that a message passes or not."""
        if message is None:
            self._standing.pop(check, None)
        else:
            self._standing[check] = Stop(check=check, message=message, time_s=now_s)
            self._trip(self._standing[check])

    def _judge(
        self,
        check: str,
        label: str,
        value: float,
        limit: float,
        unit: str,
        now_s: float,
        consecutive: int,
    ) -> None:
        """A check of a value against a limit, that many times in a row."""
        if value <= limit:
            self._violations.pop(check, None)
            self._standing.pop(check, None)
            return
        self._violations[check] = self._violations.get(check, 0) + 1
        stop = Stop(
            check=check,
            message=f"{label} is {value:.3g} {unit}, above {limit:.3g}",
            value=float(value),
            limit=float(limit),
            unit=unit,
            time_s=now_s,
        )
        self._standing[check] = stop
        if self._violations[check] >= consecutive:
            self._trip(stop)

    def _trip(self, stop: Stop) -> None:
        self.stop = self.stop or stop

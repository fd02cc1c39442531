"""The second layer of safety: judges what the robot does and what it is told, and latches a stop.

The supervisor is fed messages with their arrival times and ticked regularly; it does no I/O and knows no
ROS. A check trips after enough consecutive violations. The first trip is kept as the reason. A reset is
refused while any check is still violated. What decides by time or by repetition (silence, rate, frozen readings, jumps
of the clock) is judged only while the robot is watched, which `tick` says: before that, processes are still starting.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

import numpy as np

from gaitway.safety.checks import Checks, Height, Joints, Reading, Streaks
from gaitway.safety.guard import SafetyError
from gaitway.safety.sensor_stream import SensorStream
from gaitway.safety.stop import Stop
from gaitway.safety.supervisor_limits import SupervisorLimits

_PROCESS_BYTES = 12
"""How much of a publisher's GUID is its participant's: DDSI-RTPS 2.5, 8.2.4."""

SENSORS: tuple[str, ...] = ("joint_states", "imu")
"""What a supervisor hears a robot by."""

Floats = Sequence[float] | np.ndarray
"""A column of a message, or an array of it."""


class Supervisor:
    """Judges one robot. Times are arrivals on the steady clock [s]."""

    def __init__(
        self,
        limits: SupervisorLimits,
        height: Height | None = None,
        *,
        required: Collection[str] = SENSORS,
    ):
        """Watch a robot.

        Args:
            limits: what it may do.
            height: estimates the height of its base; None where that is not known, and then it is not judged.
            required: which of SENSORS a robot that is watched must have; of the others, one that never speaks is not
                missed.

        Raises:
            SafetyError: a sensor that there is not.
        """
        unknown = set(required) - set(SENSORS)
        if unknown:
            raise SafetyError(
                f"unknown sensors: {', '.join(sorted(unknown))}; available: {', '.join(SENSORS)}"
            )
        self.limits = limits
        self.stop: Stop | None = None
        """The latched stop, or None."""
        self.readings: dict[str, tuple[float, float, str]] = {}
        """The newest value, limit and unit of each check that has them."""
        self._checks = Checks(limits, height)
        self._streaks = Streaks()
        self._joint_index = {name: i for i, name in enumerate(limits.joint_names)}
        self._orders: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
        self._streams: dict[str, SensorStream] = {}
        self._required = required
        self._watching = False
        self._watching_since_s = math.inf
        self._base_quat_w: np.ndarray | None = None
        self._joints: Joints | None = None
        self._target: np.ndarray | None = None
        self._heard_command_s = -math.inf
        self._publishers: dict[str, tuple[bytes, float]] = {}
        self._standing: dict[str, Stop] = {}  # checks whose newest verdict was a violation

    def joint_state(
        self,
        names: Sequence[str],
        position: Floats,
        velocity: Floats,
        now_s: float,
        *,
        effort: Floats = (),
        stamp_s: float | None = None,
    ) -> None:
        """Judge measured joints, in any order.

        Args:
            names: of the joints.
            position: [rad]
            velocity: [rad/s]
            now_s: arrival of the message.
            effort: measured torques [N m]; empty, or NaN, where they are not measured.
            stamp_s: the message's stamp; None for one without.
        """
        pos, vel, torque = (np.asarray(column, dtype=float) for column in (position, velocity, effort))
        self._joints = None
        self._receive("joint_states", (pos, vel, torque), stamp_s, now_s)
        order = self._order("joint_set", names, (pos, vel, torque) if len(torque) else (pos, vel), now_s)
        if order is None:
            return
        torque = np.where(np.isnan(torque), 0.0, torque)
        if not self._finite("joint_state_finite", "joint state", names, (pos, vel, torque), now_s):
            return
        joint_pos, joint_vel = _ordered(pos, order), _ordered(vel, order)
        self._joints = joint_pos, joint_vel
        joint_effort = _ordered(torque, order) if len(torque) else None
        for reading in self._checks.joint_state(joint_pos, joint_vel, joint_effort, self._base_quat_w):
            self._judge(reading, now_s)

    def base_motion(
        self, base_quat_w: Floats, base_ang_vel_b: Floats, now_s: float, *, stamp_s: float | None = None
    ) -> None:
        """Judge the base's orientation (wxyz) and angular velocity in base frame [rad/s]."""
        quat, ang_vel = np.asarray(base_quat_w, dtype=float), np.asarray(base_ang_vel_b, dtype=float)
        self._receive("imu", (quat, ang_vel), stamp_s, now_s)
        labels = ("w", "x", "y", "z")
        self._base_quat_w = None
        if not self._finite("imu_finite", "IMU", labels, (quat, ang_vel), now_s):
            return
        norm = math.sqrt(float(quat @ quat))
        self._base_quat_w = quat / norm if norm > 0.0 else None
        for reading in self._checks.base_motion(quat, ang_vel):
            self._judge(reading, now_s)

    def temperature(self, joint: str, celsius: float, now_s: float) -> None:
        """Judge the temperature of a joint's motor [degrees Celsius]."""
        hot = celsius if math.isfinite(celsius) else math.inf
        limit, samples = self.limits.max_temperature, self.limits.temperature_samples
        self._judge(
            Reading(f"temperature_{joint}", f"temperature of {joint}", hot, limit, "degC", samples), now_s
        )

    def command(self, names: Sequence[str], position: Floats, now_s: float, *, effort: Floats = ()) -> None:
        """Judge joint targets [rad] and torques [N m], in any order; a joint that is absent or NaN has none.

        A command after a pause follows on none: its step is not judged. All targets may be given up, but not some: a
        leg in which one joint goes limp falls.
        """
        self._forget_old_commands(now_s)
        self._heard_command_s = now_s
        columns = [column for column in (position, effort) if len(column)]
        order = self._order("command_set", names, columns, now_s, some=True)
        if order is None:
            return
        if len(effort):
            asked = self._unset(effort, order)
            self._judge(self._checks.command_effort(asked), now_s)
        if not len(position):
            return
        target = self._unset(position, order)
        stream = self._streams.get("joint_states")
        fresh = stream is not None and stream.age_s(now_s) <= self.limits.sensor_timeout_s
        for reading in self._checks.command(target, self._target, self._joints if fresh else None):
            self._judge(reading, now_s)
        if self._watching and self._target is not None:
            lost = np.isnan(target) & ~np.isnan(self._target)
            message = None
            if lost.any() and not np.isnan(target).all():
                message = f"{self.limits.joint_names[int(np.argmax(lost))]} has lost its target"
            self._verdict("command_unset", message, now_s)
        self._target = target

    def torques(self, effort: Floats, now_s: float) -> None:
        """Judge an array of torques [N m] whose order only the robot knows; NaN means unset."""
        self._forget_old_commands(now_s)
        self._heard_command_s = now_s
        count, joints = len(effort), len(self._joint_index)
        self._verdict(
            "command_set", f"{count} torques for {joints} joints" if count != joints else None, now_s
        )
        if count == joints:
            asked = np.asarray(effort, dtype=float)
            self._judge(self._checks.command_effort(asked, of_any_joint=True), now_s)

    def actions(self, values: Floats, now_s: float) -> None:
        """Judge an array whose joints and kind only the robot knows; NaN means unset."""
        self._forget_old_commands(now_s)
        self._heard_command_s = now_s
        infinite = bool(np.isinf(np.asarray(values, dtype=float)).any())
        self._verdict("command_actions", "an infinite action" if infinite else None, now_s)

    def publisher(self, topic: str, identity: bytes, now_s: float) -> None:
        """Judge who sent a command: one process at a time, with one publisher for each topic.

        Another may take over after a silence. A command on one topic replaces that of another, so two processes fight
        over the joints there too.

        Args:
            topic: where the command came.
            identity: the publisher's GUID, which begins with that of its process; empty where it is not known.
            now_s: when it came.
        """
        message = None
        for other, (before, heard_s) in self._publishers.items():
            known = identity if other == topic else identity[:_PROCESS_BYTES]
            if now_s - heard_s < self.limits.takeover_s and not before.startswith(known):
                where = f"a second publisher on {topic}"
                message = where if other == topic else f"another process commands on {other} beside {topic}"
        self._publishers[topic] = (identity, now_s)
        self._verdict(f"command_publishers_{topic}", message, now_s)

    def request_stop(self, source: str, now_s: float) -> None:
        """Latch a stop that somebody asked for."""
        self._trip(Stop(check="stop_request", message=f"stop requested by {source}", time_s=now_s))

    def adopt(self, message: str, now_s: float) -> None:
        """Take over a stop that the robot has latched, as a restarted supervisor does."""
        self._trip(Stop(check="robot", message=f"the robot is stopped: {message}", time_s=now_s))

    def tick(self, now_s: float, *, watch_silence: bool = True, expect_commands: bool = False) -> None:
        """Judge what time alone decides; call it with no message waiting to be judged.

        Args:
            now_s: now.
            watch_silence: whether the robot is watched by time and repetition. Off its gantry it must be; on it,
                processes may still be starting.
            expect_commands: whether the robot is active, so that commands must keep coming.
        """
        self._forget_old_commands(now_s)
        if not watch_silence or not self._watching:
            self._begin_watching(now_s)
        self._watching = watch_silence
        limit = self.limits.sensor_timeout_s
        for sensor in SENSORS:
            stream = self._streams.get(sensor)
            if stream is not None:
                label, age_s = f"age of {sensor}", stream.age_s(now_s) if watch_silence else 0.0
            elif sensor in self._required:
                label, age_s = f"wait for the first message of {sensor}", now_s - self._watching_since_s
            else:
                continue
            self._judge(Reading(f"{sensor}_timeout", label, age_s, limit, "s", 1), now_s)
        age_s = now_s - self._heard_command_s if expect_commands else 0.0
        if age_s < math.inf:
            limit = self.limits.command_timeout_s
            self._judge(Reading("command_timeout", "age of the newest command", age_s, limit, "s", 1), now_s)

    def check_reset(self, now_s: float) -> None:
        """Whether the stop may be cleared; a silent sensor always forbids it.

        Args:
            now_s: now, or the newest time by which every message that had come was judged.

        Raises:
            SafetyError: a check is still violated; the message lists each.
        """
        self.tick(now_s)
        if self._standing:
            causes = "; ".join(stop.message for stop in self._in_order(self._standing))
            raise SafetyError(f"the cause persists: {causes}")

    def clear(self) -> None:
        """End the stop, after `check_reset` has allowed it."""
        self.stop = None
        self._target = None
        self._publishers.clear()

    def _forget_old_commands(self, now_s: float) -> None:
        """Once nobody commands any more, the next command follows on none, and the last one's faults are past."""
        if now_s - self._heard_command_s <= max(self.limits.sensor_timeout_s, self.limits.command_timeout_s):
            return
        self._target = None
        for check in [check for check in self._standing if check.startswith("command_")]:
            del self._standing[check]

    def _receive(
        self, sensor: str, columns: Sequence[np.ndarray], stamp_s: float | None, now_s: float
    ) -> None:
        """Judge when a message comes, and whether it says anything new."""
        limits = self.limits
        stream = self._streams.setdefault(sensor, SensorStream(limits.rate_samples))
        stream.receive(b"".join(column.tobytes() for column in columns), stamp_s, now_s)
        if not self._watching:
            return
        clock, frozen, rate = f"{sensor}_clock", f"{sensor}_frozen", f"{sensor}_rate"
        jump, repeated, hz = (
            f"jump of the stamps of {sensor}",
            f"repeated readings of {sensor}",
            f"rate of {sensor}",
        )
        for reading in (
            Reading(clock, jump, stream.jump_s, limits.clock_jump_s, "s", 1),
            Reading(frozen, repeated, stream.identical, limits.frozen_samples, "samples", 1),
            Reading(rate, hz, stream.rate_hz(), limits.min_sensor_rate_hz, "Hz", 1, least=True),
        ):
            self._judge(reading, now_s)

    def _begin_watching(self, now_s: float) -> None:
        self._watching_since_s = now_s
        for sensor, stream in self._streams.items():
            stream.begin()
            for check in ("clock", "frozen", "rate"):
                self._standing.pop(f"{sensor}_{check}", None)

    def _unset(self, values: Floats, order: np.ndarray) -> np.ndarray:
        """A command's values in the order of the limits, NaN where it has none. Shape (num_joints,)."""
        wanted = np.full(len(self._joint_index), np.nan)
        wanted[order] = values
        return wanted

    @staticmethod
    def _in_order(standing: dict[str, Stop]) -> list[Stop]:
        """The causes of a stop, that the robot lies on the ground first."""
        return sorted(standing.values(), key=lambda stop: stop.check != "tilt")

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
        known, order = self._orders.get(check, ((), None))
        if order is not None and sizes == {len(known)} and tuple(names) == known:
            self._verdict(check, None, now_s)
            return order
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
        if message:
            return None
        order = np.array([self._joint_index[name] for name in names])
        self._orders[check] = (tuple(names), order)
        return order

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

    def _judge(self, reading: Reading, now_s: float) -> None:
        """Take in what a check of a value found."""
        check, value, limit, unit = reading.check, float(reading.value), float(reading.limit), reading.unit
        self.readings[check] = (value, limit, unit)
        kept, trips = self._streaks.judge(reading)
        if kept:
            self._standing.pop(check, None)
            return
        label = reading.label
        if reading.joint is not None:
            joint = int(reading.joint)
            label = label.format(joint=self.limits.joint_names[joint], entry=joint)
        side = "below" if reading.least else "above"
        stop = Stop(
            check=check,
            message=f"{label} is {value:.3g} {unit}, {side} {limit:.3g}",
            value=value,
            limit=limit,
            unit=unit,
            time_s=now_s,
        )
        self._standing[check] = stop
        if trips:
            self._trip(stop)

    def _trip(self, stop: Stop) -> None:
        self.stop = self.stop or stop


def _ordered(values: np.ndarray, order: np.ndarray) -> np.ndarray:
    """A message's column in the order of the limits. Shape (num_joints,)."""
    ordered = np.empty_like(values)
    ordered[order] = values
    return ordered

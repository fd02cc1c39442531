"""The second layer of safety: judges what the robot does and what it is told, and latches a stop.

The supervisor is fed messages with their arrival times and ticked regularly; it does no I/O and knows no
ROS. A check trips after enough consecutive violations. The first trip is kept as the reason. A reset is
refused while any check is still violated. What decides by time or by repetition (silence, rate, frozen readings, jumps
of the clock) is judged only while the robot is watched, which `tick` says: before that, processes are still starting.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from gaitway.safety.guard import SafetyError
from gaitway.safety.sensor_stream import SensorStream
from gaitway.safety.stop import Stop
from gaitway.safety.supervisor_limits import SupervisorLimits

Floats = Sequence[float] | np.ndarray
"""A column of a message, or an array of it."""

Height = Callable[[np.ndarray, np.ndarray], float]
"""Height of the base above the lowest foot [m], from joint positions in the limits' order and the base's orientation
(wxyz)."""


class Supervisor:
    """Judges one robot. Times are arrivals on the steady clock [s]."""

    def __init__(self, limits: SupervisorLimits, height: Height | None = None):
        """Watch a robot.

        Args:
            limits: what it may do.
            height: estimates the height of its base; None where that is not known, and then it is not judged.
        """
        self.limits = limits
        self.stop: Stop | None = None
        """The latched stop, or None."""
        self.readings: dict[str, tuple[float, float, str]] = {}
        """The newest value, limit and unit of each check that has them."""
        self._height = height
        self._joint_index = {name: i for i, name in enumerate(limits.joint_names)}
        self._position_limit = np.array(limits.position_limit)
        self._joint_vel = np.array(limits.joint_vel)
        self._effort_limit = np.array(limits.effort_limit)
        self._target_step = np.array(limits.joint_pos_target_step)
        self._orders: dict[str, tuple[tuple[str, ...], np.ndarray]] = {}
        self._violations: dict[str, int] = {}
        self._streams: dict[str, SensorStream] = {}
        self._watching = False
        self._base_quat_w: np.ndarray | None = None
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
        self._receive("joint_states", (pos, vel, torque), stamp_s, now_s)
        order = self._order("joint_set", names, (pos, vel, torque) if len(torque) else (pos, vel), now_s)
        if order is None:
            return
        torque = np.where(np.isnan(torque), 0.0, torque)
        if not self._finite("joint_state_finite", "joint state", names, (pos, vel, torque), now_s):
            return
        limits = self.limits
        low, high = self._position_limit[order].T
        outside = np.maximum(low - pos, pos - high)
        joint = int(np.argmax(outside))
        self._judge(
            "joint_position", f"{names[joint]} outside its range by", outside[joint],
            limits.position_margin_rad, "rad", now_s, limits.consecutive,
        )  # fmt: skip
        joint = int(np.argmax(np.abs(vel) / self._joint_vel[order]))
        self._judge(
            "joint_velocity", f"speed of {names[joint]}", abs(vel[joint]),
            float(self._joint_vel[order[joint]]), "rad/s", now_s, limits.consecutive,
        )  # fmt: skip
        if len(torque):
            joint = int(np.argmax(np.abs(torque) / self._effort_limit[order]))
            self._judge(
                "joint_effort", f"torque of {names[joint]}", abs(torque[joint]),
                limits.effort_margin * float(self._effort_limit[order[joint]]), "N m", now_s, limits.effort_samples,
            )  # fmt: skip
        if self._height is not None and self._base_quat_w is not None:
            ordered = np.empty_like(pos)
            ordered[order] = pos
            height = self._height(ordered, self._base_quat_w)
            self._judge(
                "height", "estimated height of the base", height, limits.min_height, "m", now_s,
                limits.consecutive, least=True,
            )  # fmt: skip

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
        self._judge(
            "imu_orientation", "norm of the IMU quaternion off one by", abs(norm - 1.0), 0.01, "1",
            now_s, 1,
        )  # fmt: skip
        if norm > 0.0:
            self._base_quat_w = quat / norm
            _, x, y, _ = self._base_quat_w
            tilt = math.acos(min(1.0, max(-1.0, 1.0 - 2.0 * (x * x + y * y))))
            self._judge("tilt", "tilt", tilt, self.limits.tilt, "rad", now_s, self.limits.consecutive)
        self._judge(
            "base_angular_velocity", "base angular velocity", math.sqrt(float(ang_vel @ ang_vel)),
            self.limits.base_ang_vel, "rad/s", now_s, self.limits.consecutive,
        )  # fmt: skip

    def temperature(self, joint: str, celsius: float, now_s: float) -> None:
        """Judge the temperature of a joint's motor [degrees Celsius]."""
        hot = celsius if math.isfinite(celsius) else math.inf
        self._judge(
            f"temperature_{joint}", f"temperature of {joint}", hot, self.limits.max_temperature, "degC",
            now_s, self.limits.temperature_samples,
        )  # fmt: skip

    def command(self, names: Sequence[str], position: Floats, now_s: float, *, effort: Floats = ()) -> None:
        """Judge joint targets [rad] and torques [N m], in any order; a joint that is absent or NaN has none.

        A command after a pause follows on none: its step is not judged.
        """
        self._forget_old_commands(now_s)
        self._heard_command_s = now_s
        columns = [column for column in (position, effort) if len(column)]
        order = self._order("command_set", names, columns, now_s, some=True)
        if order is None:
            return
        if len(effort):
            self._judge_effort(np.asarray(effort, dtype=float), self._effort_limit[order], names, now_s)
        if not len(position):
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
            joint = int(np.argmax(step / self._target_step))
            self._judge(
                "command_jump", f"step of the target of {self.limits.joint_names[joint]}", step[joint],
                self._target_step[joint], "rad", now_s, 1,
            )  # fmt: skip
        self._target = wanted

    def torques(self, effort: Floats, now_s: float) -> None:
        """Judge an array of torques [N m] whose order only the robot knows; NaN means unset."""
        self._forget_old_commands(now_s)
        self._heard_command_s = now_s
        count, joints = len(effort), len(self._joint_index)
        self._verdict(
            "command_set", f"{count} torques for {joints} joints" if count != joints else None, now_s
        )
        if count == joints:
            largest = np.full(joints, self._effort_limit.max())
            labels = [f"entry {i}" for i in range(joints)]
            self._judge_effort(np.asarray(effort, dtype=float), largest, labels, now_s)

    def publisher(self, topic: str, identity: bytes, now_s: float) -> None:
        """Judge who sent a command: one publisher at a time, and another only after a silence."""
        before, heard_s = self._publishers.get(topic, (identity, now_s))
        self._publishers[topic] = (identity, now_s)
        second = identity != before and now_s - heard_s < self.limits.takeover_s
        self._verdict(
            f"command_publishers_{topic}", f"a second publisher on {topic}" if second else None, now_s
        )

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
            self._begin_watching()
        self._watching = watch_silence
        for sensor, stream in self._streams.items():
            self._judge(
                f"{sensor}_timeout", f"age of {sensor}", stream.age_s(now_s) if watch_silence else 0.0,
                self.limits.sensor_timeout_s, "s", now_s, 1,
            )  # fmt: skip
        age_s = now_s - self._heard_command_s if expect_commands else 0.0
        if age_s < math.inf:
            self._judge(
                "command_timeout", "age of the newest command", age_s, self.limits.command_timeout_s, "s", now_s, 1
            )  # fmt: skip

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
        if now_s - self._heard_command_s <= self.limits.sensor_timeout_s:
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
        for check, label, value, limit, unit in (
            ("clock", f"jump of the stamps of {sensor}", stream.jump_s, limits.clock_jump_s, "s"),
            ("frozen", f"repeated readings of {sensor}", stream.identical, limits.frozen_samples, "samples"),
        ):
            self._judge(f"{sensor}_{check}", label, value, limit, unit, now_s, 1)
        self._judge(
            f"{sensor}_rate", f"rate of {sensor}", stream.rate_hz(), limits.min_sensor_rate_hz, "Hz", now_s, 1,
            least=True,
        )  # fmt: skip

    def _begin_watching(self) -> None:
        for sensor, stream in self._streams.items():
            stream.begin()
            for check in ("clock", "frozen", "rate"):
                self._standing.pop(f"{sensor}_{check}", None)

    def _judge_effort(
        self, effort: np.ndarray, limit: np.ndarray, labels: Sequence[str], now_s: float
    ) -> None:
        asked = np.where(np.isnan(effort), 0.0, np.abs(effort))
        joint = int(np.argmax(asked / limit))
        self._judge(
            "command_effort", f"torque for {labels[joint]}", asked[joint], 1.001 * limit[joint], "N m", now_s, 1
        )  # fmt: skip

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

    def _judge(
        self,
        check: str,
        label: str,
        value: float,
        limit: float,
        unit: str,
        now_s: float,
        consecutive: int,
        least: bool = False,
    ) -> None:
        """A check of a value against a limit, that many times in a row; with `least`, it may not fall below it."""
        self.readings[check] = (float(value), float(limit), unit)
        if value >= limit if least else value <= limit:
            self._violations.pop(check, None)
            self._standing.pop(check, None)
            return
        self._violations[check] = self._violations.get(check, 0) + 1
        stop = Stop(
            check=check,
            message=f"{label} is {value:.3g} {unit}, {'below' if least else 'above'} {limit:.3g}",
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

"""The third layer of safety: what the robot itself does, whoever commands it.

A robot starts `held` on its gantry and obeys commands there, so that a controller can blend in. `activate`
lets it go and arms the watchdogs. A stop, stale commands or a lost supervisor heartbeat put it in
`damping`, latched: nothing but `clear_stop`, which the supervisor calls, ends that.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

from gaitway.safety.guard import SafetyError
from gaitway.safety.stop import Stop

_COMMAND, _HEARTBEAT = "joint command", "supervisor heartbeat"


class RobotMode(enum.Enum):
    """What moves the joints."""

    HELD = "held"
    """On the gantry; joints hold the home pose, or obey commands when they come."""
    POSITION_HOLD = "position_hold"
    """Standing free; joints hold the pose they were in."""
    ACTIVE = "active"
    """Standing free and obeying commands."""
    DAMPING = "damping"
    """Stopped; joints only resist motion."""


@dataclass(frozen=True, kw_only=True)
class RobotTimeouts:
    """How long an active robot goes on without being spoken to."""

    command_s: float = 0.1
    """Age of the newest command [s]."""
    heartbeat_s: float = 0.5
    """Age of the newest supervisor heartbeat [s]."""
    held_command_s: float = 0.25
    """Age of the newest command that a held robot still obeys [s]; slow agents command at 10 Hz."""


class RobotModes:
    """The mode of one robot, its gantry, and its latched stop. Times are of the steady clock [s]."""

    def __init__(self, timeouts: RobotTimeouts):
        self.timeouts = timeouts
        self._held_command_s = max(timeouts.held_command_s, timeouts.command_s)
        self.mode = RobotMode.HELD
        self.on_gantry = True
        self.stop: Stop | None = None
        self.stop_count = 0
        """Stops so far."""
        self._command_s: float | None = None
        self._heartbeat_s: float | None = None

    def command_received(self, now_s: float) -> None:
        """A well-formed command came."""
        self._command_s = now_s

    def heartbeat_received(self, now_s: float) -> None:
        """The supervisor's heartbeat came."""
        self._heartbeat_s = now_s

    def activate(self, now_s: float, pose_error_rad: float, max_pose_error_rad: float) -> None:
        """Leave the gantry, or position hold, and obey commands.

        Args:
            now_s: now.
            pose_error_rad: largest distance of a joint from the home pose [rad].
            max_pose_error_rad: largest distance that the robot may start from [rad].

        Raises:
            SafetyError: stopped, already active, commands or heartbeat are not coming, or the pose is
                outside the range a policy may start from.
        """
        if self.stop is not None:
            raise SafetyError(f"the robot is stopped ({self.stop.message}); reset the stop first")
        if self.mode is RobotMode.ACTIVE:
            raise SafetyError("the robot is already active")
        for label, age_s, timeout_s in self._ages(now_s):
            if age_s is None:
                raise SafetyError(f"no {label} has come; start its sender before activating")
            if age_s > timeout_s:
                raise SafetyError(f"the newest {label} is {age_s:.3f} s old; at most {timeout_s} s")
        if not pose_error_rad <= max_pose_error_rad:
            raise SafetyError(
                f"a joint is {pose_error_rad:.3f} rad from the home pose; at most {max_pose_error_rad:.3f}"
            )
        self.mode, self.on_gantry = RobotMode.ACTIVE, False

    def hold(self) -> None:
        """From active, hold the present pose.

        Raises:
            SafetyError: the robot is not active.
        """
        if self.mode is not RobotMode.ACTIVE:
            raise SafetyError(f"only an active robot can hold its position; it is {self.mode.value}")
        self.mode = RobotMode.POSITION_HOLD

    def put_on_gantry(self) -> None:
        """Hang the robot up; a stopped one stays stopped."""
        self.on_gantry = True
        self._command_s = None
        self.mode = RobotMode.HELD if self.stop is None else RobotMode.DAMPING

    def trip(self, stop: Stop) -> None:
        """Stop; the first reason is kept."""
        if self.stop is None:
            self.stop = stop
            self.stop_count += 1
        self.mode = RobotMode.DAMPING

    def clear_stop(self) -> None:
        """End a stop: back to the gantry's hold, or to holding the pose where the robot stands free.

        Commands from before are forgotten: they were for a robot that obeyed them.
        """
        if self.stop is not None:
            self.stop = None
            self._command_s = None
            self.mode = RobotMode.HELD if self.on_gantry else RobotMode.POSITION_HOLD

    def tick(self, now_s: float) -> None:
        """Judge the watchdogs: of commands while active, of the heartbeat whenever off the gantry."""
        armed = {
            RobotMode.ACTIVE: (_COMMAND, _HEARTBEAT),
            RobotMode.POSITION_HOLD: (_HEARTBEAT,),
        }.get(self.mode, ())
        for label, age_s, timeout_s in self._ages(now_s):
            if label in armed and (age_s is None or age_s > timeout_s):
                self.trip(
                    Stop(
                        check=f"{label.split()[-1]}_timeout",
                        message=f"no {label} for {timeout_s} s",
                        value=age_s,
                        limit=timeout_s,
                        unit="s",
                        time_s=now_s,
                    )
                )

    def obeys_commands(self, now_s: float) -> bool:
        """Whether the newest command moves the joints now."""
        if self.mode is RobotMode.ACTIVE:
            return True
        fresh = self._command_s is not None and now_s - self._command_s <= self._held_command_s
        return self.mode is RobotMode.HELD and fresh

    def _ages(self, now_s: float) -> list[tuple[str, float | None, float]]:
        """Label, age and largest age of what an active robot needs to hear."""
        return [
            (label, None if heard_s is None else now_s - heard_s, timeout_s)
            for label, heard_s, timeout_s in (
                (_COMMAND, self._command_s, self.timeouts.command_s),
                (_HEARTBEAT, self._heartbeat_s, self.timeouts.heartbeat_s),
            )
        ]

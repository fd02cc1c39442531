from __future__ import annotations

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from gaitway.safety import RobotMode, RobotModes, RobotTimeouts, SafetyError, Stop


def spoken_to(now_s: float = 0.0) -> RobotModes:
    modes = RobotModes(RobotTimeouts())
    modes.command_received(now_s)
    modes.heartbeat_received(now_s)
    return modes


def active(now_s: float = 0.0) -> RobotModes:
    modes = spoken_to(now_s)
    modes.activate(now_s, 0.0, 0.1)
    return modes


def a_stop() -> Stop:
    return Stop(check="stop_request", message="a person asked", time_s=0.0)


def test_starts_held_on_the_gantry_and_is_let_go_by_activation() -> None:
    modes = spoken_to()
    assert (modes.mode, modes.on_gantry) == (RobotMode.HELD, True)
    modes.activate(0.0, 0.0, 0.1)
    assert (modes.mode, modes.on_gantry) == (RobotMode.ACTIVE, False)


def test_watchdogs_sleep_until_the_first_activation() -> None:
    modes = RobotModes(RobotTimeouts())
    modes.tick(1000.0)
    assert modes.mode is RobotMode.HELD


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: RobotModes(RobotTimeouts()), "no joint command has come"),
        (lambda: active(), "already active"),
    ],
)
def test_activation_is_refused_with_a_reason(make, message: str) -> None:
    with pytest.raises(SafetyError, match=message):
        make().activate(0.0, 0.0, 0.1)


def test_activation_is_refused_on_old_commands_and_outside_the_start_range() -> None:
    with pytest.raises(SafetyError, match=r"newest joint command is 0.300 s old; at most 0.1 s"):
        spoken_to(0.0).activate(0.3, 0.0, 0.1)
    with pytest.raises(SafetyError, match=r"a joint is 0.200 rad from the home pose; at most 0.100"):
        spoken_to(0.0).activate(0.0, 0.2, 0.1)
    with pytest.raises(SafetyError):
        spoken_to(0.0).activate(0.0, float("nan"), 0.1)


@pytest.mark.parametrize(
    ("silent", "after_s", "check"),
    [("command", 0.101, "command_timeout"), ("heartbeat", 0.501, "heartbeat_timeout")],
)
def test_silence_damps(silent: str, after_s: float, check: str) -> None:
    modes = active()
    for step in range(int(after_s / 0.01) + 1):
        now_s = 0.01 * step
        if silent != "command":
            modes.command_received(now_s)
        if silent != "heartbeat":
            modes.heartbeat_received(now_s)
        modes.tick(now_s)
        assert modes.mode is RobotMode.ACTIVE
    modes.tick(after_s + 0.01)
    assert modes.mode is RobotMode.DAMPING
    assert modes.stop is not None
    assert modes.stop.check == check


def test_a_robot_that_holds_its_pose_still_needs_the_supervisor_but_no_commands() -> None:
    modes = active()
    modes.hold()
    modes.heartbeat_received(1.0)
    modes.tick(1.4)
    assert modes.mode is RobotMode.POSITION_HOLD
    modes.tick(1.6)
    assert modes.mode is RobotMode.DAMPING


def test_the_first_reason_is_kept() -> None:
    modes = active()
    modes.trip(a_stop())
    modes.trip(Stop(check="other", message="later", time_s=1.0))
    assert modes.stop == a_stop()
    assert modes.stop_count == 1


def test_a_held_robot_obeys_fresh_commands_only() -> None:
    modes = RobotModes(RobotTimeouts())
    assert not modes.obeys_commands(0.0)
    modes.command_received(0.0)
    assert modes.obeys_commands(0.2)
    assert not modes.obeys_commands(0.3)


def test_a_command_from_before_a_stop_moves_nothing_once_the_stop_is_cleared() -> None:
    modes = spoken_to()
    modes.trip(a_stop())
    modes.command_received(0.1)
    modes.clear_stop()
    assert modes.mode is RobotMode.HELD
    assert not modes.obeys_commands(0.1)
    modes.command_received(0.12)
    assert modes.obeys_commands(0.12)


class AnyOrder(RuleBasedStateMachine):
    """Whatever is called in whatever order, a stop ends by `clear_stop` alone."""

    def __init__(self) -> None:
        super().__init__()
        self.modes = RobotModes(RobotTimeouts())
        self.now_s = 0.0
        self.stopped = False

    @rule(seconds=st.floats(0.0, 1.0))
    def pass_time(self, seconds: float) -> None:
        self.now_s += seconds
        self.modes.tick(self.now_s)
        self.stopped |= self.modes.stop is not None

    @rule()
    def hear(self) -> None:
        self.modes.command_received(self.now_s)
        self.modes.heartbeat_received(self.now_s)

    @rule()
    def activate(self) -> None:
        try:
            self.modes.activate(self.now_s, 0.0, 0.1)
        except SafetyError:
            return
        assert not self.stopped

    @rule()
    def hold(self) -> None:
        try:
            self.modes.hold()
        except SafetyError:
            return

    @rule()
    def put_on_gantry(self) -> None:
        self.modes.put_on_gantry()

    @rule()
    def trip(self) -> None:
        self.modes.trip(a_stop())
        self.stopped = True

    @rule()
    def clear(self) -> None:
        self.modes.clear_stop()
        self.stopped = False
        assert self.modes.mode is not RobotMode.ACTIVE or self.modes.stop is None

    @invariant()
    def damps_exactly_while_stopped(self) -> None:
        assert (self.modes.mode is RobotMode.DAMPING) == self.stopped
        assert (self.modes.stop is not None) == self.stopped
        if self.modes.mode is RobotMode.ACTIVE:
            assert not self.modes.on_gantry


TestAnyOrder = AnyOrder.TestCase

"""What the flight recorder remembers and when it writes, without ROS."""

from __future__ import annotations

import tracemalloc

import pytest

from gaitway.data.flight_buffer import FlightBuffer, StopTrigger

S = 1_000_000_000


def contents(buffer: FlightBuffer, topic: str, now_s: float) -> list[bytes]:
    return [content for _, name, content in buffer.messages(round(now_s * S)) if name == topic]


def test_remembers_the_newest_seconds_of_every_topic_in_the_order_of_time() -> None:
    buffer = FlightBuffer(2.0, 10**6)
    for step in range(50):
        buffer.add("/fast", round(step * 0.1 * S), b"%d" % step)
        if step % 10 == 0:
            buffer.add("/slow", round(step * 0.1 * S), b"%d" % step)
    found = buffer.messages(5 * S)
    assert [time for time, _, _ in found] == sorted(time for time, _, _ in found)
    assert contents(buffer, "/fast", 5.0) == [b"%d" % step for step in range(30, 50)]
    assert contents(buffer, "/slow", 5.0) == [b"30", b"40"]
    assert contents(buffer, "/fast", 100.0) == []


def test_a_latched_message_holds_however_old_it_is() -> None:
    buffer = FlightBuffer(2.0, 10**6)
    buffer.add("/description", 0, b"robot", latched=True)
    buffer.add("/plain", 0, b"gone")
    assert buffer.messages(100 * S) == [(98 * S, "/description", b"robot")]
    buffer.add("/description", 100 * S, b"another", latched=True)
    assert contents(buffer, "/description", 100.0) == [b"another"]


def test_a_camera_gives_up_its_own_past_and_leaves_the_joints_alone() -> None:
    buffer = FlightBuffer(30.0, 20_000_000)
    for step in range(6000):  # 30 s
        now_ns = round(step * 0.005 * S)
        buffer.add("/joint_states", now_ns, bytes(1200))
        if step % 7 == 0:
            buffer.add("/camera/image_raw", now_ns, bytes(921_600))
        assert buffer.size_bytes <= 20_000_000
    assert len(contents(buffer, "/joint_states", 30.0)) == 6000
    assert 5 < len(contents(buffer, "/camera/image_raw", 30.0)) < 20
    assert buffer.dropped > 800


def test_what_is_larger_than_all_memory_is_dropped() -> None:
    buffer = FlightBuffer(30.0, 1000)
    buffer.add("/huge", 0, bytes(5000))
    assert buffer.size_bytes == 0
    assert buffer.messages(0) == []


def test_the_memory_that_it_really_takes_is_within_what_it_says() -> None:
    """A minute of joint states, and of small messages that are mostly overhead."""
    bound = 1_000_000
    buffer = FlightBuffer(30.0, bound)
    tracemalloc.start()
    try:
        for step in range(12_000):
            buffer.add("/joint_states", step * S // 200, bytes(1200))
            buffer.add("/tiny", step * S // 200 + 1, step.to_bytes(8, "little"))
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert buffer.size_bytes <= bound
    assert taken <= 1.05 * bound


def test_a_stop_is_written_once_after_a_while_and_the_next_one_only_after_a_reset() -> None:
    trigger = StopTrigger(after_s=3.0)
    trigger.latch("robot", False, 0.0)
    assert not trigger.due(1.0)
    trigger.stop_requested(10.0)
    trigger.latch("robot", False, 10.01)  # sent before the robot heard of it
    trigger.latch("robot", True, 10.1)
    trigger.latch("supervisor", True, 10.2)
    assert not trigger.due(12.9)
    assert trigger.pending
    assert trigger.due(13.0)
    for now_s in range(14, 100):  # the stop is latched, and anybody may ask for it again
        trigger.stop_requested(now_s)
        trigger.latch("robot", True, now_s)
        assert not trigger.due(now_s)
    trigger.latch("robot", False, 100.0)
    trigger.latch("supervisor", False, 100.0)
    assert not trigger.due(100.0)
    trigger.latch("robot", True, 101.0)
    assert trigger.due(104.0)


@pytest.mark.parametrize("first", ["robot", "supervisor"])
def test_the_reason_is_of_whoever_knows_more_than_that_it_was_asked_to_stop(first: str) -> None:
    trigger = StopTrigger(after_s=1.0)
    said = {"robot": "", "supervisor": "tilt is 0.9 rad"}
    for who in (first, *said.keys() - {first}):
        trigger.latch(who, True, 0.0, said[who])
    assert trigger.due(1.0)
    assert trigger.reason == "tilt is 0.9 rad"
    for who in said:
        trigger.latch(who, True, 1.5, "tilt is 0.9 rad")  # the same stop, still latched
        trigger.latch(who, False, 2.0)
    trigger.due(2.0)
    trigger.stop_requested(3.0)
    assert trigger.due(4.0)
    assert trigger.reason == ""

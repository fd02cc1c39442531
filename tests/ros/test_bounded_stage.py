from __future__ import annotations

import threading
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitway.ros.agents.arrivals import Arrivals, Ticks
from gaitway.ros.agents.bounded_stage import BoundedStage


@settings(max_examples=50, deadline=None)
@given(st.lists(st.booleans(), max_size=60), st.integers(1, 10))
def test_every_item_is_counted_once_at_any_moment(items: list[bool], capacity: int) -> None:
    stage = BoundedStage[bool](bool, capacity)
    for number, item in enumerate(items, start=1):
        stage.offer(item)
        counts = stage.counts()
        assert counts.received == number == counts.done + counts.dropped + counts.in_flight
        assert counts.in_flight <= capacity + 1
    stage.close()
    counts = stage.counts()
    assert counts.in_flight == 0
    assert counts.received == len(items) == counts.done + counts.dropped


def test_offering_never_waits_for_slow_work_and_the_oldest_is_dropped() -> None:
    gate, worked = threading.Event(), []

    def work(item: int) -> bool:
        gate.wait()
        worked.append(item)
        return True

    stage = BoundedStage(work, capacity=3)
    stage.offer(0)
    while stage.counts().in_flight and not stage._working:  # until the thread has taken it
        time.sleep(0.001)
    for item in range(1, 11):
        stage.offer(item)  # would hang here
    assert stage.counts().dropped == 7
    gate.set()
    while stage.counts().in_flight:
        time.sleep(0.001)
    stage.close()
    assert worked == [0, 8, 9, 10]


def test_an_error_of_the_work_comes_out_where_the_stage_is_checked() -> None:
    def fail(item: int) -> bool:
        raise ZeroDivisionError(item)

    stage = BoundedStage(fail, capacity=3)
    stage.offer(0)
    while stage.counts().in_flight:
        time.sleep(0.001)
    with pytest.raises(ZeroDivisionError):
        stage.check()
    stage.close()


def test_arrivals_know_rate_and_losses_of_each_publisher() -> None:
    arrivals = Arrivals(window=10)
    assert arrivals.lost is None
    for number in [5, 6, 8, 9, 12]:
        arrivals.note(
            0.01 * number, {"publication_sequence_number": number, "publisher_gid": {"data": b"a"}}, 7
        )
        arrivals.note(
            0.01 * number, {"publication_sequence_number": number - 4, "publisher_gid": {"data": b"b"}}
        )
    assert (arrivals.received, arrivals.lost, arrivals.bytes) == (10, 2 * 3, 35)
    assert arrivals.rate_hz() == pytest.approx(9 / 0.07)
    assert arrivals.age_s(0.2) == pytest.approx(0.08)


def test_ticks_that_come_late_are_missed_ones() -> None:
    ticks = Ticks(0.01)
    for now_s in (0.0, 0.01, 0.021, 0.03, 0.06, 0.07):
        ticks.note(now_s)
    assert (ticks.count, ticks.missed) == (6, 2)
    assert ticks.latest_s == pytest.approx(0.02)

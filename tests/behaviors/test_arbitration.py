from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitway.behaviors import Arbiter, Source
from gaitway.errors import GaitwayError, UnknownNameError

TELEOP = Source(name="teleop", priority=100, timeout_s=0.5)
AGENT = Source(name="agent", priority=10, timeout_s=0.3)
IDLE = Source(name="idle", priority=1, timeout_s=2.0)
SOURCES = {source.name: source for source in (AGENT, TELEOP, IDLE)}


@given(st.lists(st.tuples(st.sampled_from(sorted(SOURCES)), st.floats(0.0, 1.0)), max_size=40))
def test_a_message_goes_through_unless_somebody_more_important_is_speaking(
    messages: list[tuple[str, float]],
) -> None:
    arbiter, now_s = Arbiter(list(SOURCES.values())), 0.0
    heard_s: dict[str, float] = {}
    for name, pause_s in messages:
        now_s += pause_s
        heard_s[name] = now_s
        overruled = any(
            SOURCES[other].priority > SOURCES[name].priority and now_s - at_s <= SOURCES[other].timeout_s
            for other, at_s in heard_s.items()
        )
        assert arbiter.heard(name, now_s) == (not overruled)


def test_an_agent_goes_on_when_the_person_has_let_go() -> None:
    arbiter = Arbiter([AGENT, TELEOP])
    assert arbiter.active(0.0) is None
    assert arbiter.heard("agent", 1.0)
    assert arbiter.heard("teleop", 1.1)
    assert not arbiter.heard("agent", 1.5)
    assert arbiter.active(1.5) == "teleop"
    assert arbiter.heard("agent", 1.7)
    assert arbiter.active(3.0) is None


@pytest.mark.parametrize(
    "sources",
    [[], [TELEOP, TELEOP], [TELEOP, Source(name="pad", priority=100, timeout_s=1.0)]],
)
def test_sources_that_cannot_be_told_apart_are_refused(sources: list[Source]) -> None:
    with pytest.raises(GaitwayError, match="names and priorities that differ"):
        Arbiter(sources)


def test_what_is_not_a_source_is_refused() -> None:
    with pytest.raises(GaitwayError, match="above 0"):
        Source(name="agent", priority=1, timeout_s=0.0)
    with pytest.raises(UnknownNameError, match="teleop"):
        Arbiter([TELEOP]).heard("telop", 0.0)

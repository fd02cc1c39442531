"""Replay buffers in tests."""

from __future__ import annotations

from gaitway.learning.replay import Replay


def refill(replay: Replay, source: Replay) -> None:
    """Let a buffer hold what another of its size holds, as a resumed run fills it again."""
    first = max(0, source.written - source.rows)
    replay.put_back(first, source.rows_from(first))
    replay.written = source.written

"""The root of every error that Gaitway raises for bad input."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class GaitwayError(Exception):
    """Input that Gaitway cannot use; the message says what was given and what would be right."""


class UnknownNameError(GaitwayError):
    """A name that is in no list; the message holds the nearest names and the whole list."""

    def __init__(self, kind: str, name: str, available: Iterable[str]):
        names = sorted(available)
        nearest = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
        hint = f"; did you mean {' or '.join(map(repr, nearest))}?" if nearest else ";"
        super().__init__(f"unknown {kind} {name!r}{hint} available: {', '.join(names) or 'none'}")

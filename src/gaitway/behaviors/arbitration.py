"""Which of several senders of velocities is obeyed: the most important one that is speaking, as twist_mux has it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from gaitway.errors import GaitwayError, UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Source:
    """One sender of velocities."""

    name: str
    priority: int
    """The greater, the more important."""
    timeout_s: float
    """Silence after which it counts as gone [s]."""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.timeout_s) and self.timeout_s > 0.0):
            raise GaitwayError(
                f"the timeout of source {self.name!r} must be finite and above 0 s; it is {self.timeout_s}"
            )


class Arbiter:
    """Lets the messages of one source at a time through."""

    def __init__(self, sources: Sequence[Source]):
        """Begin with every source silent.

        Raises:
            GaitwayError: there is no source, or two have the same name or priority.
        """
        names, priorities = [s.name for s in sources], [s.priority for s in sources]
        if not sources or len(set(names)) < len(names) or len(set(priorities)) < len(priorities):
            given = ", ".join(f"{s.name} ({s.priority})" for s in sources) or "none"
            raise GaitwayError(f"sources need names and priorities that differ; got {given}")
        self._sources = sorted(sources, key=lambda source: -source.priority)
        self._heard_s = dict.fromkeys(names, -math.inf)

    def heard(self, name: str, now_s: float) -> bool:
        """A message of a source came.

        Returns:
            Whether it goes through.

        Raises:
            UnknownNameError: there is no such source.
        """
        if name not in self._heard_s:
            raise UnknownNameError("source", name, self._heard_s)
        self._heard_s[name] = now_s
        return self.active(now_s) == name

    def active(self, now_s: float) -> str | None:
        """The source that is obeyed; None where all are silent."""
        for source in self._sources:
            if now_s - self._heard_s[source.name] <= source.timeout_s:
                return source.name
        return None

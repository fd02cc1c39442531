"""What can go wrong with a stream of messages, whatever they are messages of.

A fault stands between a sender and its topic: it is given every sample that is sent, and returns what is sent instead,
which may be nothing, the same, another, or several. A fault holds the state of one injection, so each is made anew.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from gaitway import rotation


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What one message says, without ROS. Its arrays are its own."""

    stamp_ns: int
    columns: Mapping[str, np.ndarray]
    """Values by field, such as "position" [rad] or "orientation" (wxyz)."""
    names: tuple[str, ...] = ()
    """The joint of each entry, where the message has names."""

    def with_column(self, column: str, values: np.ndarray) -> Sample:
        """The same with another column."""
        return replace(self, columns={**self.columns, column: values})

    def picked(self, order: list[int]) -> Sample:
        """The same with the entries at these places; empty columns stay empty."""
        columns = {name: values[order] if len(values) else values for name, values in self.columns.items()}
        return replace(self, names=tuple(self.names[i] for i in order), columns=columns)

    def index(self, joint: str) -> int:
        """Where the first entry stands whose joint's name contains `joint`; the first of all where none does."""
        return next((i for i, name in enumerate(self.names) if joint in name), 0)


Tamper = Callable[[Sample, float], list[Sample]]
"""What is sent instead of a sample, given the seconds since the injection."""


def value(column: str, given: float, joint: str = "") -> Tamper:
    """One entry has a value that nobody measured; a column that was empty is else zero."""

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        values = np.array(sample.columns[column], dtype=float)
        if not len(values):
            values = np.zeros(len(sample.names))
        values[sample.index(joint)] = given
        return [sample.with_column(column, values)]

    return tamper


def bias(column: str, offset: float, joint: str | None = None) -> Tamper:
    """One entry, or all of a column, is off by a constant."""

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        values = np.array(sample.columns[column], dtype=float)
        values[slice(None) if joint is None else sample.index(joint)] += offset
        return [sample.with_column(column, values)]

    return tamper


def tilted(angle_rad: float) -> Tamper:
    """The orientation is turned about the sensor's x axis."""
    turn = np.array([math.cos(angle_rad / 2.0), math.sin(angle_rad / 2.0), 0.0, 0.0])

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        return [sample.with_column("orientation", rotation.multiply(sample.columns["orientation"], turn))]

    return tamper


def noise(std: Mapping[str, float], seed: int = 0) -> Tamper:
    """Gaussian noise on columns, with the standard deviation of each."""
    rng = np.random.default_rng(seed)

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        for column, deviation in std.items():
            values = sample.columns[column]
            sample = sample.with_column(column, values + rng.normal(0.0, deviation, len(values)))
        return [sample]

    return tamper


def during(seconds: float, fault: Tamper) -> Tamper:
    """A fault that passes; of 0 s, one that strikes a single sample."""
    struck = False

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        nonlocal struck
        over = elapsed_s >= seconds and struck
        struck = True
        return [sample] if over else fault(sample, elapsed_s)

    return tamper


def dropout() -> Tamper:
    """Nothing is sent."""
    return lambda sample, elapsed_s: []


def frozen() -> Tamper:
    """The first reading is sent for ever, with fresh stamps."""
    first: Sample | None = None

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        nonlocal first
        first = first or sample
        return [replace(first, stamp_ns=sample.stamp_ns)]

    return tamper


def latency(largest_s: float, growth: float = math.inf) -> Tamper:
    """Everything comes late, by `largest_s` at once or growing to it by `growth` seconds per second."""
    waiting: deque[tuple[float, Sample]] = deque()

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        late_s = largest_s if math.isinf(growth) else min(largest_s, growth * elapsed_s)
        waiting.append((elapsed_s + late_s, sample))
        due = []
        while waiting and waiting[0][0] <= elapsed_s:
            due.append(waiting.popleft()[1])
        return due

    return tamper


def reordered(distance: int = 1) -> Tamper:
    """Every so many samples one comes late, after `distance` younger ones."""
    kept: Sample | None = None
    younger = 0

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        nonlocal kept, younger
        if kept is None:
            kept, younger = sample, 0
            return []
        younger += 1
        if younger < distance:
            return [sample]
        late, kept = kept, None
        return [sample, late]

    return tamper


def clock_jump(jump_s: float) -> Tamper:
    """The sender's clock has jumped."""
    return lambda sample, elapsed_s: [replace(sample, stamp_ns=sample.stamp_ns + round(jump_s * 1e9))]


def permuted() -> Tamper:
    """The joints come in the opposite order, each with its own values."""
    return lambda sample, elapsed_s: [sample.picked(list(range(len(sample.names)))[::-1])]


def repeated(joint: str) -> Tamper:
    """A joint is named twice."""
    return lambda sample, elapsed_s: [
        sample.picked([*range(len(sample.names)), sample.index(joint)])
    ]  # fmt: skip


def missing(joint: str) -> Tamper:
    """A joint is left out."""

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        left_out = sample.index(joint)
        return [sample.picked([i for i in range(len(sample.names)) if i != left_out])]

    return tamper


def renamed(joint: str, name: str) -> Tamper:
    """A joint has a name that the robot does not know."""

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        names = list(sample.names)
        names[sample.index(joint)] = name
        return [replace(sample, names=tuple(names))]

    return tamper


def extra(name: str) -> Tamper:
    """There is one joint more than the robot has."""

    def tamper(sample: Sample, elapsed_s: float) -> list[Sample]:
        more = sample.picked([*range(len(sample.names)), 0])
        return [replace(more, names=(*sample.names, name))]

    return tamper


def short(column: str) -> Tamper:
    """A column lacks its last value."""
    return lambda sample, elapsed_s: [sample.with_column(column, sample.columns[column][:-1])]

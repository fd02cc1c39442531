"""The bare physics of a simulation, to say how much of the time is spent on anything else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import mujoco
import numpy as np
from mujoco.batch import MODEL_FIELDS, Batch


class Stepped(Protocol):
    """What steps a batch: a `Simulation`, or an environment that has its batch to itself."""

    _batch: Batch


class Replay:
    """Writes down the physics steps of a simulation and takes them again on a bare `Batch`.

    The batch has the simulation's model, its fields of each robot and its number of threads. Before each control
    step it is given the simulation's state, pushes and resets included, so that it steps the same states.
    """

    def __init__(self, sim: Stepped):
        """Make the bare batch; nothing is written down yet."""
        self._sim = sim
        self.batch = _same_batch(sim._batch)
        self._calls: list[tuple[np.ndarray, int, np.ndarray | None]] = []

    @contextmanager
    def record(self) -> Iterator[None]:
        """Write down the physics steps taken inside, and forget earlier ones."""
        self._calls.clear()
        batch = self._sim._batch
        self._sim._batch = _Recorder(batch, self._calls)  # type: ignore[assignment]
        try:
            yield
        finally:
            self._sim._batch = batch

    def run(self) -> float:
        """Take the recorded steps again; returns the time of the physics alone [s]."""
        seconds = 0.0
        for state, nstep, control in self._calls:
            self.batch.state[:] = state
            start = time.perf_counter()
            if control is None:
                self.batch.step(nstep=nstep)
            else:
                self.batch.rollout(nstep, control, mujoco.mjtState.mjSTATE_CTRL, ())
            seconds += time.perf_counter() - start
        return seconds


class _Recorder:
    """A batch that keeps, of each call that steps, the state before it and its controls."""

    def __init__(self, batch: Batch, calls: list[tuple[np.ndarray, int, np.ndarray | None]]):
        self._batch = batch
        self._calls = calls

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def step(self, *, nstep: int) -> None:
        self._calls.append((self._batch.state.copy(), nstep, None))
        self._batch.step(nstep=nstep)

    def rollout(self, nstep: int, control: np.ndarray, *arguments: Any) -> dict:
        self._calls.append((self._batch.state.copy(), nstep, control))
        return self._batch.rollout(nstep, control, *arguments)


def _same_batch(batch: Batch) -> Batch:
    """A new batch of the same model, model fields of each simulation and number of threads; nothing is bound."""
    bare = Batch(batch.model, batch.nsim, batch.nthread)
    for name in MODEL_FIELDS:
        values = batch.expanded(name)
        if values is not None:
            bare.expand(name)[:] = values
    return bare

"""A task on physics that nobody trained on: what a policy has to bear on the way to a robot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from gaitway.sim import Randomization
from gaitway.tasks.task import Task

_EXTRA_LATENCY_S = 0.02


def _other_solver(task: Task) -> Task:
    """CG with elliptic friction cones at 2 ms, instead of Newton with pyramids at the task's time step."""
    return replace(
        task, solver="CG", cone="elliptic", physics_dt=0.002, decimation=round(task.step_dt / 0.002)
    )


def _friction(task: Task) -> Task:
    return replace(task, randomization=replace(_drawn(task), friction=(0.5, 0.5)))


def _payload(task: Task) -> Task:
    return replace(task, randomization=replace(_drawn(task), payload=(3.0, 3.0)))


def _latency(task: Task) -> Task:
    extra = _EXTRA_LATENCY_S / task.step_dt
    low, high = task.action.delay_steps
    return replace(task, action=replace(task.action, delay_steps=(low + extra, high + extra)))


def _drawn(task: Task) -> Randomization:
    return task.randomization or Randomization()


CHANGES: dict[str, Callable[[Task], Task]] = {
    "CG solver, elliptic cones, 2 ms": _other_solver,
    "friction 0.5": _friction,
    "payload 3 kg": _payload,
    "20 ms more latency": _latency,
}
"""Each change alone; whatever else differs between robots still does."""

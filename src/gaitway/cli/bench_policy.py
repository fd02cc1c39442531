"""`gaitway bench policy`: a control step of a policy file beside a raw call of the same network."""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from gaitway.errors import GaitwayError
from gaitway.machine import describe_machine, describe_versions
from gaitway.policy import PolicyRuntime, load_policy
from gaitway.policy.file import open_session
from gaitway.policy.shipped import find_policy

AIM = 1.3
"""The most that a control step should take of a raw call."""

_WARM_UP = 200


@dataclass(frozen=True, kw_only=True)
class BenchPolicy:
    """Time of one control step of a policy file, from raw sensor values to joint targets, beside onnxruntime alone.

    The raw call is `session.run` with its input made beforehand, on a session of its own with the same settings: one
    thread that does not spin. The two take turns.
    """

    policy: tyro.conf.Positional[str] = "h23_walk"
    """Policy file, or the name of one in the package."""
    steps: int = 5000
    """Control steps measured."""
    pause_s: float = 0.0
    """Time to sleep before each [s]; on a robot a control period passes, and caches forget."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if self.steps < 1 or not 0.0 <= self.pause_s < 10.0:
            raise GaitwayError("--steps must be at least 1, and --pause-s from 0 to 10")
        path = find_policy(self.policy)
        result = measure(load_policy(path), path.read_bytes(), self.steps, self.pause_s)
        result = {"policy": path.name, **result, "aim": AIM}
        result |= {"machine": describe_machine(), "versions": describe_versions()}
        if self.json:
            print(json.dumps(result, indent=2))
            return
        table = Table("", "p50 [us]", "p99 [us]", title=f"{path.name}, {self.steps} steps in turn")
        for name, label in (("raw_us", "onnxruntime alone"), ("step_us", "control step")):
            table.add_row(label, *(f"{result[name][quantile]:.1f}" for quantile in ("p50", "p99")))
        Console().print(table)
        Console().print(f"ratio of the medians: {result['ratio']:.2f} (aim: at most {AIM})")


def measure(runtime: PolicyRuntime, model: bytes, steps: int, pause_s: float = 0.0) -> dict[str, Any]:
    """Time control steps and raw calls in turn.

    Args:
        runtime: of the policy file.
        model: the file's content.
        steps: how many.
        pause_s: time to sleep before each [s].
    """
    session = open_session(model, "the network")
    trace = runtime.spec.golden_traces[0]
    inputs = {value.name: np.zeros((1, *value.shape[1:]), dtype=np.float32) for value in session.get_inputs()}
    inputs[session.get_inputs()[0].name][:] = trace.obs[0]
    columns = [trace.joint_pos, trace.joint_vel, trace.imu_quat_w, trace.imu_ang_vel]
    columns += [column for column in (trace.command, trace.base_lin_vel_b) if column is not None]
    rows = itertools.cycle([[np.array(value) for value in row] for row in zip(*columns, strict=True)])
    raw_us, step_us = [], []
    for _ in range(steps + _WARM_UP):
        row = next(rows)
        raw_us.append(_time_us(partial(session.run, None, inputs), pause_s))
        step_us.append(_time_us(partial(runtime.step, *row), pause_s))
    raw_us, step_us = raw_us[_WARM_UP:], step_us[_WARM_UP:]
    return {
        "steps": steps,
        "pause_s": pause_s,
        "raw_us": _summary(raw_us),
        "step_us": _summary(step_us),
        "ratio": statistics.median(step_us) / statistics.median(raw_us),
    }


def _time_us(call: Callable[[], object], pause_s: float) -> float:
    if pause_s > 0.0:
        time.sleep(pause_s)
    started = time.perf_counter()
    call()
    return 1e6 * (time.perf_counter() - started)


def _summary(values: list[float]) -> dict[str, float]:
    return {"p50": statistics.median(values), "p99": float(np.percentile(values, 99))}


COMMAND = BenchPolicy

"""`gaitway bench safety`: every fault against the three live processes, and what comes of it."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from rich.console import Console
from rich.table import Table

from gaitway.errors import GaitwayError
from gaitway.machine import describe_machine, describe_versions
from gaitway.policy.shipped import find_policy
from gaitway.progress import ProgressBar, progress_bar
from gaitway.robots import get_robot
from gaitway.ros import RosError, require_ros
from gaitway.ros.environment import stay_on_this_host
from gaitway.safety.faults import FAULTS, Fault, Response, find_fault

if TYPE_CHECKING:
    from gaitway.ros.fault_trial import Trial

_SPOILED_ALLOWED = 3


@dataclass(frozen=True, kw_only=True)
class BenchSafety:
    """Inject faults into a walking simulated robot, its supervisor and its controller, and watch what they do.

    Each fault is to be tolerated, limited, to degrade what the robot does, or to stop it within a stated time,
    counted from the first bad message or the loss of a process to the robot's damping. A stop must outlast the fault,
    and no joint may be commanded outside its limits. Runs in a ROS domain of its own.
    """

    policy: str = "h23_walk"
    """Walking policy: a file, or the name of one in the box."""
    robot: str = "h23"
    """Robot to simulate."""
    fault: tuple[str, ...] = ()
    """Faults, default all; an unknown name lists them."""
    runs: int = 20
    """Trials of each fault."""
    log_dir: Path = Path("runs/bench-safety")
    """Folder for the processes' output."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        faults = [find_fault(name) for name in dict.fromkeys(self.fault)] or list(FAULTS.values())
        if self.runs < 1:
            raise GaitwayError("--runs must be at least 1")
        require_ros()
        isolate()
        host = subprocess.Popen(
            [sys.executable, "-m", "gaitway.ros.host_timer"], stdout=subprocess.PIPE, text=True
        )
        try:
            with progress_bar("faults", self.runs * len(faults)) as bar:
                trials = self._trials(faults, bar)
        finally:
            host.terminate()
            late = host.communicate()[0]
        rows = [summary(fault, *trials[fault.name]) for fault in faults]
        result = {
            "policy": self.policy,
            "runs": self.runs,
            "faults": rows,
            "passed": all(row["passed"] for row in rows),
            "host_timer": json.loads(late),
            "machine": describe_machine(),
            "versions": describe_versions(),
        }
        if self.json:
            print(json.dumps(result, indent=2))
        else:
            _print(result)

    def _trials(self, faults: list[Fault], bar: ProgressBar) -> dict[str, tuple[list[Trial], list[str]]]:
        """The trials of each fault by its name, and why others were spoiled, on as few launches as can be."""
        done: dict[str, tuple[list[Trial], list[str]]] = {fault.name: ([], []) for fault in faults}

        def report(fault: Fault) -> None:
            bar.update(sum(len(trials) for trials, _ in done.values()), fault.name)

        for broken in (False, True):
            left = [fault for fault in faults if (fault.group == "commands") is broken]
            while left := [fault for fault in left if len(done[fault.name][0]) < self.runs]:
                try:
                    self._one_launch(left, broken, done, report)
                except RosError as error:
                    fault = next(fault for fault in left if len(done[fault.name][0]) < self.runs)
                    spoiled = done[fault.name][1]
                    spoiled.append(str(error))
                    if len(spoiled) > _SPOILED_ALLOWED:
                        raise
        return done

    def _one_launch(
        self,
        faults: list[Fault],
        broken_controller: bool,
        done: dict[str, tuple[list[Trial], list[str]]],
        report: Callable[[Fault], None],
    ) -> None:
        """Trials on one launch, until all are done or a process was killed."""
        from gaitway.ros.fault_trial import BLEND_S, FaultTrials
        from gaitway.ros.launching import launch_policy

        policy, robot = find_policy(self.policy), get_robot(self.robot)
        with launch_policy(
            policy, self.robot, self.log_dir, BLEND_S, faulty_controller=broken_controller
        ) as launch:
            on = FaultTrials(launch, robot)
            on.begin(faults[0])
            for fault in faults:
                while len(done[fault.name][0]) < self.runs:
                    report(fault)
                    done[fault.name][0].append(on.run(fault))
                    report(fault)
                    if on.over:
                        return


def isolate() -> None:
    """Keep to a ROS domain of this host that no robot listens in."""
    stay_on_this_host()
    os.environ["ROS_DOMAIN_ID"] = str(random.randint(1, 101))


def summary(fault: Fault, trials: Sequence[Trial], spoiled: Sequence[str]) -> dict[str, Any]:
    """What a fault's trials amount to, as one row.

    Args:
        fault: what was injected.
        trials: what came of it.
        spoiled: why trials were not made: the robot had stopped before, or could not be let go again.
    """
    reactions = [1e3 * trial.reaction_s for trial in trials if trial.reaction_s is not None]
    allowed_ms = None if fault.allowed_s is None else 1e3 * fault.allowed_s
    outside = sum(trial.commands_outside_limits for trial in trials)
    latched = [trial.latched for trial in trials if trial.observed == Response.STOP.value]
    in_time = allowed_ms is None or (bool(reactions) and max(reactions) <= allowed_ms)
    allowed = {fault.expected.value}
    if fault.expected is Response.STOP_IF_FALLING:
        allowed = {Response.STOP.value, Response.TOLERATE.value}
    as_expected = all(trial.observed in allowed for trial in trials)
    return {
        "name": fault.name,
        "group": fault.group,
        "description": fault.description,
        "magnitude": fault.magnitude,
        "expected": fault.expected.value,
        "observed": _counted([trial.observed for trial in trials]),
        "detected": _counted([trial.detected for trial in trials if trial.detected]),
        "reaction_ms": {"p95": float(np.percentile(reactions, 95)), "max": max(reactions)}
        if reactions
        else None,
        "allowed_ms": allowed_ms,
        "latched": all(latched) if latched else None,
        "commands_outside_limits": outside,
        "runs": len(trials),
        "spoiled": list(spoiled),
        "passed": as_expected and in_time and all(latched) and outside == 0,
        "trials": [asdict(trial) for trial in trials],
    }


def _counted(values: Sequence[str]) -> str:
    """The value that all have, or each with its count."""
    counts = Counter(values).most_common()
    return values[0] if len(counts) == 1 else ", ".join(f"{value} ({count})" for value, count in counts)


def _print(result: dict[str, Any]) -> None:
    table = Table(
        "fault", "magnitude", "expected", "observed", "detected by", "p95 / max, ms", "allowed", "", box=None
    )
    for row in result["faults"]:
        reaction, allowed = row["reaction_ms"], row["allowed_ms"]
        table.add_row(
            row["name"], row["magnitude"], row["expected"], row["observed"], row["detected"],
            f"{reaction['p95']:.0f} / {reaction['max']:.0f}" if reaction else "",
            f"{allowed:.0f}" if allowed else "", "ok" if row["passed"] else "[red]failed",
        )  # fmt: skip
    console = Console()
    console.print(table)
    late = result["host_timer"]["late_ms"]
    rows = result["faults"]
    console.print(
        f"{sum(row['passed'] for row in rows)} of {len(rows)} faults as expected in {result['runs']} runs each; "
        f"{sum(len(row['spoiled']) for row in rows)} runs spoiled; a bare timer beside them was late by "
        f"{late['p99']:.1f} ms (p99), {late['max']:.1f} ms (max)"
    )


COMMAND = BenchSafety

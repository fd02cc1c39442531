"""`gaitway preflight`: look at a robot before a policy first runs on it."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

import tyro
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gaitway.policy import PolicyError, load_policy
from gaitway.policy.file import policy_sha256
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.ros import RosError, require_ros
from gaitway.safety.preflight import Check, Verdict, not_repeated, verdict_on

if TYPE_CHECKING:
    from gaitway.ros.launching import Launch

_MARKS = {"pass": "[green]pass[/]", "warn": "[yellow]warn[/]", "fail": "[red]fail[/]", "skip": "[dim]skip[/]"}
_FIND_S, _START_S = 5.0, 30.0
_OTHERS_S = 1.0
_LIFT_M = 0.1
_LONGEST_S, _WIDEST_RAD = 600.0, 0.3


@dataclass(frozen=True, kw_only=True)
class PreflightCommand:
    """Look at a running robot, held on its gantry, before a policy runs on it.

    Without --home and --wiggle it only listens. The robot keeps the verdict, and after a fail policy_controller refuses
    to start this policy on it. Ends with 0 where nothing failed, with 1 after a fail.
    """

    policy: tyro.conf.Positional[str]
    """Policy file, or the name of one in the box."""
    robot: str | None = None
    """The robot, a path to a TOML file if it is not in the box; default by the name in the policy file."""
    seconds: float = 3.0
    """How long to listen [s]."""
    home: bool = False
    """Bring the held robot to its home pose first, and hold it there."""
    wiggle: bool = False
    """Go to the home pose, then move each joint a little: does the right one move, the right way?"""
    amplitude: float = 0.05
    """How far --wiggle moves a joint [rad]."""
    simulate: bool = False
    """Start a simulated robot, and look at that."""
    log_dir: Path = Path("runs/preflight")
    """Folder for the simulated robot's output."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Look, print, and leave the verdict with the robot."""
        if not (0.5 <= self.seconds <= _LONGEST_S and 0.0 < self.amplitude <= _WIDEST_RAD):
            raise PolicyError(
                f"--seconds must be within 0.5 .. {_LONGEST_S:g} and --amplitude above 0 and at most {_WIDEST_RAD} rad; "
                f"given {self.seconds} and {self.amplitude}"
            )
        path = find_policy(self.policy)
        runtime = load_policy(path)
        robot = get_robot(self.robot or runtime.spec.robot.name)
        require_ros()
        from gaitway.ros.kept_verdicts import keep_verdict, kept_verdicts
        from gaitway.ros.launching import Launch
        from gaitway.ros.preflight import preflight

        with Launch({}, self.log_dir) as launch, progress_bar("preflight", 1.0) as bar:
            if self.simulate:
                self._start_simulated(launch, self.robot or runtime.spec.robot.name)
            checks = preflight(
                launch.client,
                runtime,
                robot,
                listen_s=self.seconds,
                home=self.home,
                wiggle_rad=self.amplitude if self.wiggle else None,
                find_s=_START_S if self.simulate else _FIND_S,
                on_progress=lambda doing, share: bar.update(share, doing),
            )
            bar.update(1.0)
            policy_hash = policy_sha256(path)
            checks += not_repeated(verdict_on(policy_hash, kept_verdicts(launch.client)), checks)
            now = datetime.now(timezone.utc).isoformat(timespec="seconds")
            verdict, problem = Verdict.of(checks, policy_hash, now), None
            try:
                keep_verdict(launch.client, verdict)
            except RosError as error:
                problem = str(error)
        if self.json:
            print(json.dumps(_as_json(self.policy, verdict, checks, problem), indent=2))
        else:
            _print(str(path), verdict, checks, problem)
        if verdict.failed:
            sys.exit(1)

    def _start_simulated(self, launch: Launch, robot: str) -> None:
        from gaitway.ros import names

        launch.client.spin_for(_OTHERS_S)
        if launch.client.node.count_publishers(names.JOINT_STATES):
            raise RosError(
                f"a robot speaks on {names.JOINT_STATES} already; leave out --simulate, or use another ROS_DOMAIN_ID"
            )
        lift_m = _LIFT_M if self.wiggle else 0.0  # legs that stand on the ground cannot be moved
        launch.start("simulated_robot", [f"robot:={robot}", f"gantry_lift:={lift_m}"])


def _as_json(policy: str, verdict: Verdict, checks: list[Check], problem: str | None) -> dict:
    return {
        "policy": policy,
        **asdict(verdict),
        "passed": not verdict.failed,
        "kept_by_robot": problem is None,
        "checks": [asdict(check) for check in checks],
    }


def _print(path: str, verdict: Verdict, checks: list[Check], problem: str | None) -> None:
    console = Console()
    table = Table(box=None, title=f"preflight of {path}", title_justify="left")
    table.add_column("")
    table.add_column("check", overflow="fold")
    table.add_column("found", overflow="fold", ratio=1)
    table.add_column("what to do", overflow="fold", ratio=1)
    for check in checks:
        table.add_row(_MARKS[check.level], Text(check.name), Text(check.found), Text(check.advice))
    console.print(table)
    counts = {level: sum(check.level == level for check in checks) for level in _MARKS}
    said = ", ".join(f"{count} {level}" for level, count in counts.items() if count)
    console.print(f"{'failed' if verdict.failed else 'nothing failed'}: {said}")
    if problem is not None:
        console.print(f"the robot does not keep this verdict: {problem}", style="yellow")
    elif verdict.failed:
        console.print(
            "policy_controller refuses to start this policy on this robot until a preflight passes, or its parameter "
            "require_preflight is off"
        )


COMMAND = PreflightCommand

"""`gaitway inspect`: verify a policy file and show what it says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec
import tyro
from rich.console import Console
from rich.table import Table

from gaitway.policy import PolicySpec, load_policy
from gaitway.policy.file import REPLAY_TOLERANCE, replay_difference
from gaitway.policy.shipped import find_policy


@dataclass(frozen=True, kw_only=True)
class InspectCommand:
    """Replay a policy file's golden traces and show its contract."""

    policy: tyro.conf.Positional[str]
    """Policy file, or the name of one in the box."""
    json: bool = False
    """Print the whole spec as JSON, without the golden traces."""

    def run(self) -> None:
        """Verify and print."""
        path = find_policy(self.policy)
        runtime = load_policy(path)
        difference = replay_difference(runtime)
        if self.json:
            spec = msgspec.to_builtins(runtime.spec)
            traces = spec.pop("golden_traces")
            spec["verification"] = {
                "golden_traces": len(traces),
                "max_difference": difference,
                "tolerance": REPLAY_TOLERANCE,
            }
            print(json.dumps(spec, indent=2))
        else:
            _print(runtime.spec, path, difference)


def _print(spec: PolicySpec, path: Path, difference: float) -> None:
    console = Console()
    origin, steps = spec.origin, [len(trace.obs) for trace in spec.golden_traces]
    trained = (
        "elsewhere" if origin.env_steps is None else f"for {origin.env_steps:,} steps, seed {origin.seed}"
    )
    facts = Table(box=None, show_header=False, title=str(path), title_justify="left")
    for key, value in (
        ("task", f"{origin.task}, trained by {origin.algorithm} {trained}"),
        ("made", f"{origin.created} by Gaitway {origin.gaitway_version}, commit {(origin.source_commit or 'unknown')[:12]}"),
        ("source", origin.source or "Gaitway"),
        ("licence", origin.license),
        ("robot", f"{spec.robot.name}, {len(spec.robot.joint_names)} joints, model {spec.robot.model_sha256[:12]}"),
        ("rate", f"{1.0 / spec.step_dt:g} Hz"),
        ("action", f"{spec.action.kind}, clip {spec.action.clip:g}, trained with {spec.action.trained_delay_steps[0]} to {spec.action.trained_delay_steps[1]} steps of latency"),
        ("memory", "none" if spec.state is None else f"{spec.state.name}, shape {spec.state.shape}, zeros when an episode begins"),
        ("evaluation", ", ".join(f"{key} {value:.4g}" for key, value in origin.evaluation.items())),
        ("verified", f"golden traces of {steps} steps replay within {difference:.1e} (tolerance {REPLAY_TOLERANCE:g})"),
    ):  # fmt: skip
        facts.add_row(key, value)
    console.print(facts)

    terms = Table(box=None, title="observation", title_justify="left")
    for heading in ("term", "size", "unit", "frame", "scale", "history", "measured by"):
        terms.add_column(heading)
    for term in spec.observation:
        terms.add_row(
            term.name, str(term.size), term.unit, term.frame, f"{term.scale:g}", str(term.history), term.topic
        )
    console.print(terms)

    joints = Table(box=None, title="joints", title_justify="left")
    for heading in ("joint", "home", "range, rad", "kp", "kd", "effort", "speed", "scale", "speed seen"):
        joints.add_column(heading)
    robot = spec.robot
    for i, name in enumerate(robot.joint_names):
        low, high = robot.position_limit[i]
        joints.add_row(
            name, f"{robot.home_joint_pos[i]:.2f}", f"{low:.2f} .. {high:.2f}", f"{robot.stiffness[i]:g}",
            f"{robot.damping[i]:g}", f"{robot.effort_limit[i]:g}", f"{robot.velocity_limit[i]:g}",
            f"{spec.action.scale[i]:g}", f"{spec.envelope.joint_vel[i]:.2f}",
        )  # fmt: skip
    console.print(joints)


COMMAND = InspectCommand

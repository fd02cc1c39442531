"""Writes docs/results.md from the records in docs/results/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gaitway.files import write_atomically

DOCS = Path(__file__).parent.parent / "docs"


def records(pattern: str) -> list[dict[str, Any]]:
    """The records whose file name matches, in the order of their names."""
    return [json.loads(path.read_text()) for path in sorted((DOCS / "results").glob(pattern))]


def table(heads: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [heads, ["---"] * len(heads), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def demo_columns(record: dict[str, Any]) -> list[str]:
    """One training seed's figures, from training to the stop."""
    train, evaluation, live = record["train"], record["eval"], record["ros"]
    low, high = evaluation["survival_interval"]
    return [
        f"{train['seed']}",
        f"{train['seconds']:.0f}",
        f"{train['env_steps_per_second']:,.0f}",
        f"{evaluation['survival']:.3f} ({low:.3f} .. {high:.3f})",
        f"{evaluation['survival_zero_action']:.3f}",
        f"{record['export']['max_abs_difference']:.1e}",
        f"{live['command_rate_hz']:.2f}",
        f"{live['latency_ms']['p50']:.1f} / {live['latency_ms']['p99']:.1f}",
        "yes" if live["fell"] else "no",
        "-" if live["stop"]["latency_ms"] is None else f"{live['stop']['latency_ms']:.1f}",
        "yes" if live["stop"]["latched"] else "no",
        f"{live['host_timer']['late_ms']['p99']:.1f} / {live['host_timer']['late_ms']['max']:.1f}",
    ]


DEMO_ROWS = [
    ("training seed", ""),
    ("training time [s]", "at most 180"),
    ("environment steps/s", ""),
    ("share of 256 robots upright after 20 s (95 % Wilson)", "at least 0.95"),
    ("the same at zero action", "0.2 to 0.5"),
    ("largest difference of ONNX and torch", "1e-5 max(1, abs a)"),
    ("command rate [Hz]", "49.5 to 50.5"),
    ("sensor to command, p50 / p99 [ms]", "p99 at most 10"),
    ("fell in 20 s with three pushes of 5.6 N s", "no"),
    ("stop request to damping [ms]", "at most 60"),
    ("stop latched until the reset service", "yes"),
    ("bare timer beside it late, p99 / max [ms]", ""),
]


def write_results() -> None:
    """Write the page."""
    demos = records("accept-01-demo-seed-*.json")
    columns = [demo_columns(record) for record in demos]
    rows = [[name, aim, *(column[i] for column in columns)] for i, (name, aim) in enumerate(DEMO_ROWS)]
    parts = [
        "# Measured results",
        "Written by `make accept-01` from its records in `docs/results/`, which hold more figures, the commit, the "
        "machine and the versions.",
        "## `make demo`, three training seeds",
        table(["", "aim", *[""] * len(demos)], rows),
        machine_line(demos),
    ]
    for bench in records("accept-01-bench-sim.json"):
        parts += [
            "## `gaitway bench sim`",
            f"Task `{bench['task']}` with {bench['num_envs']} robots: {bench['env_steps_per_second']:,.0f} "
            f"environment steps/s, {bench['ratio']:.2f} of stepping the bare `mujoco.batch.Batch` of the same model "
            f"({bench['batch_steps_per_second']:,.0f}; median of {len(bench['ratios'])} repetitions measured in "
            f"turn; aim: at least {bench['aim']:.2f}).",
            machine_line([bench]),
        ]
    write_atomically(DOCS / "results.md", "\n\n".join(parts) + "\n")


def machine_line(measured: list[dict[str, Any]]) -> str:
    """Where and when records were made."""
    lines = {
        f"{record['machine']['processor']}, {record['machine']['cores']} cores, {record['machine']['date']}, "
        f"commit {record['commit'][:12]}"
        for record in measured
    }
    return "\n".join(f"Measured on {line}." for line in sorted(lines))


if __name__ == "__main__":
    write_results()

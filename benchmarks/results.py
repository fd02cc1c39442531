"""Writes docs/results.md from the records in docs/results/."""

from __future__ import annotations

import json
import math
import statistics
from pathlib import Path
from typing import Any

from fault_trials import HEADS, fault_rows, fill_page

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
    parts = [
        "# Measured results",
        "Written by `make accept-01` to `accept-05` from their records in `docs/results/`, which hold more "
        "figures, the commit, the machine and the versions.",
        *demo_section(),
        *task_speed_section(),
        *speed_section(),
        *training_speed_section(),
        *walking_section(),
        *changed_physics_section(),
        *walk_to_section(),
        *retraining_section(),
        *comparison_section(),
        *resume_section(),
        *navigate_section(),
        *memory_section(),
        *false_stops_section(),
        *q_learning_section(),
        *messages_section(),
        *inference_section(),
        *executors_section(),
        *camera_section(),
    ]
    write_atomically(DOCS / "results.md", "\n\n".join(parts) + "\n")
    write_fault_table()


def demo_section() -> list[str]:
    """The demo, three training seeds."""
    demos = records("accept-01-demo-seed-*.json")
    columns = [demo_columns(record) for record in demos]
    rows = [[name, aim, *(column[i] for column in columns)] for i, (name, aim) in enumerate(DEMO_ROWS)]
    return [
        "## `make demo`, three training seeds",
        table(["", "aim", *[""] * len(demos)], rows),
        machine_line(demos),
    ]


def task_speed_section() -> list[str]:
    """One task beside the bare batch."""
    parts = []
    for bench in records("accept-01-bench-sim.json"):
        parts += [
            "## `gaitway bench sim --task stand`",
            f"Task `{bench['task']}` with {bench['num_envs']} robots: {bench['env_steps_per_second']:,.0f} "
            f"environment steps/s, {bench['ratio']:.2f} of stepping the bare `mujoco.batch.Batch` of the same model "
            f"({bench['batch_steps_per_second']:,.0f}; median of {len(bench['ratios'])} repetitions measured in "
            f"turn; aim: at least {bench['aim']:.2f}).",
            machine_line([bench]),
        ]
    return parts


def speed_section() -> list[str]:
    """The simulation beside the bare batch and other libraries."""
    parts = []
    for bench in records("accept-02-bench-sim.json"):
        speeds = [
            [name, f"{row['steps_per_second']:,.0f}", str(row["num_envs"]), row["workers"]]
            for name, row in bench["speeds"].items()
        ]
        parts += [
            "## `gaitway bench sim`",
            table(["control steps of single robots", "per second", "robots", "on"], speeds),
            ratios_table(bench),
            "With the physics alone, and nothing observed or rewarded, the Humanoid would be at "
            + " and ".join(
                f"{bench[f'humanoid_bare_vs_{other}']:.2f} (`{other}`)"
                for other in ("envpool", "gymnasium_async")
                if bench[f"humanoid_vs_{other}"] is not None
            )
            + ".",
            machine_line([bench]),
        ]
    return parts


def training_speed_section() -> list[str]:
    """PPO part by part, beside bare physics and Stable-Baselines3."""
    parts = []
    for bench in records("accept-02-bench-train.json"):
        shares = [[name, f"{value:.1f}"] for name, value in bench["microseconds_per_sample"].items()]
        parts += [
            "## `gaitway bench train`",
            f"PPO on `{bench['task']}` with {bench['num_envs']} robots: {bench['ppo_samples_per_second']:,.0f} "
            f"samples/s, everything included; the bare physics of the same states "
            f"{bench['bare_steps_per_second']:,.0f} steps/s. On Humanoid-v5 "
            f"{bench['humanoid_ppo_samples_per_second']:,.0f} samples/s with {bench['humanoid_num_envs']} robots, "
            f"Stable-Baselines3 {bench['sb3_ppo_samples_per_second']:,.0f} with {bench['sb3_processes']} processes.",
            table(["part", "microseconds per sample"], shares),
            ratios_table(bench),
            machine_line([bench]),
        ]
    return parts


def ratios_table(bench: dict[str, Any]) -> str:
    """The ratios of a benchmark beside their aims."""
    rows = [
        [f"`{key}`", f"at least {aim:.2f}", "-" if bench[key] is None else f"{bench[key]:.2f}"]
        for key, aim in bench["aims"].items()
    ]
    return table(["ratio", "aim", "measured"], rows)


EVALUATION_COLUMNS = [
    "survival (95 % Wilson)",
    "velocity error [m/s]",
    "yaw rate error [rad/s]",
    "with pushes",
]


def evaluation_cells(figures: dict[str, Any]) -> list[str]:
    """Survival and tracking errors."""
    low, high = figures["survival_interval"]
    return [
        f"{figures['survival']:.3f} ({low:.3f} .. {high:.3f})",
        f"{figures['velocity_error_rms']:.3f}",
        f"{figures['yaw_rate_error_rms']:.3f}",
        f"{figures['velocity_error_rms_with_pushes']:.3f} / {figures['yaw_rate_error_rms_with_pushes']:.3f}",
    ]


def walking_section() -> list[str]:
    """The shipped policy under full randomisation."""
    runs = records("accept-02-eval-seed-*.json")
    if not runs:
        return []
    rows = [["aim", "at least 0.97", "at most 0.15", "at most 0.15", ""]]
    for run in runs:
        rows.append([f"seed {run['seed']}, {run['robots']} episodes", *evaluation_cells(run)])
        rows.append(["the same at zero action", *evaluation_cells(run["zero_action"])])
    return ["## `gaitway eval h23_walk`", table(["", *EVALUATION_COLUMNS], rows), machine_line(runs)]


def changed_physics_section() -> list[str]:
    """The shipped policy on physics that nobody trained on."""
    parts = []
    for run in records("accept-02-changed-physics.json"):
        rows = [["aim", "at least 0.9", "", "", ""], ["as trained", *evaluation_cells(run)]]
        rows += [[name, *evaluation_cells(figures)] for name, figures in run["changed_physics"].items()]
        parts += [
            "## The same on changed physics",
            table(["", *EVALUATION_COLUMNS], rows),
            machine_line([run]),
        ]
    return parts


def walk_to_section() -> list[str]:
    """Walks over ROS 2."""
    runs = {
        odometry: records(f"accept-02-walk-to-{odometry}.json") for odometry in ("ground-truth", "estimated")
    }
    rows, measured = [], []
    for odometry, found in runs.items():
        for run in found:
            walks = run["walks"]
            seconds = sum(walk["seconds"] for walk in walks)
            late = sum(walk["late_commands"] * walk["seconds"] for walk in walks) / seconds
            rows.append(
                [
                    f"{odometry} odometry",
                    f"{run['reached']} of {len(walks)}",
                    str(run["fell"]),
                    f"{min(walk['command_rate_hz'] for walk in walks):.2f}",
                    f"{100 * late:.2f} %",
                    f"{max(walk['odometry_error_m'] for walk in walks):.2f}",
                ]
            )
            measured.append(run)
    if not rows:
        return []
    heads = ["", "reached", "fell", "lowest rate [Hz]", "late commands", "largest odometry error [m]"]
    return [
        "## `gaitway launch walk --to`: a goal 5 m away, in ten directions",
        table(heads, [["aim", "all", "0", "50", "0.1 %", ""], *rows]),
        machine_line(measured),
    ]


def retraining_section() -> list[str]:
    """The recipe, run again."""
    parts = []
    for run in records("accept-02-retrain.json"):
        parts += [
            "## `gaitway train walk`, trained again",
            f"Seed {run['seed']}: {run['env_steps']:,} environment steps in {run['training_s'] / 60:.0f} min.",
            table(["", *EVALUATION_COLUMNS], [["retrained", *evaluation_cells(run["evaluation"])]]),
            machine_line([run]),
        ]
    return parts


def comparison_section() -> list[str]:
    """Every algorithm beside Stable-Baselines3."""
    runs = records("accept-03-compare-*.json")
    if not runs:
        return []
    rows = [comparison_cells(run) for run in runs]
    heads = [
        "algorithm, environment", "samples", "seeds", "Gaitway", "Stable-Baselines3", "difference (95 % bootstrap)",
        "not inferior by over 10 %", "time to return", "times faster (aim)", "whole run, times faster",
    ]  # fmt: skip
    return [
        "## Algorithms beside Stable-Baselines3",
        "Mean return of the last evaluation (10 episodes without exploration) over seeds, after the same number of "
        "samples, except where two numbers are given. Time is that of learning without evaluations, to the first "
        "evaluation that reaches the return, median over seeds. The records hold both settings, every seed and the versions; settings of the reference "
        "are its defaults unless the record says otherwise.",
        table(heads, rows),
        *comparison_notes(runs),
        machine_line(runs),
    ]


def comparison_notes(runs: list[dict[str, Any]]) -> list[str]:
    """What is to be known of the figures, each note once."""
    notes: dict[str, list[str]] = {}
    for run in runs:
        if note := run.get("note"):
            notes.setdefault(note, []).append(comparison_name(run))
    return [f"{'; '.join(names)}: {note}" for note, names in notes.items()]


def comparison_name(run: dict[str, Any]) -> str:
    """One algorithm on one environment."""
    return f"{' '.join(part for part in (run['algo'], run.get('variant')) if part)}, {run['env_id']}"


def comparison_cells(run: dict[str, Any]) -> list[str]:
    """One algorithm on one environment."""
    low, high = run["difference_interval"]
    verdict = "yes" if run["interval_not_inferior"] else "mean only" if run["mean_not_inferior"] else "no"
    aim = f" ({run['faster_aim']:g})" if run["faster_aim"] else ""
    faster = "-" if run["times_faster"] is None else f"{run['times_faster']:.1f}"
    whole_faster = statistics.median(run["their_seconds"]) / statistics.median(run["our_seconds"])
    return [
        comparison_name(run),
        f"{run['env_steps']:,}"
        + (f" / {steps:,}" if (steps := run["reference_steps"]) != run["env_steps"] else ""),
        str(len(run["our_returns"])),
        f"{statistics.fmean(run['our_returns']):.0f}",
        f"{statistics.fmean(run['their_returns']):.0f}",
        f"{run['difference']:+.0f} ({low:+.0f} .. {high:+.0f})",
        verdict,
        f"{run['threshold']:g}: {seconds_cell(run['our_seconds_to_threshold'])} / "
        f"{seconds_cell(run['their_seconds_to_threshold'])}",
        faster + aim,
        f"{seconds_cell(run['our_seconds'])} / {seconds_cell(run['their_seconds'])}, {whole_faster:.1f}",
    ]


def seconds_cell(seconds: list[float | None]) -> str:
    """The median, where at least half of the seeds came so far."""
    median = statistics.median(math.inf if value is None else value for value in seconds)
    return f"{median:.0f} s" if math.isfinite(median) else "not reached"


def resume_section() -> list[str]:
    """Trainings that were killed, and threads of physics."""
    kills = records("accept-03-kill-*.json")
    rows = [
        [f"`{run['command']}`", f"{len(run['kills'])} kills", str(run["tensors"]), str(len(run["differing"]))]
        for run in kills
    ]
    threads = records("accept-03-sim-threads.json")
    rows += [
        ["`--sim-threads 1` and `2`", "", str(run["tensors"]), str(len(run["differing"]))] for run in threads
    ]
    if not rows:
        return []
    return [
        "## Exact resume",
        "Each training was killed with SIGKILL at random moments, resumed, and compared bit by bit with one that "
        "never was: all that the last checkpoint holds.",
        table(["", "", "tensors", "that differ (aim: 0)"], rows),
        machine_line([*kills, *threads]),
    ]


def navigate_section() -> list[str]:
    """Algorithms of discrete actions on the task of skills."""
    runs = records("accept-03-navigate-*.json")
    if not runs:
        return []
    rows = [
        [run["algo"], f"{run['env_steps']:,}", f"{run['seconds']:.0f} s", *outcome_cells(run["learned"])]
        for run in runs
    ]
    rows += [
        [what, "", "", *outcome_cells(runs[0][key])]
        for what, key in (("straight to the goal", "straight"), ("random skills", "random"))
    ]
    return [
        "## Reaching a goal by skills",
        f"`navigate`: {runs[0]['episodes']} courses that no policy was trained or chosen on; the best policy of a run by "
        "its evaluations, beside rules that learn nothing.",
        table(["", "samples", "time", "reached", "collided", "mean return"], rows),
        machine_line(runs),
    ]


def outcome_cells(figures: dict[str, float]) -> list[str]:
    """How episodes of `navigate` ended."""
    shares = [f"{100 * figures[name]:.0f} %" for name in ("eval/reached", "eval/collided")]
    return [*shares, f"{figures['eval/return']:.2f}"]


def memory_section() -> list[str]:
    """Memory over half an hour."""
    parts = []
    for run in records("accept-03-memory.json"):
        parts += [
            "## Memory of a long training",
            f"`{run['command']}`: {run['mean_mib']:.0f} MiB resident, growing by {100 * run['growth_share']:.2f} % in "
            f"30 minutes (aim: at most {100 * run['aim']:.0f} %).",
            machine_line([run]),
        ]
    return parts


def write_fault_table() -> None:
    """Write the table of faults into docs/safety.md."""
    runs = records("accept-04-faults-*.json")
    if not runs:
        return
    rows = fault_rows(runs)
    passed = sum(row["passed"] for run in runs for row in run["faults"])
    outside = sum(row["commands_outside_limits"] for run in runs for row in run["faults"])
    spoiled = sum(len(row["spoiled"]) for run in runs for row in run["faults"])
    late = max(run["host_timer"]["late_ms"]["max"] for run in runs)
    text = [
        table(HEADS, rows),
        f"{passed} of {len(rows)} faults were answered as expected in every run; {outside} commands outside limits "
        f"reached a joint; {spoiled} runs were made again because the robot had stopped before the fault. A bare timer "
        f"beside them was late by at most {late:.0f} ms.",
        machine_line(runs),
    ]
    fill_page(DOCS / "safety.md", "\n\n".join(text))


def false_stops_section() -> list[str]:
    """Stops of robots that do nothing wrong."""
    batches, sittings = (
        records("accept-04-false-stops-[0-9]*.json"),
        records("accept-04-false-stops-live-*.json"),
    )
    rows = []
    if batches:
        total = {
            name: sum(run[name] for run in batches)
            for name in ("robot_hours", "false_stops", "falls", "falls_stopped")
        }
        fell = f"{total['falls']} falls, {total['falls_stopped']} of them stopped before"
        rows.append(
            [f"{total['robot_hours']:.0f} robot-hours in simulation", str(total["false_stops"]), fell]
        )
    if sittings:
        minutes = sum(run["seconds"] for run in sittings) / 60.0
        commands, late = (sum(run[name] for run in sittings) for name in ("commands", "late_commands"))
        rows.append(
            [
                f"{minutes:.0f} live minutes over ROS 2",
                str(sum(len(run["stops"]) for run in sittings)),
                f"{100 * late / commands:.2f} % of commands late",
            ]
        )
    if not rows:
        return []
    return [
        "## False stops",
        table(["walking and standing, with noise and pushes", "false stops (aim: 0)", ""], rows),
        machine_line([*batches, *sittings]),
    ]


def q_learning_section() -> list[str]:
    """What the agent of Q-learning learned, beside each of its actions alone."""
    runs = records("accept-05-q-learning-*.json")
    if not runs:
        return []
    names = list(runs[0]["evaluations"])
    rows = [
        [
            str(run["seed"]),
            f"{run['learning']['ticks']:,} in {run['learning']['seconds'] / 60:.0f} min",
            *(f"{each['mean_return']:.1f} ({each['falls']})" for each in run["evaluations"].values()),
            "yes" if run["beats_best_action"] else "no",
        ]
        for run in runs
    ]
    means = {name: [run["evaluations"][name]["mean_return"] for run in runs] for name in names}
    rows.append(["mean", "", *(f"{statistics.fmean(means[name]):.1f}" for name in names), ""])
    impulse = math.hypot(*runs[0]["pushes"]["push.impulse"])
    return [
        "## Q-learning over ROS 2",
        f"`q_learning_agent` in lock-step with the walking robot, which is pushed by {impulse:g} N s from one side every "
        f"{runs[0]['pushes']['push.every_s']:g} s. Mean return of {runs[0]['evaluations']['learned']['episodes']} episodes "
        f"of {runs[0]['episode_ticks']} ticks (and falls): of what was learned, without exploration, and of each action "
        "alone.",
        table(["seed", "ticks", *names, "beats the best action (aim: all)"], rows),
        machine_line(runs),
    ]


def messages_section() -> list[str]:
    """Latency and CPU of the nodes."""
    parts = []
    for run in records("accept-05-bench-ros.json"):
        aims = run["aims"]
        rows = [
            [label, "", f"{run[key]['p50']:.2f} / {run[key]['p99']:.2f}"]
            for key, label in (
                ("chain_ms", "joint state to its command, p50 / p99 [ms]"),
                ("bare_ms", "bare messages there and back, p50 / p99 [ms]"),
            )
        ]
        rows += [
            ["onnxruntime alone [ms]", "", f"{run['inference_ms']:.2f}"],
            ["`messages_vs_bare`", f"at most {aims['messages_vs_bare']:g}", f"{run['messages_vs_bare']:.2f}"],
        ]
        for name, share in run["cpu"].items():
            rows.append([f"CPU of {name} [cores]", f"at most {aims['cpu']:g}", f"{share:.2f}"])
        for name, share in run["cpu_bare"].items():
            rows.append([f"CPU of {name} [cores]", "", f"{share:.2f}"])
        parts += ["## `gaitway bench ros`", table(["", "aim", "measured"], rows), machine_line([run])]
    return parts


def inference_section() -> list[str]:
    """A control step beside a raw call of its network."""
    parts = []
    for run in records("accept-05-bench-policy.json"):
        parts += [
            "## `gaitway bench policy`",
            f"A control step of `{run['policy']}`: p50 {run['step_us']['p50']:.1f} us, p99 {run['step_us']['p99']:.1f} us; "
            f"onnxruntime alone {run['raw_us']['p50']:.1f} and {run['raw_us']['p99']:.1f} us; ratio of the medians "
            f"{run['ratio']:.2f} (aim: at most {run['aim']:g}; {run['steps']:,} steps in turn).",
            machine_line([run]),
        ]
    return parts


def executors_section() -> list[str]:
    """One node on three executors."""
    parts = []
    for measured in records("accept-05-executors.json"):
        rows = [
            [
                run["load"],
                run["executor"],
                *(f"{run[count]:,.0f}" for count in ("received", "dropped", "ticks", "missed_ticks")),
                f"{run['latest_tick_ms']:.0f}",
                f"{run['cpu_cores']:.2f}",
            ]
            for run in measured["runs"]
        ]
        heads = [
            "messages",
            "executor",
            "received",
            "dropped",
            "ticks",
            "missed",
            "latest tick [ms]",
            "CPU [cores]",
        ]
        parts += [
            "## `concurrent_agent` on three executors",
            f"{measured['seconds']:g} s each.",
            table(heads, rows),
            machine_line([measured]),
        ]
    return parts


def camera_section() -> list[str]:
    """Control with and without pictures."""
    parts = []
    for measured in records("accept-05-camera.json"):
        rows = [
            [
                f"{run['camera_hz']:g}",
                f"{run['pictures_hz']:.1f}",
                f"{run['command_rate_hz']:.2f}",
                f"{100 * run['late_commands']:.2f} %",
                f"{run['latency_p50_ms']:.1f}",
                f"{run['latency_p99_ms']:.1f}",
            ]
            for run in sorted(measured["runs"], key=lambda run: run["camera_hz"])
        ]
        heads = [
            "pictures asked for [Hz]",
            "drawn [Hz]",
            "commands [Hz]",
            "late",
            "latency p50 [ms]",
            "p99 [ms]",
        ]
        parts += [
            "## What the camera costs",
            f"`{measured['policy_file']}` over ROS 2 among obstacles, runs of {measured['seconds']:g} s with and without "
            "pictures, made in turn.",
            table(heads, rows),
            machine_line([measured]),
        ]
    return parts


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

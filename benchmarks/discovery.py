"""How soon a new node is heard, and for how long its messages are held back: over loopback, and as ROS 2 has it.

    python benchmarks/discovery.py [--runs 20]

Gaitway's nodes speak over UDP on the loopback interface (`src/gaitway/ros/loopback.xml`). With ROS 2's own
ROS_AUTOMATIC_DISCOVERY_RANGE=LOCALHOST they would use shared memory. Each run starts a simulated robot and the agent
`joint_pid` and listens to its commands, which come at 100 Hz, for some seconds; the two ways take turns. Prints a
table and writes `docs/results/discovery.json`.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from acceptance import RESULTS
from rich.console import Console
from rich.table import Table

from gaitway.files import write_atomically
from gaitway.machine import describe_machine, describe_versions
from gaitway.progress import progress_bar
from gaitway.ros.environment import stay_on_this_host

WAYS = ("loopback", "localhost")
LISTEN_S = 5.0
HELD_BACK_S = 0.2
"""A robot is stopped where no command comes for half as long."""


def run_once() -> dict[str, float]:
    """Start both nodes, and listen: when the first command came, and the longest time between two [s]."""
    import rclpy
    from sensor_msgs.msg import JointState

    from gaitway.ros import names
    from gaitway.ros.launching import Launch
    from gaitway.ros.node_main import steady_s

    commands = {"simulated_robot": ["robot:=h23"], "agents.joint_pid": []}
    heard: list[float] = []
    with tempfile.TemporaryDirectory() as log_dir:
        started_s = steady_s()
        with Launch(commands, Path(log_dir)) as launch:
            launch.client.node.create_subscription(
                JointState, names.JOINT_COMMANDS, lambda _: heard.append(steady_s()), names.WATCH_IN
            )
            launch.client.spin_until(lambda: bool(heard), 20.0)
            launch.client.spin_for(LISTEN_S)
    rclpy.try_shutdown()
    return {"first_s": heard[0] - started_s, "longest_gap_s": float(np.diff(heard).max())}


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--runs", type=int, default=20, help="how often each way (default: %(default)s)")
    parser.add_argument("--once", choices=WAYS, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        stay_on_this_host()
        if args.once == "localhost":
            del os.environ["FASTDDS_DEFAULT_PROFILES_FILE"]
            os.environ["ROS_AUTOMATIC_DISCOVERY_RANGE"] = "LOCALHOST"
        print(json.dumps(run_once()))
        return
    runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
    with progress_bar("discovery", args.runs * len(WAYS)) as bar:
        for i in range(args.runs):
            for way in WAYS:
                done = subprocess.run(
                    [sys.executable, __file__, "--once", way],
                    stdout=subprocess.PIPE, text=True, check=True,
                )  # fmt: skip
                runs[way].append(json.loads(done.stdout))
                bar.update(len(WAYS) * i + len(runs[way]))
    table = Table("way", "first command (s): median", "p95", "messages held back", "longest gap (s)")
    for way, results in runs.items():
        first, gap = (np.array([r[key] for r in results]) for key in ("first_s", "longest_gap_s"))
        held = f"{(gap > HELD_BACK_S).sum()} of {len(gap)} runs"
        p95 = np.quantile(first, 0.95)
        table.add_row(way, f"{np.median(first):.2f}", f"{p95:.2f}", held, f"{gap.max():.3f}")
    Console().print(table)
    record = {"machine": describe_machine(), "versions": describe_versions(), "runs": runs}
    write_atomically(RESULTS / "discovery.json", json.dumps(record, indent=2) + "\n")


if __name__ == "__main__":
    main()

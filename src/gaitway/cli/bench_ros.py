"""`gaitway bench ros`: latency and CPU of the running nodes beside a bare exchange of messages."""

from __future__ import annotations

import functools
import json
import os
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import tyro
from rich.console import Console
from rich.table import Table

from gaitway.cli.bench_policy import measure as measure_inference
from gaitway.errors import GaitwayError
from gaitway.machine import describe_machine, describe_versions
from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.ros import RosError, require_ros

if TYPE_CHECKING:
    from gaitway.ros.launching import Launch

AIMS = {"messages_vs_bare": 1.5, "cpu": 0.25}
"""The most that the chain's messages should take of bare ones, and a node of one core."""

_SENSOR_HZ = 200.0
_SETTLE_S = 3.0
_INFERENCE_STEPS = 150


@dataclass(frozen=True, kw_only=True)
class BenchRos:
    """Latency and CPU of robot, supervisor and controller, each in a process of its own, in steady state.

    The chain is from the publication of a joint state to the arrival of its command at the robot: two messages and a
    control step. The robot hangs on its gantry, so that no fall ends the run, and the policy runs. Beside it, in the same seconds and on the same executor, two bare nodes send a JointState of 23 joints
    there and back at the rate of the sensors.
    """

    policy: tyro.conf.Positional[str] = "h23_walk"
    """Policy file, or the name of one in the package."""
    robot: str = "h23"
    """Robot to simulate."""
    run_s: float = 20.0
    """Time to measure [s]."""
    log_dir: Path | None = None
    """Folder for the processes' output; default a temporary one."""
    json: bool = False
    """Print JSON."""

    def run(self) -> None:
        """Measure and print."""
        if not 1.0 <= self.run_s <= 3600.0:
            raise GaitwayError(f"--run-s must be from 1 to 3600 s; got {self.run_s:g}")
        require_ros()
        with tempfile.TemporaryDirectory() as folder:
            result = self._measure(self.log_dir or Path(folder))
        result |= {"aims": AIMS, "machine": describe_machine(), "versions": describe_versions()}
        if self.json:
            print(json.dumps(result, indent=2))
            return
        Console().print(_table(result))
        Console().print(
            f"messages_vs_bare: {result['messages_vs_bare']:.2f} (aim: at most {AIMS['messages_vs_bare']})\n"
            f"busiest node: {max(result['cpu'].values()):.2f} of a core (aim: at most {AIMS['cpu']})"
        )

    def _measure(self, log_dir: Path) -> dict[str, Any]:
        from gaitway.ros.launching import Launch

        policy = find_policy(self.policy)
        runtime = load_policy(policy)
        load = os.getloadavg()[0]
        robot, loaded = f"robot:={self.robot}", f"policy:={policy.resolve()}"
        commands = {
            "simulated_robot": [robot],
            "safety_supervisor": [robot, loaded],
            "policy_controller": [robot, loaded, "blend_s:=0.0", "policy_on_gantry:=true"],
            "pong": [],
            "ping": [f"rate_hz:={_SENSOR_HZ}"],
        }
        with Launch(commands, log_dir) as launch:
            figures = _exchange(launch, self.run_s)
            control_hz = 1.0 / runtime.spec.step_dt
            inference = measure_inference(
                runtime, policy.read_bytes(), _INFERENCE_STEPS, runtime.spec.step_dt
            )
            launch.check()
        inference_ms = 1e-3 * inference["raw_us"]["p50"]
        messages_ms = figures["chain_ms"]["p50"] - inference_ms
        return {
            "policy": policy.name,
            "run_s": self.run_s,
            "control_hz": control_hz,
            "sensor_hz": _SENSOR_HZ,
            "load_before": load,
            **figures,
            "inference_ms": inference_ms,
            "control_step_ms": 1e-3 * inference["step_us"]["p50"],
            "one_way_ms": {
                "chain": messages_ms / 2.0,
                "bare": figures["bare_ms"]["p50"] / 2.0,
            },
            "messages_vs_bare": messages_ms / figures["bare_ms"]["p50"],
        }


def _note(values: list[float], message: Any) -> None:
    values.append(message.data)


def _exchange(launch: Launch, run_s: float) -> dict[str, Any]:
    """Start control and listen to both exchanges for a while, and see how busy the processes are."""
    import psutil
    from std_msgs.msg import Float64

    from gaitway.ros import names
    from gaitway.ros.node_main import steady_s
    from gaitway.ros.ping import ROUND_TRIP

    heard: dict[str, list[float]] = {names.ROBOT_COMMAND_LATENCY: [], ROUND_TRIP: []}
    for topic, values in heard.items():
        hear = functools.partial(_note, values)
        launch.client.node.create_subscription(Float64, topic, hear, 200)
    launch.client.start_control(launch.check)
    launch.client.spin_for(_SETTLE_S)
    launch.check()
    processes = {name: psutil.Process(pid) for name, pid in launch.process_ids.items()}
    for values in heard.values():
        values.clear()
    before = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
    started_s = steady_s()
    with progress_bar("bench ros", run_s) as bar:
        while (run_time_s := steady_s() - started_s) < run_s:
            launch.client.spin_for(0.5)
            launch.check()
            bar.update(min(run_time_s, run_s))
    seconds = steady_s() - started_s
    cpu = {
        name: (sum(process.cpu_times()[:2]) - before[name]) / seconds for name, process in processes.items()
    }
    bare = {name: cpu.pop(name) for name in ("ping", "pong")}
    chain_ms, bare_ms = (1e3 * np.array(values) for values in heard.values())
    if min(len(chain_ms), len(bare_ms)) < 2:
        raise RosError(f"heard {len(chain_ms)} commands and {len(bare_ms)} bare answers in {seconds:.0f} s")
    return {
        "chain_ms": _summary(chain_ms),
        "bare_ms": _summary(bare_ms),
        "cpu": cpu,
        "cpu_bare": bare,
        "load_after": os.getloadavg()[0],
    }


def _summary(values: np.ndarray) -> dict[str, float]:
    p50, p99 = np.percentile(values, (50, 99))
    return {"p50": float(p50), "p99": float(p99), "samples": len(values)}


def _table(result: dict[str, Any]) -> Table:
    table = Table("", "p50", "p99", title=f"{result['policy']}, {result['run_s']:g} s")
    for key, label in (
        ("chain_ms", "joint state to its command [ms]"),
        ("bare_ms", "bare there and back [ms]"),
    ):
        table.add_row(label, f"{result[key]['p50']:.2f}", f"{result[key]['p99']:.2f}")
    table.add_row("onnxruntime alone [ms]", f"{result['inference_ms']:.2f}", "")
    for name, share in (result["cpu"] | result["cpu_bare"]).items():
        table.add_row(f"CPU of {name} [cores]", f"{share:.2f}", "")
    return table


COMMAND = BenchRos

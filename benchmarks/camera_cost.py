"""What the camera costs the control: the same robot with and without pictures, in turn."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from false_stops import LATE_PERIODS, POLICY, Witness
from sensor_msgs.msg import Image

from gaitway.cli.bench_safety import isolate
from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.ros import names
from gaitway.ros.launching import launch_policy
from gaitway.safety import RobotMode

_CAMERA_HZ = 10.0
_RUNS, _SECONDS = 3, 20.0


def measure(camera_hz: float) -> dict[str, Any]:
    """One run among obstacles, on its feet under the walking policy."""
    parameters = ["world:=obstacles", f"camera_hz:={camera_hz}"]
    images: list[Image] = []
    with (
        tempfile.TemporaryDirectory() as logs,
        launch_policy(find_policy(POLICY), "h23", Path(logs), robot_parameters=parameters) as launch,
    ):
        witness = Witness(launch)
        launch.client.node.create_subscription(Image, names.CAMERA_IMAGE, images.append, names.SENSOR_IN)
        if camera_hz and not launch.client.spin_until(lambda: bool(images), 20.0):
            raise SystemExit("no picture came")
        launch.let_go()
        launch.client.spin_for(2.0)
        for heard in (witness.commands_s, witness.latencies_s, images):
            heard.clear()
        launch.client.spin_for(_SECONDS)
        launch.check()
        if witness.robot.message != RobotMode.ACTIVE.value:
            raise SystemExit(f"the robot ended {witness.robot.message}")
    periods = np.diff(witness.commands_s)
    late = periods > LATE_PERIODS * load_policy(find_policy(POLICY)).spec.step_dt
    return {
        "camera_hz": camera_hz,
        "pictures_hz": len(images) / _SECONDS,
        "command_rate_hz": float(1.0 / periods.mean()),
        "late_commands": float(late.mean()),
        "latency_p50_ms": float(1e3 * np.percentile(witness.latencies_s, 50)),
        "latency_p99_ms": float(1e3 * np.percentile(witness.latencies_s, 99)),
    }


def compare() -> dict[str, Any]:
    """Runs without and with pictures, in turn."""
    isolate()
    runs = [measure(camera_hz) for _ in range(_RUNS) for camera_hz in (0.0, _CAMERA_HZ)]
    return {"policy_file": POLICY, "seconds": _SECONDS, "runs": runs}

"""How often the supervisor stops robots that do nothing wrong: batched in simulation, and live over ROS 2."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from acceptance import gaitway
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist, Vector3
from nav_msgs.msg import Odometry
from sensor_msgs.msg import JointState
from std_msgs.msg import Float64

from gaitway import rotation
from gaitway.cli.bench_safety import isolate
from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.ros import messages, names
from gaitway.ros.launching import Launch, end_process, launch_policy
from gaitway.ros.node_main import steady_s
from gaitway.safety import RobotMode
from gaitway.tasks import get_task
from gaitway.tasks.false_stops import task_noise

POLICY = "h23_walk"
BATCHES, BATCH_HOURS = 5, 20
"""Pieces of the robot-hours in simulation."""
SITTINGS, SITTING_S = 3, 600.0
"""Pieces of the live minutes."""
BATCH_SEED, LIVE_SEED = 50_000, 40_000
"""Each piece adds its number. No limit was chosen by what these seeds do."""
PUSH_NS = (2.0, 8.0)
PUSH_INTERVAL_S = (5.0, 10.0)
ASK_HZ = 10.0
LATE_PERIODS = 1.5
MOST_STOPS = 10
"""A sitting with so many has shown enough."""


def batched(part: int) -> dict[str, Any]:
    """Robot-hours in simulation, those of one seed."""
    seed = BATCH_SEED + part
    return json.loads(
        gaitway(
            "bench", "false-stops", "--policy", POLICY, "--robot-hours", str(BATCH_HOURS), "--seed", str(seed),
            "--num-envs", "1024", "--json",
        )
    )  # fmt: skip


@dataclass
class Witness:
    """What is heard of the three processes."""

    launch: Launch
    commands_s: list[float] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)
    robot: DiagnosticStatus = field(default_factory=DiagnosticStatus)
    supervisor: DiagnosticStatus = field(default_factory=DiagnosticStatus)
    largest_tilt: float = 0.0
    """Until the robot stopped [rad]."""

    def __post_init__(self) -> None:
        node = self.launch.client.node
        subscriptions: list[Any] = [
            (JointState, names.JOINT_COMMANDS, lambda message: self.commands_s.append(steady_s()), 50),
            (Float64, names.ROBOT_COMMAND_LATENCY, lambda message: self.latencies_s.append(message.data), 50),
            (DiagnosticStatus, names.ROBOT_STATE, self._on_robot, names.LATCHED),
            (DiagnosticStatus, names.SAFETY_STATE, self._on_supervisor, names.LATCHED),
            (Odometry, names.ODOM, self._on_odom, names.SENSOR_IN),
        ]
        for kind, topic, callback, qos in subscriptions:
            node.create_subscription(kind, topic, callback, qos)

    def _on_robot(self, message: DiagnosticStatus) -> None:
        self.robot = message

    def _on_supervisor(self, message: DiagnosticStatus) -> None:
        self.supervisor = message

    def _on_odom(self, message: Odometry) -> None:
        if self.robot.message != RobotMode.ACTIVE.value:
            return
        up_w = rotation.rotate(messages.quat_wxyz(message.pose.pose.orientation), np.array([0.0, 0.0, 1.0]))
        self.largest_tilt = max(self.largest_tilt, math.acos(float(np.clip(up_w[2], -1.0, 1.0))))


@contextmanager
def host_timer() -> Iterator[dict[str, Any]]:
    """A bare timer that runs beside; how late it woke is in the dict at the end."""
    lateness: dict[str, Any] = {}
    command = [sys.executable, "-m", "gaitway.ros.host_timer"]
    host = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        yield lateness
    finally:
        end_process(host)
    assert host.stdout is not None
    lateness |= json.loads(host.stdout.read())


def live(part: int, sitting_s: float = SITTING_S) -> dict[str, Any]:
    """Minutes over ROS 2: random velocities, standing among them, noise, and small pushes.

    The processes are started anew after a stop, so that the time is walked in full.
    """
    isolate()
    rng = np.random.default_rng(LIVE_SEED + part)
    walked_s, stops, periods, latencies, slipped = 0.0, [], [], [], 0
    with progress_bar("live", sitting_s) as bar, host_timer() as lateness:
        while walked_s < sitting_s and len(stops) < MOST_STOPS:
            before_s = walked_s
            noise = asdict(task_noise(get_task("walk")))
            parameters = [f"noise.{name}:={float(value)}" for name, value in noise.items()]
            with (
                tempfile.TemporaryDirectory() as logs,
                launch_policy(find_policy(POLICY), "h23", Path(logs), robot_parameters=parameters) as launch,
            ):
                witness = Witness(launch)
                for seconds in roam(launch, witness, rng, sitting_s - before_s):
                    walked_s = before_s + seconds
                    bar.update(walked_s, f"{len(stops)} stops")
                launch.client.spin_for(0.5)  # the reasons come after the stop
            values = messages.values_of(witness.robot)
            slipped += int(values["slipped_physics_steps"])
            periods.append(np.diff(witness.commands_s))
            latencies += witness.latencies_s
            if values["stopped"] == "True":
                supervisor = messages.values_of(witness.supervisor).get("reason")
                tilt_deg = math.degrees(witness.largest_tilt)
                stops.append({"robot": values["reason"], "supervisor": supervisor, "tilt_deg": tilt_deg})
    step_dt = load_policy(find_policy(POLICY)).spec.step_dt
    late = np.concatenate(periods) > LATE_PERIODS * step_dt
    return {
        "policy_file": POLICY,
        "seconds": walked_s,
        "stops": stops,
        "commands": len(late) + len(periods),
        "late_commands": int(late.sum()),
        "latency_p99_ms": float(1e3 * np.percentile(latencies, 99)),
        "slipped_physics_steps": slipped,
        "host_timer": lateness,
    }


def roam(launch: Launch, witness: Witness, rng: np.random.Generator, for_s: float) -> Iterator[float]:
    """Let the robot go and send it about until it stops or the time is over; gives the seconds so far."""
    node = launch.client.node
    velocity_out = node.create_publisher(Twist, names.CMD_VEL, 1)
    push_out = node.create_publisher(Vector3, names.ROBOT_PUSH, names.EVENT)
    commands = get_task("walk").commands
    assert commands is not None
    assert commands.interval_s is not None
    launch.let_go()
    launch.client.spin_until(lambda: witness.robot.message == RobotMode.ACTIVE.value, 5.0)
    witness.commands_s.clear()
    witness.latencies_s.clear()
    start_s = steady_s()
    velocity, velocity_until_s, push_at_s = np.zeros(3), 0.0, rng.uniform(*PUSH_INTERVAL_S)
    while (now_s := steady_s() - start_s) < for_s and witness.robot.message == RobotMode.ACTIVE.value:
        launch.check()
        if now_s >= velocity_until_s:
            velocity = commands.draw(rng, np.ones(1))[0]
            velocity_until_s = now_s + rng.uniform(*commands.interval_s)
        if now_s >= push_at_s:
            angle, size = rng.uniform(0.0, 2.0 * math.pi), rng.uniform(*PUSH_NS)
            push_out.publish(messages.vector((size * math.cos(angle), size * math.sin(angle), 0.0)))
            push_at_s = now_s + rng.uniform(*PUSH_INTERVAL_S)
        velocity_out.publish(messages.twist(velocity))
        launch.client.spin_for(1.0 / ASK_HZ)
        yield steady_s() - start_s


PIECES = {f"false-stops-{part}": partial(batched, part) for part in range(1, BATCHES + 1)} | {
    f"false-stops-live-{part}": partial(live, part) for part in range(1, SITTINGS + 1)
}

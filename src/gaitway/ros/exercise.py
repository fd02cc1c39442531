"""The live part of the demo: run a policy over ROS 2, push the robot, stop it, and measure all of it."""

from __future__ import annotations

import json
import math
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Vector3
from nav_msgs.msg import Odometry
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Bool, Float64

from gaitway import rotation
from gaitway.data import Recording
from gaitway.robots import get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.launching import Launch, end_process, launch_policy
from gaitway.ros.node_main import steady_s
from gaitway.safety import RobotMode

FALLEN_RAD = math.radians(60.0)
_RECORD = 50  # depth of the recorder's queues


@dataclass(frozen=True)
class Exercise:
    """What to do with a running robot."""

    run_s: float
    """Time on its own feet before the stop [s]."""
    push_ns: float
    """Size of each push [N s]."""
    num_pushes: int = 3

    def pushes(self) -> list[tuple[float, np.ndarray]]:
        """Times [s] and impulses in world frame [N s], spread over the run: forward, left, backward."""
        spacing = self.run_s / (self.num_pushes + 1)
        angles = [0.0, 0.5 * math.pi, math.pi, 1.5 * math.pi]
        return [
            (
                spacing * (index + 1),
                self.push_ns * np.array([math.cos(angle), math.sin(angle), 0.0]),
            )
            for index, angle in enumerate(angles[i % 4] for i in range(self.num_pushes))
        ]


@dataclass
class _Recorder:
    """Subscriptions that append what they hear."""

    launch: Launch
    joint_names: tuple[str, ...]
    imu_mounting_inverse: np.ndarray
    states: list[tuple[float, JointState]] = field(default_factory=list)
    tilts: list[tuple[float, float]] = field(default_factory=list)
    commands: list[tuple[float, JointState]] = field(default_factory=list)
    latencies: list[float] = field(default_factory=list)
    robot_state: DiagnosticStatus | None = None
    odom: Odometry | None = None

    def __post_init__(self) -> None:
        node = self.launch.client.node
        subscriptions: list[Any] = [
            (JointState, names.JOINT_STATES, self._on_state, _RECORD),
            (Imu, names.IMU, self._on_imu, _RECORD),
            (JointState, names.JOINT_COMMANDS, self._on_command, _RECORD),
            (Float64, names.ROBOT_COMMAND_LATENCY, self._on_latency, _RECORD),
            (DiagnosticStatus, names.ROBOT_STATE, self._on_robot_state, names.LATCHED),
            (Odometry, names.ODOM, self._on_odom, names.SENSOR_IN),
        ]
        for kind, topic, callback, qos in subscriptions:
            node.create_subscription(kind, topic, callback, qos)

    def _on_state(self, message: JointState) -> None:
        self.states.append((steady_s(), message))

    def _on_imu(self, message: Imu) -> None:
        base_quat = rotation.multiply(messages.imu_quat_w(message), self.imu_mounting_inverse)
        up_w = rotation.rotate(base_quat, np.array([0.0, 0.0, 1.0]))
        self.tilts.append((steady_s(), math.acos(float(np.clip(up_w[2], -1.0, 1.0)))))

    def _on_command(self, message: JointState) -> None:
        self.commands.append((steady_s(), message))

    def _on_latency(self, message: Float64) -> None:
        self.latencies.append(message.data)

    def _on_robot_state(self, message: DiagnosticStatus) -> None:
        self.robot_state = message

    def _on_odom(self, message: Odometry) -> None:
        self.odom = message

    def forget(self) -> None:
        """Start the record anew."""
        for record in (self.states, self.tilts, self.commands, self.latencies):
            record.clear()

    def mode(self) -> str:
        return self.robot_state.message if self.robot_state else ""

    def qpos(self) -> np.ndarray:
        """Base position, orientation wxyz and joints now, for a picture. Shape (nq,)."""
        assert self.odom is not None
        pose = self.odom.pose.pose
        joints = messages.by_name(self.states[-1][1], self.joint_names)
        assert joints is not None
        position = [pose.position.x, pose.position.y, pose.position.z]
        return np.concatenate([position, messages.quat_wxyz(pose.orientation), joints[0]])


def run_exercise(
    policy: Path,
    robot_name: str,
    exercise: Exercise,
    log_dir: Path,
    on_progress: Callable[[float, str], None],
) -> tuple[dict[str, Any], Recording]:
    """Launch, let go, push, stop, reset.

    Args:
        policy: the policy file.
        robot_name: the robot to simulate.
        exercise: what to do.
        log_dir: folder for the processes' output.
        on_progress: told the seconds of the run so far, and what happens.

    Returns:
        The figures of the report's section `ros`, and what was recorded.

    Raises:
        RosError: a process ended, or a step was refused.
    """
    robot = get_robot(robot_name)
    host = subprocess.Popen(
        [sys.executable, "-m", "gaitway.ros.host_timer"], stdout=subprocess.PIPE, text=True
    )
    try:
        with launch_policy(policy, robot_name, log_dir) as launch:
            mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
            recorder = _Recorder(launch, robot.joint_names, mounting_inverse)
            node = launch.client.node
            push_out = node.create_publisher(Vector3, names.ROBOT_PUSH, names.EVENT)
            stop_out = node.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
            launch.let_go()
            recorder.forget()
            start_s = steady_s()
            pushes, pictures = [], []

            def spin_until(run_time_s: float, doing: str) -> None:
                while (now := steady_s() - start_s) < run_time_s:
                    launch.check()
                    on_progress(now, doing)
                    launch.client.spin_for(min(0.1, run_time_s - now))

            for due_s, impulse in exercise.pushes():
                spin_until(due_s, "standing")
                x, y, z = (float(value) for value in impulse)
                pushes.append((steady_s() - start_s, impulse))
                push_out.publish(Vector3(x=x, y=y, z=z))
                spin_until(due_s + 0.3, f"pushed by {exercise.push_ns:.1f} N s")
                pictures.append((steady_s() - start_s, recorder.qpos()))
            spin_until(exercise.run_s, "standing")
            mode_at_end = recorder.mode()
            if len(recorder.commands) < 2 or not recorder.latencies:
                reason = messages.values_of(recorder.robot_state or DiagnosticStatus()).get("reason")
                raise RosError(f"the robot was commanded by nobody; it is {mode_at_end} ({reason})")
            recording = _recording(recorder, start_s, pushes, pictures)
            on_progress(exercise.run_s, "stopping")
            stop = _stop_and_reset(launch, recorder, stop_out)
            figures = _figures(recording, launch, exercise, mode_at_end) | {"stop": stop}
    finally:
        end_process(host)
    assert host.stdout is not None
    return figures | {"host_timer": json.loads(host.stdout.read())}, recording


def _stop_and_reset(launch: Launch, recorder: _Recorder, stop_out) -> dict[str, Any]:
    """Stop the robot, see that nothing but the supervisor's reset ends it, and measure how long it took."""
    client = launch.client
    stopped_before = recorder.mode() == RobotMode.DAMPING.value
    requested_s = steady_s()
    stop_out.publish(Bool(data=True))

    def damped() -> bool:
        state = recorder.robot_state
        return state is not None and "damping_since_s" in messages.values_of(state)

    if not client.spin_until(damped, 5.0):
        raise RosError("the robot did not go to damping within 5 s of a stop")
    assert recorder.robot_state is not None
    since_s = float(messages.values_of(recorder.robot_state)["damping_since_s"])

    stop_out.publish(Bool(data=False))
    client.spin_for(0.5)
    kept_after_false = recorder.mode() == RobotMode.DAMPING.value
    refused = False
    try:
        client.trigger(names.ROBOT_ACTIVATE)
    except RosError:
        refused = True
    client.trigger(names.ROBOT_RESET)
    client.spin_for(0.5)
    kept_after_reset_robot = recorder.mode() == RobotMode.DAMPING.value
    refusal = None
    try:
        client.trigger(names.SUPERVISOR_RESET)
    except RosError as error:
        refusal = str(error)
    cleared = client.spin_until(lambda: recorder.mode() == RobotMode.HELD.value, 2.0)
    return {
        "reset_refused": refusal,
        "latency_ms": None if stopped_before else 1e3 * (since_s - requested_s),
        "latched": kept_after_false and refused and kept_after_reset_robot,
        "cleared_by_reset_service": cleared,
    }


def _recording(recorder: _Recorder, start_s: float, pushes: list, pictures: list) -> Recording:
    def times(record: list) -> np.ndarray:
        return np.array([entry[0] - start_s for entry in record])

    joint_names = recorder.joint_names
    positions = [messages.by_name(message, joint_names) for _, message in recorder.states]
    order = [list(recorder.commands[0][1].name).index(name) for name in joint_names]
    return Recording(
        joint_names=np.array(joint_names),
        state_time_s=times(recorder.states),
        joint_pos=np.array([pair[0] for pair in positions if pair is not None]),
        imu_time_s=times(recorder.tilts),
        tilt=np.array([tilt for _, tilt in recorder.tilts]),
        command_time_s=times(recorder.commands),
        joint_pos_target=np.array([m.position for _, m in recorder.commands if m.position])[:, order],
        latency_s=np.array(recorder.latencies),
        push_time_s=np.array([time for time, _ in pushes]),
        push_impulse_w=np.array([impulse for _, impulse in pushes]).reshape(-1, 3),
        picture_time_s=np.array([time for time, _ in pictures]),
        picture_qpos=np.array([qpos for _, qpos in pictures]),
    )


def _figures(recording: Recording, launch: Launch, exercise: Exercise, mode_at_end: str) -> dict[str, Any]:
    arrivals = recording.command_time_s
    latency_ms = 1e3 * recording.latency_s
    max_tilt = float(recording.tilt.max())
    return {
        "processes": launch.process_names,
        "run_s": exercise.run_s,
        "command_rate_hz": (len(arrivals) - 1) / float(arrivals[-1] - arrivals[0]),
        "latency_ms": {
            "p50": float(np.percentile(latency_ms, 50)),
            "p99": float(np.percentile(latency_ms, 99)),
            "max": float(latency_ms.max()),
            "samples": len(latency_ms),
        },
        "pushes": [
            {"time_s": float(time), "impulse_ns": impulse.tolist()}
            for time, impulse in zip(recording.push_time_s, recording.push_impulse_w, strict=True)
        ],
        "max_tilt_deg": math.degrees(max_tilt),
        "fell": max_tilt > FALLEN_RAD or mode_at_end != RobotMode.ACTIVE.value,
        "mode_at_end": mode_at_end,
    }

"""Starting the three processes, driving them to life, and ending them.

Order: robot, supervisor, controller; ended in the reverse order. A process that dies is never restarted: the
robot damps, and a person decides.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from gaitway.policy import check_binding, check_measured, load_policy
from gaitway.robots import get_robot
from gaitway.ros.environment import RosError, require_ros

if TYPE_CHECKING:
    from gaitway.ros.robot_client import RobotClient

BLEND_S = 1.0
"""Time from the measured pose to the policy's own targets [s]."""
_READY_S = 20.0
_OTHERS_S = 0.6  # processes announce themselves twice a second
_ROBOT = "simulated_robot"
_END_S = 5.0


@dataclass(frozen=True)
class _Process:
    name: str
    popen: subprocess.Popen
    log: Path
    errand: bool
    """Whether it is to end by itself."""


class Launch:
    """Nodes as processes of one ROS 2 domain.

    As a context manager it starts them, and ends them whatever happens.
    """

    def __init__(
        self,
        commands: Mapping[str, Sequence[str]],
        log_dir: Path,
        awaited: Mapping[str, str] | None = None,
        optional: Collection[str] = (),
    ):
        """Prepare to run nodes.

        Args:
            commands: parameters (`name:=value`) by module of `gaitway.ros`, in the order of starting.
            log_dir: folder for the processes' output.
            awaited: the Trigger service by which a node shows that it is up, before the next is started.
            optional: modules that the robot does not need; where one ends, `lost` says so and the others go on.

        Raises:
            RosError: there is no ROS 2 to run on.
        """
        require_ros()
        self._commands = commands
        self._log_dir = log_dir
        self._awaited = awaited or {}
        self._optional = frozenset(optional)
        self._lost: set[str] = set()
        self._processes: list[_Process] = []
        self._client: RobotClient | None = None

    def __enter__(self) -> Launch:
        import rclpy

        from gaitway.ros.robot_client import RobotClient

        rclpy.init()
        try:
            self._client = RobotClient("gaitway_launch", timeout_s=_READY_S)
            if _ROBOT in self._awaited:
                self._refuse_second_robot(self._awaited[_ROBOT])
            for name, parameters in self._commands.items():
                self.start(name, parameters)
                if name in self._awaited:
                    self._wait_for(self._awaited[name])
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def client(self) -> RobotClient:
        """The client that this launch drives the nodes with."""
        assert self._client is not None
        return self._client

    @property
    def process_names(self) -> list[str]:
        """The processes that were started, in order."""
        return [process.name for process in self._processes]

    @property
    def process_ids(self) -> dict[str, int]:
        """The operating system's numbers of the processes, by name."""
        return {process.name: process.popen.pid for process in self._processes}

    def _refuse_second_robot(self, service: str) -> None:
        """Two robots in one domain would hear each other's commands, and stop each other.

        Raises:
            RosError: a robot offers the service already.
        """
        if self.client.wait_for(service, _OTHERS_S):
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            raise RosError(
                f"a robot runs in ROS domain {domain} already: it offers {service}. End it, or set ROS_DOMAIN_ID to "
                "another number, such as 1"
            )

    def _wait_for(self, service: str) -> None:
        for _ in range(int(_READY_S / 0.5)):
            if self.client.wait_for(service, 0.5):
                return
            self.check()
        raise RosError(f"no {service} within {_READY_S} s; see {self._log_dir}")

    def start(self, name: str, parameters: Sequence[str], *, errand: bool = False) -> None:
        """Start one node's process in a session of its own, its output in a log.

        Args:
            name: module of `gaitway.ros`.
            parameters: `name:=value` each.
            errand: whether the node is to end by itself; `exit_code` tells how it did.
        """
        arguments = [argument for parameter in parameters for argument in ("-p", parameter)]
        self._log_dir.mkdir(parents=True, exist_ok=True)
        log = self._log_dir / f"{name}.log"
        command = [sys.executable, "-m", f"gaitway.ros.{name}", "--ros-args", *arguments]
        with log.open("w") as output:
            self._processes.append(_Process(name, _spawn(command, output), log, errand))

    def exit_code(self, name: str) -> int | None:
        """How the newest process of that name ended; None while it runs."""
        return self._newest(name).poll()

    def _newest(self, name: str) -> subprocess.Popen:
        return next(process.popen for process in reversed(self._processes) if process.name == name)

    def let_go(self) -> None:
        """Configure and activate the controller, blend in on the gantry, and let the robot go.

        Raises:
            RosError: a step is refused, or a process ended; the message says which and why.
        """
        self.client.let_go(self.check)

    def check(self, but: Collection[str] = ()) -> None:
        """Notice a process that has ended, but for those named.

        Raises:
            RosError: with the last lines that it wrote.
        """
        for process in self._processes:
            code = process.popen.poll()
            expected = process.name in {*but, *self._optional} or (process.errand and code in (0, 1))
            if code is not None and not expected:
                tail = "\n".join(process.log.read_text(errors="replace").splitlines()[-12:])
                raise RosError(f"{process.name} ended with code {code}; {process.log} ends:\n{tail}")

    def lost(self) -> list[str]:
        """What to tell a person of optional processes that have ended since the last call."""
        ended = [
            process
            for process in self._processes
            if process.name in self._optional - self._lost and process.popen.poll() is not None
        ]
        self._lost |= {process.name for process in ended}
        return [
            f"{process.name} ended with code {process.popen.poll()}; the robot goes on without it. See {process.log}"
            for process in ended
        ]

    def kill(self, name: str) -> None:
        """End one process at once, as a crash would."""
        for process in self._processes:
            if process.name == name:
                process.popen.kill()
                process.popen.wait()

    def halt(self, name: str) -> None:
        """Let one process hang until it is resumed."""
        self._newest(name).send_signal(signal.SIGSTOP)

    def resume(self, name: str) -> None:
        """Let a halted process go on."""
        self._newest(name).send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End all processes, the newest first, and leave ROS 2."""
        import rclpy

        for process in reversed(self._processes):
            end_process(process.popen)
        if self._client is not None:
            self._client.close()
            self._client = None
        rclpy.try_shutdown()


def launch_policy(
    policy: Path,
    robot: str,
    log_dir: Path,
    blend_s: float = BLEND_S,
    *,
    estimate_odometry: bool = False,
    robot_parameters: Sequence[str] = (),
    stops_dir: Path | None = None,
    faulty_controller: bool = False,
) -> Launch:
    """A simulated robot, its supervisor and its controller.

    Args:
        policy: the policy file.
        robot: the robot to simulate.
        log_dir: folder for the processes' output.
        blend_s: time from the measured pose to the policy's own targets [s].
        estimate_odometry: whether `/odom` comes from the odometry estimator, as on a real robot; the simulation's
            ground truth is then on `/odom/ground_truth`.
        robot_parameters: further `name:=value` for the simulated robot.
        stops_dir: folder in which a flight recorder writes what led to a stop; default no recorder.
        faulty_controller: whether faults can be injected into the controller's commands.

    Raises:
        UnknownNameError: there is no such robot.
        PolicyError: the policy file is refused, or does not fit the robot.
        RosError: there is no ROS 2 to run on.
    """
    spec = load_policy(policy).spec
    check_measured(spec)
    check_binding(spec, get_robot(robot))
    robot_argument, policy_argument = f"robot:={robot}", f"policy:={Path(policy).resolve()}"
    controller = "faulty_controller" if faulty_controller else "policy_controller"
    commands = {
        _ROBOT: [robot_argument, *robot_parameters],
        "safety_supervisor": [robot_argument, policy_argument],
        controller: [robot_argument, policy_argument, f"blend_s:={float(blend_s)}"],
    }
    if estimate_odometry:
        from gaitway.ros import names

        commands[_ROBOT].append(f"odom_topic:={names.ODOM_TRUTH}")
        commands["odometry_estimator"] = [robot_argument]
    if (
        stops_dir is not None
    ):  # the last to start is the first to end: it does not record the end of the others
        commands["flight_recorder"] = [f"folder:={stops_dir.resolve()}"]
    awaited = {_ROBOT: "/robot/activate", "safety_supervisor": "/safety_supervisor/reset"}
    return Launch(commands, log_dir, awaited, optional=("flight_recorder",))


def end_process(popen: subprocess.Popen) -> None:
    """Ask a process to end, and kill it where it does not."""
    with contextlib.suppress(ProcessLookupError):
        popen.send_signal(signal.SIGTERM)
        popen.send_signal(signal.SIGCONT)  # one that was halted hears nothing
    try:
        popen.wait(_END_S)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()


def _spawn(command: list[str], output: IO[str]) -> subprocess.Popen:
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )

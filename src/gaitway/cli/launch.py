"""`gaitway launch`: run a policy over ROS 2."""

from __future__ import annotations

import json
import math
import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import tyro
from rich.console import Console

from gaitway.files import write_atomically
from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.progress import progress_bar
from gaitway.robots import get_robot
from gaitway.ros import RosError, require_ros
from gaitway.safety.faults import parse_schedule

if TYPE_CHECKING:
    from gaitway.ros.fault_schedule import FaultSchedule
    from gaitway.ros.launching import Launch


_WALK_S = 60.0


@dataclass(frozen=True, kw_only=True)
class LaunchCommand:
    """Start a simulated robot, the safety supervisor and the policy controller as three processes.

    The controller takes the robot to its home pose on its gantry; then the policy has it until Ctrl-C, or
    until a process ends. A walking policy listens to /cmd_vel; `--to X Y` walks to a point and ends there.
    """

    policy: tyro.conf.Positional[str]
    """Policy file, or the name of one in the box."""
    robot: str = "h23"
    """Robot to simulate."""
    to: tuple[float, float] | None = None
    """Walk to this point of the frame `odom` [m], and end."""
    odometry: Literal["ground-truth", "estimated"] = "ground-truth"
    """Whether /odom is the simulation's truth or estimated from joints and IMU, as on a real robot."""
    world: str = "flat"
    """What stands around the robot: flat, obstacles, or a .toml file."""
    camera_hz: float = 0.0
    """Rate of /camera/image_raw [Hz]; 0 for none."""
    record: Path | None = None
    """Write how the walk went as JSON."""
    fault: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    """Inject a fault, as NAME@SECONDS after the robot is let go; may be given again. An unknown name lists them."""
    seconds: float | None = None
    """End after this time [s]; default never."""
    log_dir: Path = Path("runs/launch")
    """Folder for the processes' output."""
    flight_recorder: bool = True
    """Remember the last 30 s of every topic, and write them at a stop."""
    stops_dir: Path = Path("runs/stops")
    """Folder for what is written at a stop."""

    def run(self) -> None:
        """Run until told to end."""
        schedule = parse_schedule(self.fault)
        require_ros()
        from gaitway.ros.fault_schedule import FaultSchedule
        from gaitway.ros.launching import launch_policy
        from gaitway.ros.recordings import Recordings

        console = Console()
        policy = find_policy(self.policy)
        stops_dir = self.stops_dir if self.flight_recorder else None
        with launch_policy(
            policy,
            self.robot,
            self.log_dir,
            estimate_odometry=self.odometry == "estimated",
            faulty_controller=any(fault.group == "commands" for _, fault in schedule),
            robot_parameters=[f"world:={self.world}", f"camera_hz:={float(self.camera_hz)}"],
            stops_dir=stops_dir,
        ) as launch:
            recordings = Recordings(
                launch.client, lambda path: console.print(f"the stop is recorded in {path}", soft_wrap=True)
            )
            console.print(f"processes: {', '.join(launch.process_names)}; output in {self.log_dir}")
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            console.print(
                f"in ROS domain {domain}. Stop the robot with a true on /emergency_stop, push it with a "
                "geometry_msgs/Vector3 on /robot/push; Ctrl-C ends all"
            )
            try:
                with FaultSchedule(launch, get_robot(self.robot), schedule, console.print) as faults:
                    if self.to is not None:
                        self._walk(launch, console, faults)
                    else:
                        launch.let_go()
                        console.print("active")
                        faults.begin()
                        self._wait(launch, console, faults)
            except RosError:
                if stops_dir is not None and launch.exit_code("flight_recorder") is None:
                    recordings.wait_after_failure()
                raise
        console.print("ended")

    def _wait(self, launch: Launch, console: Console, faults: FaultSchedule) -> None:
        elapsed_s = 0.0
        while self.seconds is None or elapsed_s < self.seconds:
            launch.client.spin_for(0.2)
            launch.check(but=faults.lost)
            for message in launch.lost():
                console.print(message, style="yellow")
            elapsed_s += 0.2

    def _walk(self, launch: Launch, console: Console, faults: FaultSchedule) -> None:
        from gaitway.ros.walking import walk_to

        assert self.to is not None
        x, y = self.to
        distance = math.hypot(x, y)
        with progress_bar(f"walk to ({x:g}, {y:g})", max(distance, 1e-6)) as bar:
            result = walk_to(
                launch,
                self.to,
                timeout_s=self.seconds or _WALK_S,
                step_dt=load_policy(find_policy(self.policy)).spec.step_dt,
                estimated=self.odometry == "estimated",
                on_start=faults.begin,
                on_progress=lambda left_m: bar.update(max(0.0, distance - left_m)),
            )
        if self.record is not None:
            write_atomically(self.record, json.dumps(result, indent=2) + "\n")
        if not result["reached"]:
            reason = result["stop_reason"] or "it took too long"
            raise RosError(f"not at ({x:g}, {y:g}): {reason}; output in {self.log_dir}")
        console.print(
            f"at ({x:g}, {y:g}) in {result['seconds']:.1f} s, {result['distance_to_goal_m']:.2f} m from the goal; "
            f"commands at {result['command_rate_hz']:.1f} Hz, {100 * result['late_commands']:.2f} % late; "
            f"odometry off by {result['odometry_error_m']:.2f} m"
        )


COMMAND = LaunchCommand

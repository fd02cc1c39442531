"""`gaitway launch`: run a policy over ROS 2."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

import tyro
from rich.console import Console

from gaitway.ros import require_ros


@dataclass(frozen=True, kw_only=True)
class LaunchCommand:
    """Start a simulated robot, the safety supervisor and the policy controller as three processes.

    The controller blends in while the robot hangs on its gantry; then the robot stands by itself until
    Ctrl-C, or until a process ends.
    """

    policy: tyro.conf.Positional[Path]
    """Policy file."""
    robot: str = "h23"
    """Robot to simulate."""
    seconds: float | None = None
    """End after this time [s]; default never."""
    log_dir: Path = Path("runs/launch")
    """Folder for the processes' output."""

    def run(self) -> None:
        """Run until told to end."""
        require_ros()
        from gaitway.ros.launching import launch_policy

        console = Console()
        with launch_policy(self.policy, self.robot, self.log_dir) as launch:
            console.print(f"processes: {', '.join(launch.process_names)}; output in {self.log_dir}")
            launch.let_go()
            domain = os.environ.get("ROS_DOMAIN_ID", "0")
            console.print(
                f"active in ROS domain {domain}. Stop the robot with a true on /emergency_stop, push it with a "
                "geometry_msgs/Vector3 on /robot/push; Ctrl-C ends all"
            )
            elapsed_s = 0.0
            while self.seconds is None or elapsed_s < self.seconds:
                launch.client.spin_for(0.2)
                launch.check()
                elapsed_s += 0.2
        console.print("ended")


COMMAND = LaunchCommand

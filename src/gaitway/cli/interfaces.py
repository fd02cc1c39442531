"""`gaitway interfaces`: build the ROS 2 packages gaitway_msgs and tf2_msgs into this environment."""

from __future__ import annotations

from dataclasses import dataclass

from rich.console import Console

from gaitway.progress import progress_bar
from gaitway.ros import RosError
from gaitway.ros.interfaces import PACKAGES, build_interfaces, obstacle


@dataclass(frozen=True, kw_only=True)
class InterfacesCommand:
    """Build the messages, services and the action of gaitway_msgs, and the message of /tf, into this environment.

    For ROS 2 from PyPI; it needs a C++ compiler and `pip install 'gaitway[interfaces]'`, and takes half a minute. In
    a ROS 2 workspace `colcon build` builds gaitway_msgs, and tf2_msgs is part of ROS 2.
    """

    if_possible: bool = False
    """Where the build lacks something, say what, and end as if all were well."""

    def run(self) -> None:
        """Build and say where."""
        console = Console()
        reason = obstacle()
        if reason is not None and self.if_possible:
            console.print(f"{reason}. All but what needs them works without", markup=False)
            return
        if reason is not None:
            raise RosError(reason)
        with progress_bar("build messages", 1.0) as bar:
            prefix = build_interfaces(lambda step, steps: bar.update(step / steps, f"{step} of {steps}"))
        console.print(f"{' and '.join(PACKAGES)} built into {prefix}")


COMMAND = InterfacesCommand

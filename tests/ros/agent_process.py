"""An agent as its user starts it: `gaitway run NAME --ros-args ...` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gaitway.ros.launching import end_process

GAITWAY = (sys.executable, "-m", "gaitway.cli.main", "run")


@contextmanager
def running_agent(log: Path, name: str, *ros_args: str, command: tuple[str, ...] = GAITWAY) -> Iterator[None]:
    """Run an agent, and check that it ends cleanly when it is told to."""
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, name, "--ros-args", *ros_args],
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield
            assert process.poll() is None, f"{name} ended by itself:\n{log.read_text()}"
        finally:
            end_process(process)
    assert process.returncode == 0, log.read_text()
    assert "Traceback" not in log.read_text()

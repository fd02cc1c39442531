"""When and by which Gaitway a policy file is made."""

from __future__ import annotations

import datetime
import subprocess
from pathlib import Path
from typing import Any

import gaitway
from gaitway.policy import Origin


def make_origin(**what: Any) -> Origin:
    """The origin of a file made now, by this Gaitway; `what` are the other fields of `Origin`."""
    return Origin(
        gaitway_version=gaitway.__version__,
        created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
        source_commit=_source_commit(),
        **what,
    )


def _source_commit() -> str | None:
    """The commit of the source tree that Gaitway runs from, if it runs from one."""
    root = Path(__file__).parents[3]
    if not (root / "src" / "gaitway").is_dir():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.robots.biped import write_biped

EXAMPLE = Path(__file__).parents[2] / "examples" / "robots" / "gymnasium_humanoid.toml"


def gaitway(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", *arguments], capture_output=True, text=True, timeout=300
    )


def test_what_a_description_amounts_to_is_shown(tmp_path: Path) -> None:
    path = write_biped(tmp_path, "")
    text = gaitway("robot", str(path)).stdout
    for part in ("3 joints", "left_hip", "right_leg/1", "velocity limit 20 rad/s, of all joints", "-neck"):
        assert part in text
    facts = json.loads(gaitway("robot", str(path), "--json").stdout)
    assert facts["joint_names"] == ["left_hip", "right_hip", "neck"]
    assert facts["mirror"] == {"left_hip": "right_hip", "right_hip": "left_hip", "neck": "-neck"}
    assert facts["imu"]["site"] == "imu"


def test_the_example_leaves_nothing_to_be_assumed() -> None:
    facts = json.loads(gaitway("robot", str(EXAMPLE), "--json").stdout)
    assert facts["notes"] == []
    assert facts["mirror"]["right_shoulder1"] == "-left_shoulder1"


def test_the_list_says_licence_and_origin() -> None:
    robots = json.loads(gaitway("list", "robots", "--json").stdout)["robots"]
    assert robots["h23"]["license"] == "Apache-2.0"
    assert robots["h23"]["origin"].startswith("Gaitway")


@pytest.mark.parametrize("verb", [("robot",), ("train", "stand", "--robot")])
def test_a_wrong_description_is_refused_wherever_a_robot_is_named(
    verb: tuple[str, ...], tmp_path: Path
) -> None:
    path = write_biped(tmp_path, "[joints]\nneck = { stiffness = -5 }")
    done = gaitway(*verb, str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {path}: joint 'neck': stiffness is -5; it must be above 0 N m/rad")
    assert "Traceback" not in done.stderr

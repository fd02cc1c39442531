"""Each example runs as its first lines say, at toy size."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

EXAMPLES = Path(__file__).parent.parent / "examples"


def run(name: str, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, str(EXAMPLES / name), *arguments], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_is_run_here() -> None:
    assert [path.name for path in sorted(EXAMPLES.glob("*.py"))] == [
        "01_train_and_pack.py", "02_run_a_policy.py",
    ]  # fmt: skip


def test_train_and_pack(tmp_path: Path) -> None:
    assert "stay upright" in run("01_train_and_pack.py", "4000", str(tmp_path))
    assert (tmp_path / "policy.onnx").is_file()


def test_run_a_policy(toy_policy: Path) -> None:
    lines = run("02_run_a_policy.py", str(toy_policy)).splitlines()
    assert len([line for line in lines if "tilt" in line]) == 10

"""The wheel alone, outside the repository, runs the whole loop."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with nothing but what the wheel holds; its dependencies come from this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(ROOT)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = folder.glob("gaitway-*.whl")
    subprocess.run(
        [
            sys.executable,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-deps",
            "--target",
            str(folder / "site"),
            wheel,
        ],
        check=True,
    )
    return folder / "site"


@pytest.mark.live
def test_the_toy_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    env = {**os.environ, "PYTHONPATH": str(installed)}
    where = subprocess.run(
        [sys.executable, "-c", "import gaitway; print(gaitway.__file__)"],
        cwd=tmp_path, env=env, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert Path(where.stdout.strip()).is_relative_to(installed)
    done = subprocess.run(
        [sys.executable, "-m", "gaitway.cli.main", "demo", "--toy", "--out", "demo"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr

    report = json.loads((tmp_path / "demo" / "report.json").read_text())
    assert report["train"]["env_steps"] >= 12_000
    assert report["train"]["env_steps_per_second"] > 0
    assert 0.0 <= report["eval"]["survival"] <= 1.0
    assert 0.0 <= report["eval"]["survival_zero_action"] <= 1.0
    assert report["export"]["max_abs_difference"] <= 1e-5
    live = report["ros"]
    assert live["processes"] == ["simulated_robot", "safety_supervisor", "policy_controller"]
    assert live["command_rate_hz"] > 0
    assert 0.0 < live["latency_ms"]["p50"] <= live["latency_ms"]["p99"]
    assert len(live["pushes"]) == 3
    assert live["fell"] in (True, False)
    assert live["stop"]["latched"] is True
    assert live["stop"]["cleared_by_reset_service"] is True
    page = (tmp_path / "demo" / "report.html").read_text()
    assert page.count("data:image/png;base64,") >= 4
    assert "http://" not in page
    assert "https://" not in page

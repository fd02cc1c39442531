"""What `gaitway bench false-stops` reports; its figures are measured in `benchmarks/`."""

from __future__ import annotations

import json

import pytest

from gaitway.cli.bench_false_stops import BenchFalseStops
from gaitway.errors import GaitwayError


def test_stops_and_falls_are_counted_and_said(capsys: pytest.CaptureFixture[str]) -> None:
    sizes = {"robot_hours": 0.001, "num_envs": 8}
    BenchFalseStops(**sizes, json=True).run()
    result = json.loads(capsys.readouterr().out)
    assert result["robot_hours"] == pytest.approx(0.001, rel=0.05)
    assert (result["false_stops"], result["falls"], result["by_check"]) == (0, 0, {})
    assert 0.0 <= result["guarded"] < 0.1
    BenchFalseStops(**sizes).run()
    assert "0 false stops; 0 falls" in capsys.readouterr().out


def test_times_and_counts_that_make_no_sense_are_refused() -> None:
    with pytest.raises(GaitwayError, match="--robot-hours must be above 0"):
        BenchFalseStops(robot_hours=0.0).run()

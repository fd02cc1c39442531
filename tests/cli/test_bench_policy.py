"""What `gaitway bench policy` reports; its figures are measured in `benchmarks/`."""

from __future__ import annotations

import json

import pytest

from gaitway.cli import bench
from gaitway.cli.bench_policy import AIM, BenchPolicy
from gaitway.cli.main import main
from gaitway.errors import GaitwayError, UnknownNameError


def test_the_ratio_comes_with_both_times_behind_it(capsys: pytest.CaptureFixture[str]) -> None:
    main(["bench", "policy", "walk", "--steps", "30", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert (result["policy"], result["steps"], result["aim"]) == ("h23_walk.onnx", 30, AIM)
    assert result["ratio"] == pytest.approx(result["step_us"]["p50"] / result["raw_us"]["p50"])
    assert {"machine", "versions"} <= set(result)


def test_numbers_that_mean_nothing_are_refused() -> None:
    with pytest.raises(GaitwayError, match="--steps must be at least 1"):
        BenchPolicy(steps=0).run()
    with pytest.raises(GaitwayError, match="--pause-s from 0 to 10"):
        BenchPolicy(pause_s=-1.0).run()


def test_measurements_are_listed_and_called_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    bench.run(["--help"])
    listed = capsys.readouterr().out
    assert all(f"\n  {name} " in listed for name in bench.BENCHES)
    with pytest.raises(UnknownNameError, match="unknown measurement 'polcy'; did you mean 'policy'"):
        bench.run(["polcy"])

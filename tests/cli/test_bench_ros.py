"""What `gaitway bench ros` reports, of real processes; its figures are measured in `benchmarks/`."""

from __future__ import annotations

import json

import pytest

from gaitway.cli.bench_ros import AIMS, BenchRos
from gaitway.cli.main import main
from gaitway.errors import GaitwayError


@pytest.mark.live
def test_latency_and_cpu_of_every_node_come_with_the_bare_exchange(
    capsys: pytest.CaptureFixture[str],
) -> None:
    main(["bench", "ros", "--run-s", "2", "--json"])
    result = json.loads(capsys.readouterr().out)
    assert set(result["cpu"]) == {"simulated_robot", "safety_supervisor", "policy_controller"}
    assert min(result["cpu"].values()) > 0.0
    assert result["chain_ms"]["p50"] > result["bare_ms"]["p50"] > 0.0
    assert result["one_way_ms"]["bare"] == pytest.approx(result["bare_ms"]["p50"] / 2.0)
    messages_ms = result["chain_ms"]["p50"] - result["inference_ms"]
    assert result["messages_vs_bare"] == pytest.approx(messages_ms / result["bare_ms"]["p50"])
    assert result["aims"] == AIMS


def test_a_time_that_measures_nothing_is_refused() -> None:
    with pytest.raises(GaitwayError, match="--run-s must be from 1 to 3600 s; got 0"):
        BenchRos(run_s=0.0).run()

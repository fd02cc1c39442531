"""What `gaitway bench sim` reports; its figures are measured in `benchmarks/`."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from gaitway.cli.bench_sim import AIMS, BenchSim
from gaitway.errors import GaitwayError


def measure(capsys: pytest.CaptureFixture[str], **options: Any) -> dict[str, Any]:
    sizes = {"num_envs": 4, "async_envs": 1, "steps": 1, "repetitions": 3, "warm_up": 1}
    BenchSim(**{**sizes, "json": True, **options}).run()
    return json.loads(capsys.readouterr().out)


def test_every_ratio_comes_with_the_speeds_behind_it(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "envpool", None)
    result = measure(capsys)
    assert result["walk_vs_bare"] > 0.0
    assert result["humanoid_vs_gymnasium_async"] > 0.0
    assert result["aims"] == AIMS
    assert len(result["ratios"]["walk_vs_bare"]) == 3
    assert set(result["speeds"]) == {"walk", "walk bare", "humanoid", "humanoid bare", "gymnasium async"}
    assert result["speeds"]["walk"]["workers"] == result["speeds"]["walk bare"]["workers"]
    assert result["speeds"]["gymnasium async"]["workers"] == "1 process"
    assert {"machine", "versions"} <= set(result)

    assert result["humanoid_bare_vs_gymnasium_async"] > 0.0

    assert result["humanoid_vs_envpool"] is None
    assert "pip install 'gaitway[bench]'" in result["notes"][0]


def test_envpool_is_measured_where_it_is_installed(capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("envpool")
    result = measure(capsys)
    assert result["humanoid_vs_envpool"] > 0.0
    assert result["notes"] == []


def test_one_task_beside_its_bare_batch(capsys: pytest.CaptureFixture[str]) -> None:
    result = measure(capsys, task="stand")
    assert (result["task"], result["num_envs"], result["aim"]) == ("stand", 4, 0.8)
    assert min(result["ratio"], *result["ratios"]) > 0.0
    assert min(result["env_steps_per_second"], result["batch_steps_per_second"]) > 0.0


def test_counts_must_be_positive() -> None:
    with pytest.raises(GaitwayError, match="--repetitions must be at least 1"):
        BenchSim(repetitions=0).run()

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from gaitway.dashboard.comparison import group_runs, read_runs
from gaitway.dashboard.run_report import write_run_report
from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.learning import PPOConfig, TrainConfig, train

PNG = b"\x89PNG\r\n"


RUN = TrainConfig(
    task="gymnasium:Pendulum-v1", num_envs=4, env_steps=2400, torch_threads=1, eval_every=6, eval_episodes=2,
)  # fmt: skip


def run(run_dir: Path, *, discount: float = 0.99, **changes: Any) -> Path:
    """A training of some iterations on Gymnasium's Pendulum-v1."""
    settings = PPOConfig(hidden=(8,), rollout_steps=50, epochs=1, discount=discount)
    config = replace(RUN, settings=settings, **changes)
    train(config, run_dir)
    return run_dir


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    folder = tmp_path_factory.mktemp("runs")
    return [
        run(folder / "one", seed=1),
        run(folder / "two", seed=2, env_steps=2800),
        run(folder / "near", seed=1, discount=0.9),
    ]


def test_a_report_shows_what_applies(runs: list[Path], toy_run: Path) -> None:
    page = write_run_report(runs[0]).read_text()
    assert (runs[0] / "learning_curve.png").read_bytes().startswith(PNG)
    assert "<h1>gymnasium:Pendulum-v1</h1>" in page
    assert "survival" not in page
    assert " h23" not in page
    assert "<h2>Evaluation</h2>" in page
    assert "ppo.rollout_steps</td><td>50" in page
    assert "http" not in page.replace("http://www.w3.org", ""), "it needs nothing beside it"
    page = write_run_report(toy_run).read_text()
    assert "<h1>stand on h23</h1>" in page
    assert "<h2>Evaluation</h2>" not in page
    assert "<h2>Reward terms</h2>" in page


def test_runs_that_differ_by_their_seed_become_one_curve(runs: list[Path]) -> None:
    read, figure = read_runs(runs, None, "env_steps")
    assert figure == "eval/return"
    groups = {group.label: group for group in group_runs(read, smooth=False)}
    assert set(groups) == {"ppo, discount=0.99", "ppo, discount=0.9"}
    group = groups["ppo, discount=0.99"]
    assert group.seeds == (1, 2)
    assert group.x[-1] == 2400, "where the shorter one ends"
    ends = [run.y[list(run.x).index(2400)] for run in read[:2]]
    assert group.mean[-1] == pytest.approx(sum(ends) / 2)
    assert group.spread[-1] == pytest.approx(abs(ends[0] - ends[1]) / 2**0.5)
    assert (groups["ppo, discount=0.9"].spread == 0.0).all()


def test_a_setting_that_an_older_run_does_not_name_is_its_default(runs: list[Path], tmp_path: Path) -> None:
    older = shutil.copytree(runs[1], tmp_path / "older")
    record = json.loads((older / "run.json").read_text())
    del record["config"]["matmul_precision"], record["config"]["settings"]["value_weight"]
    (older / "run.json").write_text(json.dumps(record))
    (group,) = group_runs(read_runs([runs[0], older], None, "env_steps")[0])
    assert group.seeds == (1, 2)


def test_what_cannot_be_compared_is_named(runs: list[Path], toy_run: Path, tmp_path: Path) -> None:
    with pytest.raises(GaitwayError, match=r"these are of several: gymnasium:Pendulum-v1 \(.*\), stand \("):
        read_runs([runs[0], toy_run], None, "env_steps")
    with pytest.raises(UnknownNameError, match="unknown figure of .* 'retrun'; did you mean 'return'"):
        read_runs(runs, "retrun", "env_steps")
    with pytest.raises(GaitwayError, match="is no run: it has no run.json"):
        read_runs([tmp_path], None, "env_steps")

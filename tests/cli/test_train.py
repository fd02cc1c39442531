"""`gaitway train`, `export` and `compare` as a user types them, in this process."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from gaitway.cli.main import main
from gaitway.cli.train import default_for
from gaitway.learning import recipe
from gaitway.learning.checkpoint import load_checkpoint

HOPPER = (
    "train", "gymnasium:Hopper-v5", "--num-envs", "4", "--rollout-steps", "16", "--hidden", "8", "--env-steps", "256",
    "--torch-threads", "1", "--eval-every", "2", "--eval-episodes", "2",
)  # fmt: skip


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    return tmp_path


def refused(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as exit_:
        main(list(arguments))
    assert exit_.value.code == 2
    return capsys.readouterr().err


def files(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_any_environment_of_gymnasiums_is_trained_reported_and_compared(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main([*HOPPER])
    run_dir = here / "runs" / "gymnasium-Hopper-v5-ppo-1"
    made = {path.name for path in run_dir.iterdir()}
    assert made >= {"run.json", "report.html", "learning_curve.png", "best.safetensors", "checkpoints"}
    said = capsys.readouterr().out
    assert "best evaluation: return" in said
    assert "gaitway export" not in said

    main([*HOPPER, "--seed", "2"])
    capsys.readouterr()
    main(["compare", *map(str, sorted((here / "runs").iterdir())), "--json"])
    (group,) = json.loads(capsys.readouterr().out)["groups"]
    assert group["seeds"] == [1, 2]
    assert (here / "comparison.png").stat().st_size > 1000

    assert "gymnasium:Hopper-v5 has no robot" in refused(capsys, "export", str(run_dir))


def test_a_run_is_resumed_with_its_own_settings_and_refuses_others(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run_dir = here / "hopper"
    main([*HOPPER, "--out", str(run_dir)])
    main(["train", "--out", str(run_dir), "--resume", "--until", "384"])
    assert load_checkpoint(run_dir).values["env_steps"] == 384
    before = files(run_dir)
    resume = ("--out", str(run_dir), "--resume")
    for change, message in (
        (("stand",), "holds another run: task was gymnasium:Hopper-v5, is stand"),
        (("--num-envs", "128"), "holds another run: num_envs was 4, is 128"),
        (("--clip", "0.3"), "holds another run: clip was 0.2, is 0.3"),
    ):
        assert message in refused(capsys, "train", *change, *resume)
    assert "add --resume" in refused(capsys, *HOPPER, "--out", str(run_dir))
    assert files(run_dir) == before


def test_the_recipe_is_of_the_task_and_not_of_what_an_option_is_given() -> None:
    assert default_for(["--out", "walk", "stand"]).config == recipe("stand")
    assert default_for(["--out", "stand", "--guarded", "walk"]).config == recipe("walk")
    assert default_for(["--out=stand", "walk"]).config == recipe("walk")
    assert default_for(["--hidden", "32", "32", "walk", "--seed", "3"]).config == recipe("walk")
    assert default_for(["--algo", "dqn", "--no-double", "navigate"]).config == recipe("navigate", "dqn")


def test_only_a_task_of_robots_is_to_be_packed_next(capsys: pytest.CaptureFixture[str]) -> None:
    small = ("--env-steps", "8", "--num-envs", "2", "--rollout-steps", "4")
    main(["train", "navigate", "--algo", "dqn", *small])
    assert "gaitway export" not in capsys.readouterr().out
    main(["train", "stand", *small])
    assert "next: gaitway export runs/stand-ppo-1 --out policy.onnx" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("train", "gymnasium:Hoper-v5"),
            "unknown Gymnasium environment 'Hoper-v5'; did you mean 'Hopper-v5'",
        ),
        (("train", "--target-return", "5"), "target_return needs evaluations"),
        (("train", "--until", "5000"), "--until is the new budget of a run that is resumed"),
        (("train", "--hidden", "0"), "hidden must be widths of at least 1; got (0,)"),
        (("train", "--eval-every", "-1"), "eval_every must not be negative; got -1"),
        (("train", "--resume"), "runs/stand-ppo-1 is no run: it has no run.json"),
        (("train", "--resume", "--out", "nowhere"), "nowhere is no run: it has no run.json"),
        (("compare", "nowhere"), "nowhere is no run: it has no run.json"),
        (("compare",), "name at least one run: gaitway compare RUN RUN ..."),
    ],
)
def test_bad_input_is_refused_with_what_would_be_right(
    here: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], message: str
) -> None:
    assert message in refused(capsys, *arguments)
    assert list(here.iterdir()) == []

from __future__ import annotations

from pathlib import Path

import pytest
import safetensors.torch
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from gaitway.learning import CheckpointError
from gaitway.learning.checkpoint import Checkpoint, Checkpoints, load_checkpoint
from gaitway.learning.replay import Replay
from gaitway.learning.sealed import DamagedFileError, seal, unseal

ROWS = 10


def checkpoint(env_steps: int) -> Checkpoint:
    return Checkpoint({"policy.weight": torch.full((3,), float(env_steps))}, {"env_steps": env_steps})


def replay() -> Replay:
    return Replay(ROWS * 2, 2, obs_size=3, action_size=1, discount=0.99)


def fill(buffer: Replay, rows: int) -> None:
    for _ in range(rows):
        n = float(buffer.written)
        flags = torch.tensor([buffer.written % 3 == 0, False])
        obs = torch.full((2, 3), n)
        buffer.add(obs, torch.full((2, 1), n), torch.full((2,), n), obs + 1.0, flags, ~flags)


def assert_same_rows(left: Replay, right: Replay) -> None:
    assert left.written == right.written
    first = max(0, left.written - left.rows)
    rows = right.rows_from(first)
    for name, column in left.rows_from(first).items():
        assert torch.equal(column, rows[name]), name


def chunk_names(run_dir: Path) -> list[str]:
    return sorted(path.name[:25] for path in (run_dir / "replay").iterdir())


def flip_a_bit(path: Path, place: float = 0.5) -> None:
    data = bytearray(path.read_bytes())
    data[int(place * (len(data) - 1))] ^= 1
    path.write_bytes(data)


@settings(max_examples=200, deadline=None)
@given(data=st.data())
def test_any_flipped_bit_and_any_missing_end_is_noticed(data: st.DataObject) -> None:
    whole, _ = seal({"a": torch.arange(4.0), "b": torch.tensor([True])}, {"gaitway": '{"seed": 1}'})
    tensors, metadata = unseal(whole)
    assert torch.equal(tensors["a"], torch.arange(4.0))
    assert metadata["gaitway"] == '{"seed": 1}'
    broken = bytearray(whole)
    broken[data.draw(st.integers(0, len(whole) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(broken), whole[: data.draw(st.integers(0, len(whole) - 1))]):
        with pytest.raises(DamagedFileError):
            unseal(damaged)


def test_the_newest_two_are_kept(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    for env_steps in (100, 200, 300):
        checkpoints.save(checkpoint(env_steps))
    assert [int(path.stem) for path in sorted((tmp_path / "checkpoints").iterdir())] == [200, 300]
    assert load_checkpoint(tmp_path).values["env_steps"] == 300


@pytest.mark.parametrize("place", [0.0, 0.1, 0.3, 0.6, 1.0])
def test_where_the_newest_is_damaged_the_one_before_is_used_and_it_is_said(
    tmp_path: Path, place: float, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints = Checkpoints(tmp_path)
    paths = [checkpoints.save(checkpoint(env_steps)) for env_steps in (100, 200)]
    flip_a_bit(paths[1], place)
    assert load_checkpoint(tmp_path).values["env_steps"] == 100
    said = capsys.readouterr().err
    assert f"warning: {paths[1]} is damaged: " in said
    assert f"going on from {paths[0].name}" in said

    flip_a_bit(paths[0])
    with pytest.raises(CheckpointError, match="no whole checkpoint in .*000200.*damaged.*000100.*damaged"):
        load_checkpoint(tmp_path)


def test_a_checkpoint_of_another_format_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gaitway.learning.checkpoint.FORMAT", 99)
    path = Checkpoints(tmp_path).save(checkpoint(100))
    monkeypatch.undo()
    with pytest.raises(CheckpointError, match=r"was written by Gaitway .* in format 99; .* reads format 3"):
        load_checkpoint(tmp_path)
    path.write_bytes(safetensors.torch.save({"a": torch.zeros(1)}, metadata={"gaitway": '{"env_steps": 1}'}))
    with pytest.raises(CheckpointError, match="written by an older Gaitway in format 1"):
        load_checkpoint(tmp_path)
    assert path.exists()


def test_a_replay_buffer_comes_back_and_is_written_row_by_row_once(tmp_path: Path) -> None:
    """Through a ring that is filled, covered and covered by more than itself between two checkpoints."""
    checkpoints, buffer = Checkpoints(tmp_path), replay()
    expected = [
        (4, ["000000000000-000000000004"]),
        (4, ["000000000000-000000000004", "000000000004-000000000008"]),
        (0, ["000000000000-000000000004", "000000000004-000000000008"]),
        (5, ["000000000000-000000000004", "000000000004-000000000008", "000000000008-000000000013"]),
        (25, ["000000000000-000000000004", "000000000004-000000000008", "000000000008-000000000013"]),
    ]
    for env_steps, (rows, _) in enumerate(expected):
        fill(buffer, rows)
        checkpoints.save(checkpoint(env_steps), buffer)
        again = replay()
        Checkpoints(tmp_path).load(again)
        assert_same_rows(buffer, again)
        if rows == 25:
            assert chunk_names(tmp_path)[-1] == "000000000028-000000000038", "only what the ring still holds"
        else:
            assert chunk_names(tmp_path) == expected[env_steps][1]
    fill(buffer, 1)
    checkpoints.save(checkpoint(10), buffer)
    assert chunk_names(tmp_path) == ["000000000028-000000000038", "000000000038-000000000039"]


def test_a_run_goes_on_after_a_load_with_the_chunks_there_are(tmp_path: Path) -> None:
    buffer = replay()
    fill(buffer, 4)
    Checkpoints(tmp_path).save(checkpoint(1), buffer)
    checkpoints, again = Checkpoints(tmp_path), replay()
    checkpoints.load(again)
    for each in (buffer, again):
        fill(each, 3)
    checkpoints.save(checkpoint(2), again)
    assert chunk_names(tmp_path) == ["000000000000-000000000004", "000000000004-000000000007"]
    once_more = replay()
    Checkpoints(tmp_path).load(once_more)
    assert_same_rows(buffer, once_more)


@pytest.mark.parametrize("damage", ["bit", "missing", "checkpoint"])
def test_damage_to_what_is_newest_costs_one_checkpoint(
    tmp_path: Path, damage: str, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoints, buffer, before = Checkpoints(tmp_path), replay(), replay()
    fill(buffer, 4)
    fill(before, 4)
    checkpoints.save(checkpoint(1), buffer)
    fill(buffer, 3)
    newest = checkpoints.save(checkpoint(2), buffer)
    chunk = sorted((tmp_path / "replay").iterdir())[-1]
    if damage == "missing":
        chunk.unlink()
    else:
        flip_a_bit(chunk if damage == "bit" else newest, 0.9)
    checkpoints, again = Checkpoints(tmp_path), replay()
    assert checkpoints.load(again).values["env_steps"] == 1
    assert "is damaged" in capsys.readouterr().err
    fill(before, 3)
    again.put_back(4, before.rows_from(4))  # what training would do once more
    again.written = 7
    checkpoints.save(checkpoint(2), again)
    once_more = replay()
    Checkpoints(tmp_path).load(once_more)
    assert_same_rows(buffer, once_more)


def test_the_best_policy_is_kept_alone(tmp_path: Path) -> None:
    checkpoints = Checkpoints(tmp_path)
    with pytest.raises(CheckpointError, match="no best checkpoint; .* keeps one with --eval-every"):
        checkpoints.load_best()
    whole = Checkpoint({"policy.weight": torch.ones(1), "optimizer.0": torch.ones(1)}, {"env_steps": 7})
    checkpoints.save_best(whole)
    assert set(checkpoints.load_best().tensors) == {"policy.weight"}
    flip_a_bit(tmp_path / "best.safetensors")
    with pytest.raises(CheckpointError, match="best.safetensors is damaged"):
        checkpoints.load_best()

from __future__ import annotations

from pathlib import Path

import pytest

from gaitway.errors import UnknownNameError
from gaitway.policy import shipped
from gaitway.policy.shipped import find_policy, shipped_policies


@pytest.fixture
def box(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of shipped policies with two in it."""
    for name in ("h23_walk", "h23_stand"):
        (tmp_path / f"{name}.onnx").write_bytes(b"")
    monkeypatch.setattr(shipped, "SHIPPED", tmp_path)
    return tmp_path


def test_a_path_is_taken_as_it_is_and_a_name_is_looked_up(
    box: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    own = tmp_path_factory.mktemp("own") / "mine.onnx"
    own.write_bytes(b"")
    assert find_policy(own) == own
    assert find_policy(str(own)) == own
    assert find_policy("h23_walk") == box / "h23_walk.onnx"


def test_an_unknown_name_is_refused_with_the_nearest(box: Path) -> None:
    with pytest.raises(
        UnknownNameError, match=r"'h23_wlak'; did you mean 'h23_walk'.*available: h23_stand, h23_walk"
    ):
        find_policy("h23_wlak")
    with pytest.raises(UnknownNameError, match="unknown policy file or name"):
        find_policy(box)  # a folder


def test_the_folder_is_in_the_package() -> None:
    assert shipped.SHIPPED.is_dir()
    assert all(path.is_file() for path in shipped_policies().values())

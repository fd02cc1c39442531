from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

_WITHOUT_TORCH = """
import importlib.abc, sys
class NoTorch(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("no torch here", name=name)
sys.meta_path.insert(0, NoTorch())
from gaitway.cli.main import main
main(sys.argv[1:])
"""


def play(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", _WITHOUT_TORCH, "play", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
    )


@pytest.mark.skipif(
    importlib.util.find_spec("viser") is None, reason="the extra `dashboard` is not installed"
)
@pytest.mark.parametrize("ground", ["flat", "rough"])
def test_plays_a_policy_file_without_torch_and_says_where(toy_policy: Path, ground: str) -> None:
    done = play(str(toy_policy), "--port", "18090", "--seconds", "0.2", "--ground", ground)
    assert done.returncode == 0, done.stderr
    assert "http://localhost:18" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("nowhere.onnx",), "no policy file at nowhere.onnx"),
        (("nowhere.onnx", "--level", "1.5"), "--level must be from 0 to 1"),
        (("nowhere.onnx", "--port", "0"), "--port from 1 to 65535"),
        (("nowhere.onnx", "--seconds", "-1"), "--seconds above 0"),
    ],
)
def test_bad_input_is_refused(arguments: tuple[str, ...], message: str) -> None:
    done = play(*arguments)
    assert done.returncode == 2, done.stdout
    assert message in done.stderr

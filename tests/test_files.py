from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from gaitway.files import write_atomically

_WRITE_WITH_LITTLE_SPACE = """
import resource, sys
from gaitway.errors import GaitwayError
from gaitway.files import write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomically(sys.argv[1], b"x" * 5000)
except GaitwayError as error:
    print(error)
    sys.exit(2)
"""


def test_a_write_that_finds_no_space_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, "old")
    done = subprocess.run(
        [sys.executable, "-c", _WRITE_WITH_LITTLE_SPACE, str(path)], capture_output=True, text=True
    )
    assert done.returncode == 2
    assert f"cannot write {path}" in done.stdout
    assert path.read_text() == "old"
    assert [entry.name for entry in tmp_path.iterdir()] == ["file"]

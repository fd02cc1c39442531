"""A replay buffer on disk: files that are written once, each with the rows added since the one before.

A buffer is far larger than all else that a checkpoint holds, and nearly all of it was there at the last one. So a
checkpoint only names the chunks that its rows are in; chunks that none of the kept checkpoints names are removed.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from gaitway.files import write_atomically
from gaitway.learning.replay import Replay
from gaitway.learning.sealed import DamagedFileError, seal, unseal


class Chunk(NamedTuple):
    """Some rows in a file of their own, numbered from the first that was ever written."""

    first: int
    end: int
    """The number after the last."""
    sha256: str

    @property
    def file_name(self) -> str:
        """Name of the file; other rows would have another name."""
        return f"{self.first:012d}-{self.end:012d}-{self.sha256[:16]}.safetensors"


def append_chunk(folder: Path, replay: Replay, chunks: Sequence[Chunk]) -> list[Chunk]:
    """Write the rows that no chunk holds; returns the chunks that hold those of the buffer now.

    Args:
        folder: where the chunks are.
        replay: the buffer.
        chunks: those that it was in before.

    Raises:
        GaitwayError: the rows could not be written.
    """
    oldest = max(0, replay.written - replay.rows)
    needed = [chunk for chunk in chunks if chunk.end > oldest]
    first = max(oldest, needed[-1].end if needed else 0)
    if first < replay.written:
        data, digest = seal(replay.rows_from(first), {})
        needed.append(Chunk(first, replay.written, digest))
        write_atomically(folder / needed[-1].file_name, data)
    return needed


def load_chunks(folder: Path, replay: Replay, chunks: Sequence[Chunk], written: int) -> None:
    """Fill a buffer with the rows of its chunks.

    Args:
        folder: where the chunks are.
        replay: the buffer.
        chunks: those that it was in.
        written: how many rows had been written.

    Raises:
        DamagedFileError: a chunk is missing or is not what was written; the buffer is then not to be used.
    """
    for chunk in chunks:
        path = folder / chunk.file_name
        try:
            rows, metadata = unseal(path.read_bytes())
        except FileNotFoundError:
            raise DamagedFileError(f"{path.name} of its replay buffer is missing") from None
        except DamagedFileError as error:
            raise DamagedFileError(f"{path.name} of its replay buffer is damaged: {error}") from error
        if metadata["sha256"] != chunk.sha256:
            raise DamagedFileError(f"{path.name} of its replay buffer holds other rows")
        replay.put_back(chunk.first, rows)
    replay.written = written


def remove_chunks(folder: Path, needed: Collection[Chunk]) -> None:
    """Remove all chunks but those that are needed."""
    names = {chunk.file_name for chunk in needed}
    for path in folder.glob("*.safetensors"):
        if path.name not in names:
            path.unlink()

"""Checkpoints of a run: each one file, whole or known to be damaged, and the replay buffer in chunks beside them.

The tensors hold networks, optimiser, normaliser, random generators and the simulators' state; the metadata entry
`gaitway` holds everything else as JSON. `best.safetensors` holds the policy alone, as it did best in evaluation.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import torch

import gaitway
from gaitway.errors import GaitwayError
from gaitway.files import write_atomically
from gaitway.learning.replay import Replay
from gaitway.learning.replay_chunks import Chunk, append_chunk, load_chunks, remove_chunks
from gaitway.learning.sealed import DamagedFileError, seal, unseal

FORMAT = 3
"""Rises when older checkpoints can no longer be continued."""

_KEPT = 2


class CheckpointError(GaitwayError):
    """A run folder or checkpoint that cannot be read or continued."""


@dataclass(frozen=True)
class Checkpoint:
    """A training at the boundary between two iterations."""

    tensors: dict[str, torch.Tensor]
    """All but the rows of a replay buffer."""
    values: dict[str, Any]
    """Plain JSON values; `iteration` and `env_steps` among them."""


class Checkpoints:
    """The checkpoints of one run."""

    def __init__(self, run_dir: Path):
        self.run_dir = run_dir
        self._replay_dir = run_dir / "replay"
        self._chunks: dict[Path, list[Chunk]] = {}  # of each checkpoint that was written or loaded here

    def save(self, checkpoint: Checkpoint, replay: Replay | None = None) -> Path:
        """Write a checkpoint atomically, and remove all but the newest two.

        Raises:
            GaitwayError: it could not be written; earlier checkpoints are untouched.
        """
        values, chunks = checkpoint.values, []
        if replay is not None:
            before = next(reversed(self._chunks.values()), [])
            chunks = append_chunk(self._replay_dir, replay, before)
            values = {**values, "replay": {"written": replay.written, "chunks": chunks}}
        path = self.run_dir / "checkpoints" / f"{values['env_steps']:012d}.safetensors"
        _write(path, Checkpoint(checkpoint.tensors, values))
        self._chunks.pop(path, None)
        self._chunks[path] = chunks
        self._tidy()
        return path

    def load(self, replay: Replay | None = None) -> Checkpoint:
        """The newest whole checkpoint; where a newer one is damaged, standard error says so.

        Args:
            replay: is filled with what the checkpoint's chunks hold.

        Raises:
            CheckpointError: there is none, none is whole, or the newest is of another version of Gaitway.
        """
        paths = _checkpoints(self.run_dir)
        if not paths:
            raise CheckpointError(f"no checkpoint in {self.run_dir}; `gaitway train` writes them")
        damages: list[str] = []
        for path in reversed(paths):
            try:
                checkpoint = _read(path)
                self._chunks = {path: []}
                if replay is not None:
                    self._fill(replay, path, checkpoint)
            except DamagedFileError as error:
                damages.append(f"{path} is damaged: {error}")
                continue
            for damage in damages:
                print(f"warning: {damage}; going on from {path.name}", file=sys.stderr)
            return checkpoint
        raise CheckpointError(f"no whole checkpoint in {self.run_dir}: {'; '.join(damages)}")

    def save_best(self, checkpoint: Checkpoint) -> None:
        """Keep the policy of a checkpoint as the best so far.

        Raises:
            GaitwayError: it could not be written.
        """
        policy = {name: value for name, value in checkpoint.tensors.items() if name.startswith("policy.")}
        _write(self._best, Checkpoint(policy, checkpoint.values))

    def load_best(self) -> Checkpoint:
        """The policy that did best in evaluation.

        Raises:
            CheckpointError: there is none, or it is damaged.
        """
        if not self._best.exists():
            raise CheckpointError(
                f"{self.run_dir} has no best checkpoint; `gaitway train` keeps one with --eval-every"
            )
        try:
            return _read(self._best)
        except DamagedFileError as error:
            raise CheckpointError(f"{self._best} is damaged: {error}") from error

    @property
    def _best(self) -> Path:
        return self.run_dir / "best.safetensors"

    def _fill(self, replay: Replay, path: Path, checkpoint: Checkpoint) -> None:
        saved = checkpoint.values.get("replay")
        if saved is None:
            raise CheckpointError(f"{path} has no replay buffer")
        self._chunks = {path: [Chunk(*chunk) for chunk in saved["chunks"]]}
        load_chunks(self._replay_dir, replay, self._chunks[path], saved["written"])

    def _tidy(self) -> None:
        """Keep the newest two and their chunks; one found damaged is neither."""
        self._chunks = dict(list(self._chunks.items())[-_KEPT:])
        for path in _checkpoints(self.run_dir):
            if path not in self._chunks:
                path.unlink()
        if self._replay_dir.exists():
            remove_chunks(self._replay_dir, {chunk for chunks in self._chunks.values() for chunk in chunks})


def load_checkpoint(run_dir: Path) -> Checkpoint:
    """The newest whole checkpoint of a run, without its replay buffer.

    Raises:
        CheckpointError: as `Checkpoints.load`.
    """
    return Checkpoints(run_dir).load()


def _write(path: Path, checkpoint: Checkpoint) -> None:
    values = {"format": FORMAT, "gaitway": gaitway.__version__, **checkpoint.values}
    data, _ = seal(checkpoint.tensors, {"gaitway": json.dumps(values)})
    write_atomically(path, data)


def _read(path: Path) -> Checkpoint:
    try:
        tensors, metadata = unseal(path.read_bytes())
    except DamagedFileError:
        _refuse_unsealed(path)
        raise
    values = json.loads(metadata["gaitway"])
    if values["format"] != FORMAT:
        raise CheckpointError(
            f"{path} was written by Gaitway {values['gaitway']} in format {values['format']}; "
            f"Gaitway {gaitway.__version__} reads format {FORMAT}"
        )
    return Checkpoint(tensors, values)


def _refuse_unsealed(path: Path) -> None:
    """Raise CheckpointError for a whole checkpoint from the time before they had checksums."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except safetensors.SafetensorError:
        return
    if "gaitway" in metadata and '"format"' not in metadata["gaitway"]:
        raise CheckpointError(
            f"{path} was written by an older Gaitway in format 1; this one reads format {FORMAT}"
        )


def _checkpoints(run_dir: Path) -> list[Path]:
    return sorted((run_dir / "checkpoints").glob("*.safetensors"))

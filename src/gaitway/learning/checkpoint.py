"""Checkpoints: one safetensors file each, whole or absent.

The tensors hold networks, optimiser, normaliser, random generators and the simulators' state; the
metadata entry `gaitway` holds everything else as JSON.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch

from gaitway.errors import GaitwayError
from gaitway.files import write_atomically

_KEPT = 2


class CheckpointError(GaitwayError):
    """A run folder or checkpoint that cannot be read or continued."""


@dataclass(frozen=True)
class Checkpoint:
    """A training at the boundary between two iterations."""

    tensors: dict[str, torch.Tensor]
    values: dict[str, Any]
    """Plain JSON values; `iteration` and `env_steps` among them."""


def save_checkpoint(run_dir: Path, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint atomically, then remove all but the newest two.

    Raises:
        GaitwayError: it could not be written; earlier checkpoints are untouched.
    """
    tensors = {name: tensor.contiguous() for name, tensor in checkpoint.tensors.items()}
    data = safetensors.torch.save(tensors, metadata={"gaitway": json.dumps(checkpoint.values)})
    path = run_dir / "checkpoints" / f"{checkpoint.values['env_steps']:012d}.safetensors"
    write_atomically(path, data)
    for old in _checkpoints(run_dir)[:-_KEPT]:
        old.unlink()
    return path


def load_checkpoint(run_dir: Path) -> Checkpoint:
    """The newest checkpoint of a run.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    paths = _checkpoints(run_dir)
    if not paths:
        raise CheckpointError(f"no checkpoint in {run_dir}; `gaitway train` writes them")
    try:
        with safetensors.safe_open(paths[-1], framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            values = json.loads((file.metadata() or {})["gaitway"])
    except (safetensors.SafetensorError, OSError, KeyError, ValueError) as error:
        raise CheckpointError(f"{paths[-1]} is not a whole checkpoint: {error}") from error
    return Checkpoint(tensors, values)


def _checkpoints(run_dir: Path) -> list[Path]:
    return sorted((run_dir / "checkpoints").glob("*.safetensors"))

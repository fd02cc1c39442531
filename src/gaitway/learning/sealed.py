"""Files of tensors that notice a flipped bit: safetensors with the SHA-256 of the whole file inside.

safetensors alone notices a file that was cut off, but not one whose bytes changed. The digest stands in the header's
metadata; it is computed with zeros in its own place, so that it covers every other byte.
"""

from __future__ import annotations

import hashlib
import json

import safetensors
import safetensors.torch
import torch

from gaitway.errors import GaitwayError

_LENGTH = 8  # bytes before the header, which say how long it is
_UNSEALED = b'"sha256":"' + b"0" * 64 + b'"'


class DamagedFileError(GaitwayError):
    """A file that is not what was written."""


def seal(tensors: dict[str, torch.Tensor], metadata: dict[str, str]) -> tuple[bytes, str]:
    """A safetensors file and its digest, 64 hexadecimal digits, which also stands in the file."""
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    data = safetensors.torch.save(contiguous, metadata={**metadata, "sha256": "0" * 64})
    digest = hashlib.sha256(data).hexdigest()
    return data.replace(_UNSEALED, _UNSEALED.replace(b"0" * 64, digest.encode()), 1), digest


def unseal(data: bytes) -> tuple[dict[str, torch.Tensor], dict[str, str]]:
    """The tensors and the metadata of a sealed file; its digest is among the metadata.

    Raises:
        DamagedFileError: the file is not as it was written.
    """
    end = _LENGTH + int.from_bytes(data[:_LENGTH], "little")
    try:
        metadata = json.loads(data[_LENGTH:end])["__metadata__"]
        digest = metadata["sha256"].encode()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise DamagedFileError("its header cannot be read") from error
    whole = hashlib.sha256(data[:end].replace(digest, b"0" * 64, 1))
    whole.update(memoryview(data)[end:])
    if whole.hexdigest().encode() != digest:
        raise DamagedFileError("its content does not match its SHA-256")
    try:
        return safetensors.torch.load(data), metadata
    except safetensors.SafetensorError as error:
        raise DamagedFileError(str(error)) from error

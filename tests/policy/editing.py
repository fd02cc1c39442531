"""Policy files that were tampered with."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import onnx

from gaitway.policy.file import METADATA_KEY

Edit = Callable[[onnx.ModelProto, dict], None]
"""Changes a graph or the spec beside it, in place."""


def edited(path: Path, target: Path, edit: Edit) -> Path:
    """A copy of the policy file with its graph or its spec changed, still a whole ONNX file."""
    model = onnx.load(path)
    spec = json.loads(next(p.value for p in model.metadata_props if p.key == METADATA_KEY))
    edit(model, spec)
    del model.metadata_props[:]
    onnx.helper.set_model_props(model, {METADATA_KEY: json.dumps(spec)})
    onnx.save(model, target)
    return target

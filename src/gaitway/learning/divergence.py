"""A training that is no longer made of finite numbers ends; nothing is replaced, and nothing of it is saved."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import torch

from gaitway.errors import GaitwayError
from gaitway.learning.algorithm import Policy


def check_metrics(metrics: Mapping[str, float], run_dir: Path) -> None:
    """Refuse an iteration of which a loss or another figure is not finite.

    Raises:
        GaitwayError: with the names of those.
    """
    _refuse([name for name, value in metrics.items() if not math.isfinite(value)], run_dir)


def check_policy(policy: Policy, run_dir: Path) -> None:
    """Refuse a policy with a parameter or statistic that is not finite.

    Raises:
        GaitwayError: with the names of those.
    """
    tensors = [tensor for tensor in policy.state_dict().values() if tensor.is_floating_point()]
    if not math.isfinite(float(torch.nn.utils.get_total_norm(tensors))):
        broken = [name for name, tensor in policy.state_dict().items() if not tensor.isfinite().all()]
        _refuse([f"parameter {name}" for name in broken], run_dir)


def _refuse(broken: list[str], run_dir: Path) -> None:
    if broken:
        verb = "is" if len(broken) == 1 else "are"
        raise GaitwayError(
            f"training diverged: {', '.join(broken)} {verb} not finite; the last checkpoint in {run_dir} is whole"
        )

"""How far observations are from what a policy saw before it came to the robot."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitway.policy.spec import ObservationStatistics, PolicySpec, TermSpec

_LEAST_STD = 0.02
_LEAST_SHARE = 0.25
"""A value's deviation counts as at least this share of its term's: what hardly varied in simulation may on a robot."""


@dataclass(frozen=True)
class TermScore:
    """One term of the observation beside what was seen of it."""

    term: str
    z: float
    """Mean absolute z-score of the value that is farthest off."""
    value: str
    """That value: a joint, an axis, or its place in the term."""
    measured: float
    """Its mean."""
    seen_mean: float
    seen_std: float


def observed(spec: PolicySpec) -> ObservationStatistics:
    """What the policy saw in evaluation, or, in files that do not say it, in their golden traces."""
    if spec.observed is not None:
        return spec.observed
    obs = np.concatenate([np.array(trace.obs) for trace in spec.golden_traces])
    return ObservationStatistics(
        mean=tuple(obs.mean(axis=0).tolist()), std=tuple(obs.std(axis=0).tolist()), count=len(obs)
    )


def term_scores(spec: PolicySpec, obs: np.ndarray) -> list[TermScore]:
    """The z-score of every term.

    Args:
        spec: of the policy.
        obs: observations of consecutive control steps. Shape (n, obs_size).
    """
    seen = observed(spec)
    mean, std = np.array(seen.mean), np.array(seen.std)
    found, first = [], 0
    for term in spec.observation:
        part = slice(first, first + term.size * term.history)
        first = part.stop
        least = max(_LEAST_STD, _LEAST_SHARE * float(np.sqrt(np.mean(np.square(std[part])))))
        deviation = np.maximum(std[part], least)
        z = np.abs((obs[:, part] - mean[part]) / deviation).mean(axis=0)
        worst = int(np.argmax(np.where(np.isnan(z), np.inf, z)))
        place = worst % term.size
        found.append(
            TermScore(
                term.name,
                float(z[worst]),
                _value_name(spec, term, place),
                float(obs[:, part].mean(axis=0)[worst]),
                float(mean[part][worst]),
                float(std[part][worst]),
            )
        )
    return found


def _value_name(spec: PolicySpec, term: TermSpec, place: int) -> str:
    joints = spec.robot.joint_names
    if term.frame == "joint" and term.size == len(joints):
        return joints[place]
    return "xyz"[place] if term.frame == "base" and term.size == 3 else f"value {place}"

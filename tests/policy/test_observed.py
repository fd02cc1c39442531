"""What a policy file says was observed, beside what a robot observes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from gaitway.policy import PolicyError, load_policy
from gaitway.policy.observed import observed, term_scores
from tests.policy.editing import edited


def test_an_exported_policy_says_what_robots_observed_in_evaluation(toy_policy: Path) -> None:
    spec = load_policy(toy_policy).spec
    assert spec.observed is not None
    assert observed(spec) is spec.observed
    assert len(spec.observed.mean) == len(spec.observed.std) == spec.obs_size
    assert spec.observed.count > 500
    recorded = np.concatenate([np.array(trace.obs) for trace in spec.golden_traces])
    assert max(score.z for score in term_scores(spec, recorded)) < 4.0


def test_a_file_without_statistics_is_judged_by_its_golden_traces(toy_policy: Path, tmp_path: Path) -> None:
    path = edited(toy_policy, tmp_path / "p.onnx", lambda model, spec: spec.pop("observed"))
    spec = load_policy(path).spec
    assert spec.observed is None
    recorded = np.concatenate([np.array(trace.obs) for trace in spec.golden_traces])
    np.testing.assert_allclose(observed(spec).mean, recorded.mean(axis=0))
    assert max(score.z for score in term_scores(spec, recorded)) < 2.0


def test_what_is_far_from_all_that_was_seen_is_named_by_term_and_joint(toy_policy: Path) -> None:
    spec = load_policy(toy_policy).spec
    obs = np.tile(observed(spec).mean, (10, 1))
    assert max(score.z for score in term_scores(spec, obs)) == pytest.approx(0.0, abs=1e-9)
    place = 0
    for term in spec.observation:
        if term.name == "joint_pos_rel":
            break
        place += term.size * term.history
    joint = spec.robot.joint_names.index("left_knee_joint")
    obs[:, place + joint] += 3.0
    worst = max(term_scores(spec, obs), key=lambda score: score.z)
    assert (worst.term, worst.value) == ("joint_pos_rel", "left_knee_joint")
    assert worst.z > 8.0
    obs[:, place] = np.nan
    assert max(term_scores(spec, obs), key=lambda score: np.isnan(score.z)).value == spec.robot.joint_names[0]


def test_statistics_of_another_size_are_refused(toy_policy: Path, tmp_path: Path) -> None:
    path = edited(toy_policy, tmp_path / "p.onnx", lambda model, spec: spec["observed"]["mean"].pop())
    with pytest.raises(PolicyError, match=r"it observes 75 values, with 74 means and 75 deviations"):
        load_policy(path)

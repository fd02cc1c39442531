"""The policies in the box: each loads, fits its robot, and says where it comes from."""

from __future__ import annotations

import json

import pytest

from gaitway.policy import check_binding, load_policy
from gaitway.policy.shipped import find_policy, shipped_policies
from gaitway.robots import get_robot


def test_a_walking_policy_is_in_the_box_under_its_name_and_its_task() -> None:
    assert find_policy("h23_walk") == find_policy("walk") == shipped_policies()["h23_walk"]


@pytest.mark.parametrize("name", sorted(shipped_policies()))
def test_each_proves_itself_and_comes_with_licence_origin_and_report(name: str) -> None:
    path = find_policy(name)
    spec = load_policy(path).spec
    check_binding(spec, get_robot(spec.robot.name))
    assert spec.origin.license == "Apache-2.0"
    report = json.loads(path.with_suffix(".json").read_text())
    assert report["seed"] == spec.origin.seed
    assert report["env_steps"] == spec.origin.env_steps == report["curve"][-1]["env_steps"]
    assert report["seconds"] > 0.0
    assert report["machine"]["processor"]
    assert path.with_suffix(".html").read_text().startswith("<!doctype html>")

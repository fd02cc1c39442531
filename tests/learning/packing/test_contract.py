from __future__ import annotations

from typing import Any

import msgspec
import numpy as np
import pytest

from gaitway.errors import GaitwayError
from gaitway.learning.packing import make_contract
from gaitway.learning.packing.draft import draft_spec
from gaitway.policy import PolicySpec
from gaitway.robots import h23

ROBOT = h23()
NAMES = ROBOT.joint_names


def tables(**changes: Any) -> dict[str, Any]:
    return {
        "step_dt": 0.02,
        "observation": [{"term": "projected_gravity"}, {"term": "joint_vel", "scale": 0.05, "history": 3}],
        "action": {"scale": 0.25},
        **changes,
    }


def spec_of(**changes: Any) -> PolicySpec:
    return draft_spec(make_contract(tables(**changes), "spec.toml"), ROBOT)


def test_what_is_not_said_is_the_robots() -> None:
    spec = spec_of()
    assert spec.robot.joint_names == NAMES
    assert spec.robot.own == ()
    assert spec.robot.stiffness == ROBOT.stiffness
    assert spec.action.offset == ROBOT.home_joint_pos
    assert spec.action.scale == (0.25,) * 23
    assert (spec.obs_size, spec.command, spec.gait) == (3 + 3 * 23, None, None)
    assert (spec.origin.task, spec.origin.license, spec.origin.env_steps) == ("stand", "unknown", None)


def test_joints_are_matched_by_name() -> None:
    turned = tuple(reversed(NAMES))
    spec = spec_of(joint_names=list(turned), stiffness={name: float(i + 1) for i, name in enumerate(NAMES)})
    assert spec.robot.joint_names == spec.action.joint_names == turned
    assert spec.robot.effort_limit == tuple(reversed(ROBOT.effort_limit))
    assert spec.robot.home_joint_pos == tuple(reversed(ROBOT.home_joint_pos))
    assert spec.robot.stiffness == tuple(np.arange(23.0, 0.0, -1.0))
    assert spec.robot.own == ("stiffness",)


def test_a_network_that_is_told_where_to_go_is_measured_walking() -> None:
    observation = [{"term": "command", "scale": 2.0}, {"term": "gait_clock"}]
    spec = spec_of(observation=observation)
    assert spec.origin.task == "walk"
    assert spec.command is not None
    assert spec.gait is not None
    ranges = {"lin_vel_x": [0.0, 0.5], "lin_vel_y": [0.0, 0.0], "ang_vel_z": [-1.0, 1.0]}
    spec = spec_of(observation=observation, command=ranges)
    assert msgspec.to_builtins(spec.command) == {key: tuple(value) for key, value in ranges.items()}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"observation": [{"term": "joint_pso_rel"}]}, "unknown observation term 'joint_pso_rel'; did you mean 'joint_pos_rel'"),
        ({"stifness": 3.0}, "unknown key in spec.toml: 'stifness'; did you mean 'stiffness'"),
        ({"action": {"scal": 3.0}}, r"unknown key in \[action\] of spec.toml: 'scal'; did you mean 'scale'"),
        ({"action": {}}, r"missing required field `scale` - at `\$.action`"),
        ({"step_dt": "fast"}, r"Expected `float`, got `str` - at `\$.step_dt`"),
        ({"step_dt": 0.0}, "0 < step_dt <= 1 s"),
        ({"observation": []}, r"at least one \[\[observation\]\]"),
        ({"observation": [{"term": "joint_vel", "history": 0}]}, "joint_vel needs a history of at least 1"),
        ({"joint_names": ["left_hip_picth_joint", *NAMES[1:]]}, "left_hip_picth_joint is unknown to h23; did you mean left_hip_pitch_joint"),
        ({"joint_names": ["left_hip_picth_joint", *NAMES[1:]]}, "joint left_hip_pitch_joint of h23 is missing"),
        ({"joint_names": [*NAMES, NAMES[0]]}, f"joint {NAMES[0]} appears twice"),
        ({"damping": [1.0, 2.0]}, "damping has 2 values; there are 23 joints"),
        ({"damping": {NAMES[0]: 1.0}}, f"damping has no value for {NAMES[1]}, "),
        ({"damping": {"knee": 1.0}}, "unknown joint in damping 'knee'"),
        ({"stiffness": float("nan")}, "stiffness must be finite"),
        ({"stiffness": -3.0}, f"{NAMES[0]}: -3 is no stiffness"),
        ({"home_joint_pos": 9.0}, f"{NAMES[0]}: the policy's home position 9 rad is outside its range"),
        ({"observation": [{"term": "joint_vel", "clip": [1.0, -1.0]}]}, r"clip of joint_vel must be finite, .* got \[1.0, -1.0\]"),
        ({"command": {"lin_vel_x": [1.0, 0.0], "lin_vel_y": [0.0, 0.0], "ang_vel_z": [0.0, 0.0]}}, "command.lin_vel_x must be finite"),
        ({"gait": {"period_s": 0.7, "stance": 0.2, "swing_height": 0.1}}, "stance from 0.5 to below 1; it has 0.7 and 0.2"),
        ({"observation": [{"term": "command"}], "task": "stand"}, r"observes command, so its contract needs a table \[command\]"),
        ({"task": "wlak"}, "unknown task 'wlak'; did you mean 'walk'"),
    ],
)  # fmt: skip
def test_a_contract_that_means_nothing_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(GaitwayError, match=message):
        spec_of(**changes)

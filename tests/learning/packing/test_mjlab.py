"""The metadata below has the form in which mjlab's exporter writes it: text, commas, three decimals."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict
from torch import from_numpy

from gaitway.learning.packing import make_contract, mjlab_contract, pack, read_network
from gaitway.learning.packing.draft import draft_spec
from gaitway.policy import PolicyError, PolicySpec, differences, load_policy
from gaitway.policy.file import replay_difference
from gaitway.robots import h23

ROBOT = h23()


def as_text(value: Any) -> str:
    if not isinstance(value, list):
        return str(value)
    return ",".join(f"{x:.3f}" if isinstance(x, (int, float)) else str(x) for x in value)


def metadata(**changes: Any) -> dict[str, str]:
    """What mjlab would write of a policy for `stand` on h23; None leaves an entry out."""
    terms = ["base_ang_vel", "projected_gravity", "joint_pos", "joint_vel", "actions"]
    values = {
        "run_path": "someone/mjlab/abc123",
        "joint_names": list(ROBOT.joint_names),
        "joint_stiffness": list(ROBOT.stiffness),
        "joint_damping": list(ROBOT.damping),
        "default_joint_pos": list(ROBOT.home_joint_pos),
        "command_names": ["twist"],
        "observation_names": terms,
        "observation_terms_scale": [0.5, 1.0, 1.0, [0.05] * 23, 1.0],
        "observation_terms_flatten_history_dim": [True] * 5,
        "observation_terms_history_length": [0] * 5,
        "observation_terms_clip": [[float("-inf"), float("inf")]] * 5,
        "action_scale": [0.05] * 23,
        **changes,
    }
    return {key: as_text(value) for key, value in values.items() if value is not None}


def spec_of(given: dict[str, str]) -> PolicySpec:
    return draft_spec(make_contract(mjlab_contract(given, ROBOT), "mjlab's metadata"), ROBOT)


def test_a_network_with_mjlabs_metadata_becomes_a_policy_file(
    rsl_rl_runner: OnPolicyRunner, rsl_rl_network: Path, tmp_path: Path
) -> None:
    model = onnx.load(rsl_rl_network)
    for key, value in metadata().items():
        model.metadata_props.append(onnx.StringStringEntryProto(key=key, value=value))
    onnx.save(model, tmp_path / "mjlab.onnx")
    network = read_network(tmp_path / "mjlab.onnx")
    contract = make_contract(mjlab_contract(network.metadata, ROBOT), "mjlab's metadata")
    pack(network, contract, tmp_path / "packed.onnx", num_robots=4, episode_s=0.5)
    runtime = load_policy(tmp_path / "packed.onnx")
    assert replay_difference(runtime) <= 1e-5
    assert differences(runtime.spec, ROBOT) == []
    assert runtime.spec.origin.source == "mjlab someone/mjlab/abc123"
    assert [(term.name, term.scale) for term in runtime.spec.observation] == [
        ("base_ang_vel", 0.5), ("projected_gravity", 1.0), ("joint_pos_rel", 1.0), ("joint_vel", 0.05),
        ("last_action", 1.0),
    ]  # fmt: skip

    trace = runtime.spec.golden_traces[0]
    obs = from_numpy(np.array(trace.obs, dtype=np.float32))
    expected = rsl_rl_runner.get_inference_policy("cpu")(TensorDict({"policy": obs}, batch_size=[len(obs)]))
    np.testing.assert_allclose(trace.action, np.clip(expected.detach().numpy(), -100.0, 100.0), atol=1e-5)


def test_three_decimals_of_the_robots_own_values_are_the_robots_own() -> None:
    precise = replace(ROBOT, stiffness=(99.09842777666113, *ROBOT.stiffness[1:]))
    tables = mjlab_contract(metadata(joint_stiffness=[99.098, *ROBOT.stiffness[1:]]), precise)
    assert tables["stiffness"] == list(precise.stiffness)
    assert spec_of(metadata()).robot.own == ()


def test_gains_and_pose_that_differ_are_the_policys_own() -> None:
    spec = spec_of(metadata(joint_stiffness=[100.0] * 23, joint_damping=[5.0] * 23))
    assert spec.robot.own == ("stiffness", "damping")
    assert spec.robot.stiffness == (100.0,) * 23


def test_older_files_without_scales_and_histories_are_read() -> None:
    keys = ("scale", "flatten_history_dim", "history_length", "clip")
    spec = spec_of(metadata(**{f"observation_terms_{key}": None for key in keys}, action_scale=0.5))
    assert {(term.scale, term.clip, term.history) for term in spec.observation} == {(1.0, None, 1)}
    assert spec.action.scale == (0.5,) * 23


def test_histories_and_clips_are_read() -> None:
    spec = spec_of(
        metadata(
            observation_terms_history_length=[5, 5, 5, 5, 0],
            observation_terms_clip=[[-4.0, 4.0], *[[float("-inf"), float("inf")]] * 3, [-10.0, float("inf")]],
        )
    )
    assert [term.history for term in spec.observation] == [5, 5, 5, 5, 1]
    assert spec.observation[0].clip == (-2.0, 2.0), "mjlab clips before it scales, we after"
    assert spec.observation[1].clip is None
    assert spec.observation[4].clip is not None
    assert spec.observation[4].clip[0] == -10.0
    isaac = spec_of(metadata(observation_terms_history_length=None, observation_history_lengths=[3] * 5))
    assert {term.history for term in isaac.observation} == {3}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"joint_stiffness": None}, "lacks mjlab's metadata entries joint_stiffness; it has action_scale, "),
        ({"observation_names": ["height_scan"]}, "observations height_scan have no counterpart among our terms"),
        ({"observation_names": ["command"] * 5, "command_names": ["motion"]}, "observes mjlab's command motion; only a velocity"),
        ({"observation_terms_scale": [1.0]}, "observation_terms_scale has 1 values for 5 observations"),
        ({"observation_terms_scale": [[1.0, 2.0, 3.0], 1.0, 1.0, 1.0, 1.0]}, "scales the values of base_ang_vel by different factors"),
        ({"observation_terms_history_length": [5] * 5, "observation_terms_flatten_history_dim": [False] * 5}, "history of base_ang_vel is not flattened"),
        ({"joint_damping": ["much"]}, "joint_damping cannot be read: could not convert string to float: 'much'"),
        ({"joint_names": ["left_hip_yaw", "right_hip_yaw"]}, "joint left_hip_yaw is unknown to h23; did you mean left_hip_yaw_joint"),
        ({"action_scale": [0.5, 0.5]}, "action.scale has 2 values; there are 23 joints"),
    ],
)  # fmt: skip
def test_what_cannot_be_written_in_our_terms_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        spec_of(metadata(**changes))

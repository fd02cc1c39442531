from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from gaitway.policy import PolicyError, PolicySpec, check_binding, differences, load_policy
from gaitway.policy.file import replay, replay_difference
from gaitway.policy.shipped import find_policy
from gaitway.robots import h23
from tests.policy.editing import edited


@pytest.fixture(scope="module")
def runtime(toy_policy: Path):
    return load_policy(toy_policy)


def test_loads_replays_and_says_where_it_comes_from(toy_policy: Path, runtime) -> None:
    spec = runtime.spec
    assert replay_difference(runtime) <= 1e-5
    assert len(spec.golden_traces) >= 2
    assert min(len(trace.obs) for trace in spec.golden_traces) >= 32
    assert (spec.origin.task, spec.origin.algorithm, spec.origin.env_steps) == ("stand", "ppo", 6144)
    assert spec.robot.model_sha256 == h23().model_sha256
    assert spec.robot.joint_names == h23().joint_names
    assert {term.topic for term in spec.observation} == {"/joint_states", "/imu/data", "controller"}


def test_the_spec_survives_json_to_the_last_bit(runtime) -> None:
    assert PolicySpec.from_json(runtime.spec.to_json()) == runtime.spec


def test_the_batch_dimension_is_free(runtime) -> None:
    obs = np.random.default_rng(0).normal(size=(7, runtime.spec.obs_size)).astype(np.float32)
    together = runtime.infer(obs)
    for one, expected in zip(obs, together, strict=True):
        np.testing.assert_allclose(runtime.infer(one[None])[0], expected, atol=1e-6)


def test_a_step_depends_on_the_last_action_and_a_reset_forgets_it(runtime) -> None:
    trace = runtime.spec.golden_traces[0]
    first = replay(runtime, trace)
    second = replay(runtime, trace)
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a.action, b.action)
    values = [
        np.array(getattr(trace, name)[0]) for name in ("joint_pos", "joint_vel", "imu_quat_w", "imu_ang_vel")
    ]
    runtime.reset()
    without = runtime.step(*values).action
    assert np.abs(runtime.step(*values).obs - first[0].obs).max() > 0.0
    np.testing.assert_array_equal(without, first[0].action)


@pytest.mark.parametrize("length", [0, 100, -1000])
def test_a_truncated_file_is_refused(toy_policy: Path, tmp_path: Path, length: int) -> None:
    path = tmp_path / "cut.onnx"
    path.write_bytes(toy_policy.read_bytes()[:length])
    with pytest.raises(
        PolicyError, match=r"is not a whole ONNX file|spec cannot be read|without the metadata"
    ):
        load_policy(path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no policy file at .*gaitway export"):
        load_policy(tmp_path / "none.onnx")


def test_a_foreign_onnx_file_is_refused(toy_policy: Path, tmp_path: Path) -> None:
    model = onnx.load(toy_policy)
    del model.metadata_props[:]
    onnx.save(model, tmp_path / "foreign.onnx")
    with pytest.raises(PolicyError, match="without the metadata entry 'gaitway'"):
        load_policy(tmp_path / "foreign.onnx")


def test_a_newer_schema_is_refused_by_its_number(toy_policy: Path, tmp_path: Path) -> None:
    path = edited(
        toy_policy, tmp_path / "p.onnx", lambda model, spec: spec.update(schema_version=99, new_field=1)
    )
    with pytest.raises(PolicyError, match="schema version 99; this Gaitway reads up to 3"):
        load_policy(path)


def _change_weight(model: onnx.ModelProto, spec: dict) -> None:
    weight = next(t for t in model.graph.initializer if len(t.dims) == 2)
    values = numpy_helper.to_array(weight).copy()
    values += 1e-3
    weight.CopyFrom(numpy_helper.from_array(values, weight.name))


def _swap_terms(model: onnx.ModelProto, spec: dict) -> None:
    spec["observation"][0], spec["observation"][1] = spec["observation"][1], spec["observation"][0]


def _swap_joints(model: onnx.ModelProto, spec: dict) -> None:
    home = spec["robot"]["home_joint_pos"]
    home[0], home[3] = home[3], home[0]


def _flip_scale(model: onnx.ModelProto, spec: dict) -> None:
    spec["action"]["scale"][5] *= -1.0


def _turn_imu(model: onnx.ModelProto, spec: dict) -> None:
    spec["robot"]["imu_mounting_quat"] = [0.0, 1.0, 0.0, 0.0]


@pytest.mark.parametrize("edit", [_change_weight, _swap_terms, _swap_joints, _flip_scale, _turn_imu])
def test_a_file_that_computes_something_else_is_refused(toy_policy: Path, tmp_path: Path, edit) -> None:
    with pytest.raises(PolicyError, match="does not compute what it computed at export"):
        load_policy(edited(toy_policy, tmp_path / "p.onnx", edit))


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda model, spec: spec["robot"]["stiffness"].pop(), "for 23 joints, robot.stiffness has 22"),
        (lambda model, spec: spec.pop("step_dt"), "missing required field `step_dt`"),
        (
            lambda model, spec: (spec["observation"].pop(), spec.pop("observed")),
            r"its spec says observation \(52,\)",
        ),
        (lambda model, spec: spec["observation"].pop(), "it observes 52 values, with 75 means"),
        (lambda model, spec: spec["golden_traces"].pop(), r"golden traces of \[32\] steps; at least 2 of 32"),
        (
            lambda model, spec: spec["golden_traces"][1]["imu_quat_w"].pop(),
            r"imu_quat_w is not of shape \(32, 4\)",
        ),
        (lambda model, spec: spec["action"]["joint_names"].reverse(), "action's joints must be the robot's"),
        (lambda model, spec: spec.update(step_dt=0.0), "step_dt above 0; it is 0.0"),
        (lambda model, spec: spec["observation"][0].update(name="lidar"), "unknown observation term 'lidar'"),
    ],
)
def test_a_spec_that_contradicts_itself_is_refused(
    toy_policy: Path, tmp_path: Path, edit, message: str
) -> None:
    with pytest.raises(Exception, match=message) as error:
        load_policy(edited(toy_policy, tmp_path / "p.onnx", edit))
    assert error.type.__module__.startswith("gaitway.")


def test_binds_to_the_robot_it_was_trained_on(runtime) -> None:
    assert differences(runtime.spec, h23()) == []


def test_joints_in_another_order_are_the_same_robot(runtime) -> None:
    robot = h23()
    order = list(reversed(range(robot.num_joints)))
    fields = (
        "joint_names", "home_joint_pos", "stiffness", "damping", "effort_limit", "velocity_limit",
        "position_limit", "damping_mode",
    )  # fmt: skip
    turned = dataclasses.replace(
        robot, **{name: tuple(getattr(robot, name)[i] for i in order) for name in fields}
    )
    assert differences(runtime.spec, turned) == []


def test_every_difference_to_another_robot_is_listed(runtime) -> None:
    robot = h23()
    names = ("left_hip_swing_joint", *robot.joint_names[1:])
    other = dataclasses.replace(
        robot,
        name="h24",
        joint_names=names,
        stiffness=(*robot.stiffness[:4], 1.0, *robot.stiffness[5:]),
        effort_limit=(*robot.effort_limit[:-1], 10.0),
        position_limit=(*robot.position_limit[:-1], (-1.0, 1.0)),
        mjcf=robot.mjcf + "<!-- -->",
    )
    with pytest.raises(PolicyError) as error:
        check_binding(runtime.spec, other)
    message = str(error.value)
    for part in (
        "the policy does not fit robot 'h24'; 8 differences:",
        "the robot is 'h24'; the policy is for 'h23'",
        "joint left_hip_pitch_joint is missing",
        "joint left_hip_swing_joint is unknown to the policy",
        "left_ankle_pitch_joint: stiffness is 1 N m/rad; the policy needs 300",
        "right_wrist_roll_joint: effort limit is 10 N m; the policy needs 25",
        "right_wrist_roll_joint: lower position limit is -1 rad; the policy needs -1.97",
        "right_wrist_roll_joint: upper position limit is 1 rad; the policy needs 1.97",
        "SHA-256",
    ):
        assert part in message


def test_a_policy_file_says_nothing_of_the_folders_that_it_was_made_in(toy_policy: Path) -> None:
    for path in (toy_policy, find_policy("h23_walk")):
        assert b"site-packages" not in path.read_bytes()
        assert b".py" not in path.read_bytes()

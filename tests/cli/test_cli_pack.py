"""`gaitway pack` as a user types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from gaitway.cli.main import main
from gaitway.policy import load_policy
from gaitway.robots import h23

N = h23().num_joints
SPEC = """
step_dt = 0.02
source = "a test"
action = { scale = 0.1 }
observation = [{ term = "projected_gravity" }, { term = "joint_vel", scale = 0.05 }]
"""
MJLAB = {
    "joint_names": ",".join(h23().joint_names),
    "joint_stiffness": ",".join(f"{kp:.3f}" for kp in h23().stiffness),
    "joint_damping": ",".join(f"{kd:.3f}" for kd in h23().damping),
    "default_joint_pos": ",".join(f"{pos:.3f}" for pos in h23().home_joint_pos),
    "observation_names": "projected_gravity,joint_vel",
    "action_scale": "0.25",
}


def pack(*arguments: str | Path) -> None:
    main(["pack", *map(str, arguments), "--episodes", "4", "--episode-s", "0.5"])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    """A damper on the joint velocities."""
    weight = np.vstack([np.zeros((3, N)), -0.05 * np.eye(N)]).astype(np.float32)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["obs", "weight"], ["actions"])],
        "damper",
        [helper.make_tensor_value_info("obs", TensorProto.FLOAT, [1, 3 + N])],
        [helper.make_tensor_value_info("actions", TensorProto.FLOAT, [1, N])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    onnx.save(model, tmp_path / "network.onnx")
    return tmp_path / "network.onnx"


def test_a_network_and_a_spec_make_a_policy_file(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "spec.toml").write_text(SPEC)
    pack(network, "--spec", tmp_path / "spec.toml", "--out", tmp_path / "packed.onnx")
    assert "100.0 % of 4 robots upright to the end of stand" in " ".join(capsys.readouterr().out.split())
    spec = load_policy(tmp_path / "packed.onnx").spec
    assert spec.action.scale == (0.1,) * N
    assert (spec.origin.source, spec.origin.task) == ("a test", "stand")
    main(["inspect", str(tmp_path / "packed.onnx")])
    assert "trained by unknown elsewhere" in " ".join(capsys.readouterr().out.split())
    main(["eval", str(tmp_path / "packed.onnx"), "--episode-s", "0.5", "--no-baseline", "--json"])
    assert '"survival": 1.0' in capsys.readouterr().out


def test_mjlabs_metadata_is_taken_and_a_spec_has_the_last_word(
    network: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = onnx.load(network)
    helper.set_model_props(model, MJLAB)
    onnx.save(model, network)
    pack(network, "--out", tmp_path / "plain.onnx")
    assert load_policy(tmp_path / "plain.onnx").spec.action.scale == (0.25,) * N
    (tmp_path / "more.toml").write_text('license = "MIT"\ndamping = 7.0\naction = { clip = 5.0 }\n')
    pack(network, "--from", "mjlab", "--spec", tmp_path / "more.toml", "--out", tmp_path / "more.onnx")
    assert "it brings its own damping" in capsys.readouterr().out
    spec = load_policy(tmp_path / "more.onnx").spec
    assert (spec.action.scale[0], spec.action.clip) == (0.25, 5.0)
    assert (spec.origin.license, spec.robot.own) == ("MIT", ("damping",))


@pytest.mark.parametrize(
    ("spec", "arguments", "message"),
    [
        (None, (), "nothing says what the inputs and outputs"),
        (None, ("--from", "mjlab"), "lacks mjlab's metadata entries joint_names"),
        (None, ("--spec", "nowhere.toml"), "cannot read the spec nowhere.toml: No such file"),
        ("step_dt = ", (), "is no TOML file"),
        (SPEC.replace("joint_vel", "joint_speed"), (), "unknown observation term 'joint_speed'"),
        (SPEC.replace('"projected_gravity"', '"joint_pos_rel"'), (), "the network observes 26 values; the terms of its contract make 46"),
        (SPEC, ("--robot", "h32"), "unknown robot 'h32'; did you mean 'h23'"),
        (SPEC, ("--task", "wlak"), "unknown task 'wlak'; did you mean 'walk'"),
    ],
)  # fmt: skip
def test_what_cannot_be_packed_is_refused_and_nothing_is_written(
    network: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    spec: str | None,
    arguments: tuple[str, ...],
    message: str,
) -> None:
    if spec is not None:
        (tmp_path / "spec.toml").write_text(spec)
        arguments = (*arguments, "--spec", str(tmp_path / "spec.toml"))
    with pytest.raises(SystemExit) as end:
        pack(network, "--out", tmp_path / "out" / "packed.onnx", *arguments)
    assert end.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "out").exists()

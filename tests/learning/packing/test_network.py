from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from gaitway.learning.packing import read_network
from gaitway.policy import PolicyError
from gaitway.policy.file import open_session

WEIGHT = np.arange(12.0).reshape(4, 3) / 10.0


def run(model: onnx.ModelProto, obs: np.ndarray) -> np.ndarray:
    session = open_session(model.SerializeToString(), "a network")
    return np.asarray(session.run(None, {session.get_inputs()[0].name: obs})[0])


@pytest.mark.parametrize("reshapes", [False, True], ids=["free at heart", "made for one row"])
@pytest.mark.parametrize("batch", [1, "n"])
def test_a_batch_is_computed_as_its_rows_are(linear, batch: int | str, reshapes: bool) -> None:
    network = read_network(linear(WEIGHT, batch=batch, reshapes=reshapes))
    assert (network.obs_size, network.num_actions) == (4, 3)
    for count in (1, 7):
        obs = np.random.default_rng(count).normal(size=(count, 4)).astype(np.float32)
        np.testing.assert_allclose(run(network.model, obs), obs @ WEIGHT.astype(np.float32), atol=1e-6)


def test_weights_in_a_file_of_their_own_are_read_and_missed(linear, tmp_path: Path) -> None:
    path = linear(WEIGHT)
    onnx.save(
        onnx.load(path),
        tmp_path / "split.onnx",
        save_as_external_data=True,
        location="w.data",
        size_threshold=0,
    )
    obs = np.ones((2, 4), dtype=np.float32)
    network = read_network(tmp_path / "split.onnx")
    np.testing.assert_allclose(run(network.model, obs), obs @ WEIGHT, atol=1e-6)
    (tmp_path / "w.data").unlink()
    with pytest.raises(PolicyError, match="w.data"):
        read_network(tmp_path / "split.onnx")


def test_a_network_with_a_state_of_its_own_is_refused(tmp_path: Path) -> None:
    values = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 4]) for name in ("obs", "h_in", "a", "h")
    ]
    nodes = [helper.make_node("Add", ["obs", "h_in"], ["a"]), helper.make_node("Sub", ["obs", "h_in"], ["h"])]
    graph = helper.make_graph(nodes, "recurrent", values[:2], values[2:])
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10),
        tmp_path / "r.onnx",
    )
    with pytest.raises(PolicyError, match=r"inputs \['obs', 'h_in'\] and outputs \['a', 'h'\]"):
        read_network(tmp_path / "r.onnx")


def test_what_is_no_network_is_refused(linear, tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="no ONNX file at .*nowhere.onnx"):
        read_network(tmp_path / "nowhere.onnx")
    (tmp_path / "cut.onnx").write_bytes(linear(WEIGHT).read_bytes()[:-30])
    with pytest.raises(PolicyError, match="is not a whole ONNX file"):
        read_network(tmp_path / "cut.onnx")
    with pytest.raises(PolicyError, match="not finite for ordinary observations"):
        read_network(linear(np.full_like(WEIGHT, np.nan)))

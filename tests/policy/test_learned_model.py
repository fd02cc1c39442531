"""Models of each library, made here, through the one loader."""

from __future__ import annotations

import importlib
import os
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from gaitway.policy import PolicyError
from gaitway.policy.learned_model import load_model

os.environ.setdefault("KERAS_BACKEND", "torch")
import keras
import skops.io
from sklearn.linear_model import LinearRegression, LogisticRegression

SIZE, ACTIONS = 4, 2
RNG = np.random.default_rng(0)
WEIGHT = RNG.normal(size=(SIZE, ACTIONS)).astype(np.float32)
BIAS = np.array([0.5, -1.0], dtype=np.float32)


class Own(LinearRegression):
    """A type that skops does not know."""


def write_onnx(path: Path, size: int | str = SIZE) -> None:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", size])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", ACTIONS])],
        [numpy_helper.from_array(WEIGHT, "w"), numpy_helper.from_array(BIAS, "b")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def torch_linear() -> nn.Module:
    linear = nn.Linear(SIZE, ACTIONS)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(WEIGHT.T))
        linear.bias.copy_(torch.from_numpy(BIAS))
    return nn.Sequential(linear, nn.Dropout(0.5)).eval()


def write_torch_export(path: Path) -> None:
    torch.export.save(torch.export.export(torch_linear(), (torch.zeros(1, SIZE),)), path)


def write_torch_script(path: Path) -> None:
    torch.jit.save(torch.jit.trace(torch_linear(), torch.zeros(1, SIZE)), path)


def write_keras(path: Path) -> None:
    model = keras.Sequential([keras.Input((SIZE,)), keras.layers.Dense(ACTIONS), keras.layers.Dropout(0.5)])
    model.layers[0].set_weights([WEIGHT, BIAS])
    model.save(path)


def linear_regression() -> LinearRegression:
    inputs = RNG.normal(size=(50, SIZE))
    return LinearRegression().fit(inputs, inputs @ WEIGHT + BIAS)


def write_skops(path: Path) -> None:
    skops.io.dump(linear_regression(), path)


WRITERS = {
    "model.onnx": write_onnx,
    "model.pt2": write_torch_export,
    "model.pt": write_torch_script,
    "model.keras": write_keras,
    "model.skops": write_skops,
}


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    for name, write in WRITERS.items():
        write(folder / name)
    return folder


@pytest.mark.parametrize("name", WRITERS)
def test_the_same_model_gives_the_same_from_every_library(models: Path, name: str) -> None:
    model = load_model(models / name, SIZE)
    assert (model.input_size, model.output_size) == (SIZE, ACTIONS)
    for values in RNG.normal(size=(3, SIZE)):
        np.testing.assert_allclose(model(values), values @ WEIGHT + BIAS, atol=1e-5)
        assert model(values).dtype == np.float64


@pytest.mark.parametrize("name", WRITERS)
@pytest.mark.parametrize("size", [SIZE - 1, SIZE + 1])
def test_a_model_of_another_size_is_refused_at_load(models: Path, name: str, size: int) -> None:
    with pytest.raises(
        PolicyError, match=rf"{name} (takes {SIZE} values; it would be given|does not work on) {size}"
    ):
        load_model(models / name, size)


def test_a_size_that_the_file_leaves_open_is_tried(tmp_path: Path) -> None:
    write_onnx(tmp_path / "open.onnx", size="anything")
    assert load_model(tmp_path / "open.onnx", SIZE).output_size == ACTIONS
    with pytest.raises(PolicyError, match="does not work on 5 values"):
        load_model(tmp_path / "open.onnx", 5)


@pytest.mark.parametrize("name", WRITERS)
def test_damaged_and_missing_files_are_refused(models: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(PolicyError, match=f"no model at .*{name}"):
        load_model(tmp_path / name, SIZE)
    (tmp_path / name).write_bytes((models / name).read_bytes()[:100])
    with pytest.raises(PolicyError, match=name):
        load_model(tmp_path / name, SIZE)


def test_a_pickle_is_no_model(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match=r"ends in one of \.onnx, \.pt2, \.pt, \.keras, \.skops"):
        load_model(tmp_path / "model.pkl", SIZE)
    torch.save(torch_linear(), tmp_path / "pickled.pt")
    with pytest.raises(PolicyError, match=r"pickled\.pt cannot be read"):
        load_model(tmp_path / "pickled.pt", SIZE)


def test_types_that_nobody_knows_must_be_trusted_by_name(tmp_path: Path) -> None:
    path, inputs = tmp_path / "own.skops", RNG.normal(size=(50, SIZE))
    skops.io.dump(Own().fit(inputs, inputs @ WEIGHT), path)
    own = f"{Own.__module__}.Own"
    with pytest.raises(PolicyError, match=f"types that nobody said are trusted: {own}"):
        load_model(path, SIZE)
    assert load_model(path, SIZE, trusted_types=[own]).output_size == ACTIONS


def test_a_classifier_gives_its_probabilities(tmp_path: Path) -> None:
    path = tmp_path / "classes.skops"
    inputs = RNG.normal(size=(60, SIZE))
    skops.io.dump(LogisticRegression().fit(inputs, np.arange(60) % 3), path)
    model = load_model(path, SIZE)
    assert model.output_size == 3
    assert model(inputs[0]).sum() == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("name", "missing", "package"),
    [
        ("model.pt2", "torch", "torch"),
        ("model.pt", "torch", "torch"),
        ("model.keras", "keras", "keras torch"),
        ("model.skops", "sklearn", "scikit-learn"),
        ("model.skops", "skops.io", "skops"),
    ],
)
def test_a_library_that_is_not_there_is_named(
    models: Path, monkeypatch: pytest.MonkeyPatch, name: str, missing: str, package: str
) -> None:
    real = importlib.import_module

    def without(wanted: str, *given: str):
        if wanted == missing:
            raise ModuleNotFoundError(f"No module named {wanted!r}", name=wanted)
        return real(wanted, *given)

    monkeypatch.setattr(importlib, "import_module", without)
    with pytest.raises(PolicyError, match=f"needs {missing}; `pip install {package}` provides it"):
        load_model(models / name, SIZE)

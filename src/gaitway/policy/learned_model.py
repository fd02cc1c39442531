"""Models of any of the usual libraries, behind one call: from one vector to another.

| file | library | trained as |
| --- | --- | --- |
| `.onnx` | onnxruntime | anything that exports ONNX |
| `.pt2`, `.pt` | PyTorch | `torch.export.save`, or TorchScript |
| `.keras` | Keras 3 | `model.save`, on any backend that is installed |
| `.skops` | scikit-learn | `skops.io.dump` |

None of these formats is a pickle, and none is let run code of its own. A library is imported when a model needs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from gaitway.policy.file import open_session
from gaitway.policy.spec import PolicyError

Predict = Callable[[np.ndarray], Any]
"""From inputs (1, input_size), float32, to outputs (1, output_size) or (1,)."""


class LearnedModel:
    """A model that is loaded and has been seen to work.

    Attributes:
        input_size: how many values it takes.
        output_size: how many it gives.
    """

    def __init__(self, predict: Predict, input_size: int, name: str):
        """Try it on zeros.

        Args:
            predict: the model.
            input_size: how many values it is to take.
            name: what to call it in messages.

        Raises:
            PolicyError: it cannot take so many values, or does not give numbers.
        """
        self._predict = predict
        self.input_size = input_size
        try:
            output = self(np.zeros(input_size))
        except Exception as error:  # every library has errors of its own
            reason = str(error).strip().splitlines()[0] if str(error).strip() else repr(error)
            raise PolicyError(f"{name} does not work on {input_size} values: {reason}") from error
        self.output_size = len(output)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Predict.

        Args:
            values: shape (input_size,).

        Returns:
            Shape (output_size,), float64.
        """
        output = self._predict(np.asarray(values, dtype=np.float32)[None])
        return np.asarray(output, dtype=np.float64).reshape(-1)


def load_model(path: Path | str, input_size: int, *, trusted_types: Sequence[str] = ()) -> LearnedModel:
    """Read a model.

    Args:
        path: its file; the suffix says of which library.
        input_size: how many values it will be given.
        trusted_types: for scikit-learn: types beside the usual ones that the file may hold.

    Raises:
        PolicyError: the file is missing, damaged or of another kind, takes another number of values, or needs a library
            that is not installed; the message says which.
    """
    path = Path(path)
    if path.suffix not in _LOADERS:
        raise PolicyError(f"{path}: a model's file ends in one of {', '.join(_LOADERS)}")
    if not path.is_file():
        raise PolicyError(f"no model at {path}")
    try:
        predict, declared = _LOADERS[path.suffix](path, trusted_types)
    except PolicyError:
        raise
    except Exception as error:  # every library has errors of its own
        raise PolicyError(f"{path} cannot be read as {path.suffix}: {error}") from error
    if declared is not None and declared != input_size:
        raise PolicyError(f"{path} takes {declared} values; it would be given {input_size}")
    return LearnedModel(predict, input_size, str(path))


def _library(name: str, package: str, path: Path) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise PolicyError(f"{path} needs {error.name}; `pip install {package}` provides it") from error


def _onnx(path: Path, trusted_types: Sequence[str]) -> tuple[Predict, int | None]:
    session = open_session(path.read_bytes(), str(path))
    inputs = session.get_inputs()
    if len(inputs) != 1 or len(inputs[0].shape) != 2:
        raise PolicyError(
            f"{path} must have one input of shape (n, size); it has {[i.shape for i in inputs]}"
        )
    name, size = inputs[0].name, inputs[0].shape[1]
    output = session.get_outputs()[0].name
    return lambda values: session.run([output], {name: values})[0], size if isinstance(size, int) else None


def _torch_export(path: Path, trusted_types: Sequence[str]) -> tuple[Predict, int | None]:
    torch = _library("torch", "torch", path)
    return _torch_predict(torch, torch.export.load(path).module()), None


def _torch_script(path: Path, trusted_types: Sequence[str]) -> tuple[Predict, int | None]:
    torch = _library("torch", "torch", path)
    return _torch_predict(torch, torch.jit.load(path, map_location="cpu").eval()), None


def _torch_predict(torch: Any, module: Any) -> Predict:
    torch.set_num_threads(1)

    def predict(values: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            return module(torch.from_numpy(values)).numpy()

    return predict


def _keras(path: Path, trusted_types: Sequence[str]) -> tuple[Predict, int | None]:
    installed = [name for name in ("torch", "jax", "tensorflow") if importlib.util.find_spec(name)]
    if installed:
        os.environ.setdefault("KERAS_BACKEND", installed[0])
    keras = _library("keras", "keras torch", path)
    model = keras.saving.load_model(path, compile=False, safe_mode=True)
    shape = model.input_shape
    if not isinstance(shape, tuple) or len(shape) != 2:
        raise PolicyError(f"{path} must have one input of shape (n, size); it has {shape}")
    return lambda values: keras.ops.convert_to_numpy(model(values, training=False)), shape[1]


def _sklearn(path: Path, trusted_types: Sequence[str]) -> tuple[Predict, int | None]:
    _library("sklearn", "scikit-learn", path)
    io = _library("skops.io", "skops", path)
    unknown = sorted(set(io.get_untrusted_types(file=path)) - set(trusted_types))
    if unknown:
        raise PolicyError(f"{path} holds types that nobody said are trusted: {', '.join(unknown)}")
    model = io.load(path, trusted=list(trusted_types))
    predict = getattr(model, "predict_proba", None) or getattr(model, "predict", None)
    if predict is None:
        raise PolicyError(f"{path} holds a {type(model).__name__}, which predicts nothing")
    return predict, getattr(model, "n_features_in_", None)


_LOADERS: dict[str, Callable[[Path, Sequence[str]], tuple[Predict, int | None]]] = {
    ".onnx": _onnx,
    ".pt2": _torch_export,
    ".pt": _torch_script,
    ".keras": _keras,
    ".skops": _sklearn,
}

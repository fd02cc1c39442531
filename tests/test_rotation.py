from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.spatial.transform import Rotation

from gaitway import rotation

_components = st.floats(-1.0, 1.0, allow_nan=False)
vectors = arrays(np.float64, 3, elements=st.floats(-10.0, 10.0))
quats = (
    arrays(np.float64, 4, elements=_components)
    .filter(lambda q: np.linalg.norm(q) > 0.1)
    .map(lambda q: q / np.linalg.norm(q))
)


@given(quats, vectors)
def test_rotate_agrees_with_scipy(quat: np.ndarray, vector: np.ndarray) -> None:
    expected = Rotation.from_quat(quat, scalar_first=True).apply(vector)
    np.testing.assert_allclose(rotation.rotate(quat, vector), expected, atol=1e-12)


@given(quats, quats, vectors)
def test_product_is_one_rotation_after_the_other(
    left: np.ndarray, right: np.ndarray, vector: np.ndarray
) -> None:
    together = rotation.rotate(rotation.multiply(left, right), vector)
    np.testing.assert_allclose(together, rotation.rotate(left, rotation.rotate(right, vector)), atol=1e-11)


@given(quats, vectors)
def test_conjugate_undoes(quat: np.ndarray, vector: np.ndarray) -> None:
    there = rotation.rotate(quat, vector)
    np.testing.assert_allclose(rotation.rotate(rotation.conjugate(quat), there), vector, atol=1e-11)


@pytest.mark.parametrize("convert", [np.float32, lambda a: torch.from_numpy(a)])
def test_same_on_float32_and_torch(convert) -> None:
    rng = np.random.default_rng(0)
    quat = rng.normal(size=(5, 4))
    quat /= np.linalg.norm(quat, axis=1, keepdims=True)
    vector = rng.normal(size=(5, 3))
    given_ = np.asarray(rotation.rotate(convert(quat), convert(vector)))
    np.testing.assert_allclose(given_, rotation.rotate(quat, vector), atol=1e-6)

from __future__ import annotations

import numpy as np
import pytest

from gaitway.robots.low_pass import LowPass


def _gain(frequency_hz: float, cutoff_hz: float, times: np.ndarray) -> float:
    """How much of a sine is left, once the filter has settled."""
    low_pass, steps = LowPass(cutoff_hz), np.diff(times, prepend=times[0])
    sine = np.sin(2.0 * np.pi * frequency_hz * times)
    filtered = np.array([low_pass.step(np.array([x]), dt)[0] for x, dt in zip(sine, steps, strict=True)])
    return float(np.abs(filtered[len(times) // 2 :]).max())


def _times(regular: bool) -> np.ndarray:
    steps = np.full(4000, 1e-3)
    if not regular:  # one message in twenty is missing
        steps *= np.random.default_rng(0).choice([1.0, 2.0], size=len(steps), p=[0.95, 0.05])
    return np.cumsum(steps)


@pytest.mark.parametrize("regular", [True, False])
def test_the_gain_is_one_below_3_db_down_at_and_small_above_the_cut_off(regular: bool) -> None:
    times = _times(regular)
    assert _gain(0.5, 10.0, times) == pytest.approx(1.0, abs=0.01)
    assert _gain(10.0, 10.0, times) == pytest.approx(np.sqrt(0.5), abs=0.03)
    assert _gain(100.0, 10.0, times) < 0.08


def test_a_step_is_followed_without_overshoot_from_where_the_values_were() -> None:
    low_pass = LowPass(5.0)
    before = low_pass.step(np.array([3.0]), 0.0)
    answers = np.array([low_pass.step(np.array([4.0]), 0.01)[0] for _ in range(100)])
    assert before == 3.0
    assert (np.diff(answers) >= 0.0).all()
    assert 3.99 < answers[-1] <= 4.0

"""Observing and acting for one robot, on memory that is used again in every step.

What `ObservationBuilder` and `InferenceSession.run` do for many robots takes, for one, mostly the time of making small
arrays. Here the same terms write into one buffer, which the network reads where it lies.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import onnxruntime

from gaitway.policy.spec import PolicySpec, TermSpec
from gaitway.policy.terms import Sensors, get_terms


class SingleObservation:
    """Builds the observation of one robot: to the bit what `ObservationBuilder` builds for a robot."""

    def __init__(self, terms: Sequence[TermSpec], obs: np.ndarray):
        """Prepare for the given terms.

        Args:
            terms: of the policy.
            obs: where observations go. Shape (obs_size,), float32.

        Raises:
            UnknownNameError: a term's name is not one of `gaitway.policy.terms.TERMS`.
        """
        self._obs = obs
        size = sum(term.size for term in terms)
        self._raw, self._scaled = np.zeros(size), np.zeros(size)
        self._scale = np.repeat([term.scale for term in terms], [term.size for term in terms])
        bounds = [term.clip or (-np.inf, np.inf) for term in terms]
        self._plain = not any(term.clip or term.history > 1 for term in terms)
        self._lower, self._upper = np.repeat(bounds, [term.size for term in terms], axis=0).T.copy()
        self._write: list[tuple[Callable[[Sensors], Any], Callable[..., None] | None, int, np.ndarray]] = []
        self._histories: list[tuple[np.ndarray, np.ndarray]] = []
        start = place = 0
        for term, known in zip(terms, get_terms([term.name for term in terms]), strict=True):
            part = slice(start, start + term.size)
            pack = struct.Struct(f"{term.size}d").pack_into if known.size is not None else None
            self._write.append((known.function, pack, start * self._raw.itemsize, self._raw[part]))
            self._histories.append((obs[place : place + term.size * term.history], self._scaled[part]))
            start, place = part.stop, place + term.size * term.history
        self._fresh = True

    def reset(self) -> None:
        """Forget all history."""
        self._fresh = True

    def build(self, sensors: Sensors) -> None:
        """Write the observation of this control step; call it once per step.

        Args:
            sensors: raw values of one robot, in their short form.
        """
        raw, scaled = self._raw, self._scaled
        for function, pack, offset, part in self._write:
            if pack is None:
                part[:] = function(sensors)
            else:
                pack(raw, offset, *function(sensors))
        np.multiply(raw, self._scale, out=scaled)
        if self._plain:
            self._obs[:] = scaled
        else:
            scaled.clip(self._lower, self._upper, out=scaled)
            self._remember()

    def _remember(self) -> None:
        for history, newest in self._histories:
            if self._fresh:
                history.reshape(-1, len(newest))[:] = newest
            else:
                history[: -len(newest)] = history[len(newest) :]
                history[-len(newest) :] = newest
        self._fresh = False


class SingleNetwork:
    """A network that acts for one robot.

    Attributes:
        obs: what it reads. Shape (obs_size,), float32.
    """

    def __init__(self, spec: PolicySpec, session: onnxruntime.InferenceSession):
        self._session = session
        self._binding = session.io_binding()
        names = [value.name for value in (*session.get_inputs(), *session.get_outputs())]
        self.obs = np.zeros(spec.obs_size, dtype=np.float32)
        self._output = np.zeros(len(spec.action.joint_names), dtype=np.float32)
        self._state, self._next_state = np.zeros((2, *spec.state_shape), dtype=np.float32)
        arrays = [self.obs, self._output]
        self._recurrent = spec.state is not None
        if self._recurrent:
            arrays = [self.obs, self._state, self._output, self._next_state]
        binds = [self._binding.bind_input] * (len(arrays) // 2) + [self._binding.bind_output] * (
            len(arrays) // 2
        )
        for bind, name, array in zip(binds, names, arrays, strict=True):
            bind(name, "cpu", 0, np.float32, (1, *array.shape), array.ctypes.data)

    def reset(self) -> None:
        """Forget the recurrent state."""
        self._state[:] = 0.0

    def run(self) -> np.ndarray:
        """From `obs` and the recurrent state to the next one, and to the output, which the next run overwrites.

        Returns:
            Network output before its clip. Shape (num_actions,), float32.
        """
        self._session.run_with_iobinding(self._binding)
        if self._recurrent:
            self._state[:] = self._next_state
        return self._output

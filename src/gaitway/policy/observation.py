"""From raw sensor values to the network's input vector: scale, clip, history and order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np
from array_api_compat import array_namespace

from gaitway.policy.spec import TermSpec
from gaitway.policy.terms import Sensors, get_terms
from gaitway.rotation import Array

Corruption = Callable[[int, Array], Array]
"""What a simulation does to the value of term i before it is scaled: noise, bias, delay."""


class ObservationBuilder:
    """Builds observations for a fixed number of robots; holds the history of each term.

    History is per term, oldest first, and starts filled with the first observation after a reset.
    """

    def __init__(self, terms: Sequence[TermSpec]):
        """Prepare for the given terms.

        Raises:
            UnknownNameError: a term's name is not one of `gaitway.policy.terms.TERMS`.
        """
        self.terms = tuple(terms)
        self.size = sum(term.size * term.history for term in terms)
        self._functions = [term.function for term in get_terms([term.name for term in terms])]
        self._history: list[Array | None] = [None] * len(self.terms)

    def build(self, sensors: Sensors, corrupt: Corruption | None = None) -> Array:
        """The observation of this control step; call it once per step. The first call begins every history.

        Args:
            sensors: raw values of n robots.
            corrupt: applied to each term before scaling; None on a robot.

        Returns:
            Contiguous float32. Shape (n, size).
        """
        return self._concatenate(
            value if term.history == 1 else self._remember(index, value)
            for index, (term, value) in enumerate(
                zip(self.terms, self._values(sensors, corrupt), strict=True)
            )
        )

    def begin(self, sensors: Sensors, env_ids: np.ndarray, corrupt: Corruption | None = None) -> Array:
        """The observation that some robots begin an episode with, which fills their histories; the others' stay.

        Args:
            sensors: raw values of these robots only.
            env_ids: which robots; all of them if nothing was built before. Shape (m,).
            corrupt: as in `build`.

        Returns:
            Contiguous float32. Shape (m, size).
        """
        return self._concatenate(
            value if term.history == 1 else self._fill(index, value, env_ids)
            for index, (term, value) in enumerate(
                zip(self.terms, self._values(sensors, corrupt), strict=True)
            )
        )

    def reset(self) -> None:
        """Forget all history."""
        self._history = [None] * len(self.terms)

    def state_dict(self) -> dict[str, Array]:
        """The histories that exist, by term index."""
        return {str(i): history for i, history in enumerate(self._history) if history is not None}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Continue from what `state_dict` returned."""
        self._history = [state.get(str(i)) for i in range(len(self.terms))]

    def _values(self, sensors: Sensors, corrupt: Corruption | None) -> Iterator[Array]:
        """The terms as the network takes them, without their histories."""
        xp = array_namespace(sensors.joint_pos)
        for index, (term, function) in enumerate(zip(self.terms, self._functions, strict=True)):
            value = function(sensors)
            if corrupt is not None:
                value = corrupt(index, value)
            value = value * term.scale
            yield value if term.clip is None else xp.clip(value, term.clip[0], term.clip[1])

    def _remember(self, index: int, value: Array) -> Array:
        """Append to the term's history (n, history, size) and return it flat, oldest first."""
        xp = array_namespace(value)
        history = self._history[index]
        if history is None:
            history = self._repeated(index, value)
        else:
            history = xp.concat([history[:, 1:], value[:, None]], axis=1)
        self._history[index] = history
        return xp.reshape(history, (value.shape[0], -1))

    def _fill(self, index: int, value: Array, env_ids: np.ndarray) -> Array:
        """Let the term's history of some robots be this value alone, and return it flat."""
        filled, history = self._repeated(index, value), self._history[index]
        if history is None:
            self._history[index] = filled
        else:
            history[env_ids] = filled
        return array_namespace(value).reshape(filled, (value.shape[0], -1))

    def _repeated(self, index: int, value: Array) -> Array:
        return array_namespace(value).stack([value] * self.terms[index].history, axis=1)

    @staticmethod
    def _concatenate(parts: Iterable[Array]) -> Array:
        found = list(parts)
        xp = array_namespace(*found)
        obs = xp.astype(xp.concat(found, axis=-1), xp.float32, copy=False)
        return np.ascontiguousarray(obs) if isinstance(obs, np.ndarray) else obs.contiguous()

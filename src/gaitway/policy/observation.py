"""From raw sensor values to the network's input vector: scale, clip, history and order."""

from __future__ import annotations

from collections.abc import Callable, Sequence

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

    def build(
        self,
        sensors: Sensors,
        fresh: Array | None = None,
        corrupt: Corruption | None = None,
        *,
        again: bool = False,
    ) -> Array:
        """The observation of this control step; call it once per step.

        Args:
            sensors: raw values of n robots.
            fresh: robots whose history starts anew with this observation, shape (n,), bool. The first
                call starts anew for all.
            corrupt: applied to each term before scaling; None on a robot.
            again: a second call for the same step, after the `fresh` robots were reset: the histories of
                the others already hold this instant and stay as they are.

        Returns:
            Contiguous float32. Shape (n, size).
        """
        xp = array_namespace(sensors.joint_pos)
        parts = []
        for index, (term, function) in enumerate(zip(self.terms, self._functions, strict=True)):
            value = function(sensors)
            if corrupt is not None:
                value = corrupt(index, value)
            value = value * term.scale
            if term.clip is not None:
                value = xp.clip(value, term.clip[0], term.clip[1])
            parts.append(value if term.history == 1 else self._remember(index, value, fresh, again))
        obs = xp.astype(xp.concat(parts, axis=-1), xp.float32, copy=False)
        return np.ascontiguousarray(obs) if isinstance(obs, np.ndarray) else obs.contiguous()

    def reset(self) -> None:
        """Forget all history."""
        self._history = [None] * len(self.terms)

    def state_dict(self) -> dict[str, Array]:
        """The histories that exist, by term index."""
        return {str(i): history for i, history in enumerate(self._history) if history is not None}

    def load_state_dict(self, state: dict[str, Array]) -> None:
        """Continue from what `state_dict` returned."""
        self._history = [state.get(str(i)) for i in range(len(self.terms))]

    def _remember(self, index: int, value: Array, fresh: Array | None, again: bool) -> Array:
        """Append to the term's history (n, history, size) and return it flat, oldest first."""
        xp = array_namespace(value)
        length = self.terms[index].history
        filled = xp.stack([value] * length, axis=1)
        previous = self._history[index]
        if previous is not None:
            kept = previous if again else xp.concat([previous[:, 1:], value[:, None]], axis=1)
            filled = kept if fresh is None else xp.where(fresh[:, None, None], filled, kept)
        self._history[index] = filled
        return xp.reshape(filled, (value.shape[0], -1))

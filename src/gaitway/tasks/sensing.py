"""What robots observe in training: late and noisy sensor values, built into observations as on a robot."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gaitway.policy import ObservationBuilder, Sensors, TermSpec
from gaitway.tasks.latency import DelayLine
from gaitway.tasks.task import ObservationTerm

Noise = list[np.ndarray | None]
"""Noise of one step, term by term; None for a term without."""


class Sensing:
    """Builds the observations of n robots; holds each term's history and, of late ones, the newest values."""

    def __init__(self, terms: Sequence[ObservationTerm], specs: Sequence[TermSpec], num_envs: int):
        """Prepare for the terms of a task, with what the policy file states of each."""
        self._terms = terms
        self._specs = specs
        self._num_envs = num_envs
        self._builder = ObservationBuilder(specs)
        self._lines = [
            DelayLine(term.delay_steps[1], num_envs, spec.size) if term.delay_steps[1] > 0.0 else None
            for term, spec in zip(terms, specs, strict=True)
        ]
        self.delay_steps = np.zeros((len(terms), num_envs))
        """How old each robot sees each term [control steps]. Shape (terms, num_envs)."""

    @property
    def size(self) -> int:
        """Length of an observation."""
        return self._builder.size

    def draw_delays(self, rng: np.random.Generator) -> np.ndarray:
        """Delays for an episode of every robot [control steps]. Shape (terms, num_envs)."""
        return np.array([rng.uniform(*term.delay_steps, self._num_envs) for term in self._terms])

    def draw_noise(self, rng: np.random.Generator) -> Noise:
        """Noise for one step of every robot."""
        return [
            rng.uniform(-term.noise, term.noise, (self._num_envs, spec.size)) if term.noise else None
            for term, spec in zip(self._terms, self._specs, strict=True)
        ]

    def observe(self, sensors: Sensors, noise: Noise) -> np.ndarray:
        """The observations of this control step.

        Args:
            sensors: prompt values without noise.
            noise: of this step.

        Returns:
            Float32. Shape (num_envs, size).
        """

        def corrupt(index: int, value: np.ndarray) -> np.ndarray:
            line, added = self._lines[index], noise[index]
            if line is not None:
                line.push(value)
                value = line.read(self.delay_steps[index])
            return value if added is None else value + added

        return self._builder.build(sensors, corrupt)

    def begin(self, sensors: Sensors, noise: Noise, env_ids: np.ndarray) -> np.ndarray:
        """The observations that some robots begin their episodes with, who have no past.

        Args:
            sensors: of all robots, as in `observe`.
            noise: of this step, for all robots.
            env_ids: which robots begin; all of them the first time.

        Returns:
            Float32. Shape (len(env_ids), size).
        """

        def corrupt(index: int, value: np.ndarray) -> np.ndarray:
            line, added = self._lines[index], noise[index]
            if line is not None:
                line.fill(value, env_ids)
            return value if added is None else value + added[env_ids]

        return self._builder.begin(sensors.of(env_ids), env_ids, corrupt)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that later observations depend on."""
        return {
            "delay_steps": self.delay_steps.copy(),
            **{f"line.{i}": line.state() for i, line in enumerate(self._lines) if line},
            **{f"history.{index}": value for index, value in self._builder.state_dict().items()},
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self.delay_steps[:] = state["delay_steps"]
        for i, line in enumerate(self._lines):
            if line:
                line.load(state[f"line.{i}"])
        prefix = "history."
        histories = {key: value for key, value in state.items() if key.startswith(prefix)}
        self._builder.load_state_dict({key[len(prefix) :]: value for key, value in histories.items()})

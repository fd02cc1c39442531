"""Termination terms: what ends an episode as a failure. Each has shape (num_envs,), bool."""

from __future__ import annotations

import numpy as np

from gaitway.tasks.task import StepView


def tilted(step: StepView) -> np.ndarray:
    """The base leans more than 60 deg."""
    return step.projected_gravity_b[:, 2] > -0.5


def sunk(step: StepView) -> np.ndarray:
    """The base is below 60 % of its home height over the ground."""
    return step.base_height < 0.6 * step.sim.robot.home_base_height

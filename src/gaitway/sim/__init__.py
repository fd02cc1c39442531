"""Simulation: many robots stepped together in MuJoCo."""

from gaitway.sim.model import build_model
from gaitway.sim.render import render_pictures
from gaitway.sim.simulation import PUSH_DURATION_S, SimError, Simulation

__all__ = ["PUSH_DURATION_S", "SimError", "Simulation", "build_model", "render_pictures"]

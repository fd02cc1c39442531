"""Simulation: many robots stepped together, how they differ, and pictures of them."""

from gaitway.sim.errors import SimError
from gaitway.sim.model import build_model
from gaitway.sim.randomization import Randomization, RobotDraw
from gaitway.sim.render import render_pictures
from gaitway.sim.simulation import PUSH_DURATION_S, Simulation
from gaitway.sim.terrain import Flat, Rough, Slopes, Stairs, Terrain, TerrainConfig

__all__ = [
    "PUSH_DURATION_S",
    "Flat",
    "Randomization",
    "RobotDraw",
    "Rough",
    "SimError",
    "Simulation",
    "Slopes",
    "Stairs",
    "Terrain",
    "TerrainConfig",
    "build_model",
    "render_pictures",
]

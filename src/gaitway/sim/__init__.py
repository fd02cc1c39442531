"""Simulation: many robots stepped together, how they differ, and pictures of them."""

from gaitway.sim.camera import Camera, CameraConfig
from gaitway.sim.errors import SimError
from gaitway.sim.lidar import Lidar, LidarConfig
from gaitway.sim.lighting import Lighting, draw_lighting
from gaitway.sim.model import build_model
from gaitway.sim.randomization import Randomization, RobotDraw
from gaitway.sim.render import render_pictures
from gaitway.sim.simulation import PUSH_DURATION_S, Simulation
from gaitway.sim.terrain import Flat, Rough, Slopes, Stairs, Terrain, TerrainConfig
from gaitway.sim.worlds import WORLDS, Obstacle, World, get_world

__all__ = [
    "PUSH_DURATION_S",
    "WORLDS",
    "Camera",
    "CameraConfig",
    "Flat",
    "Lidar",
    "LidarConfig",
    "Lighting",
    "Obstacle",
    "Randomization",
    "RobotDraw",
    "Rough",
    "SimError",
    "Simulation",
    "Slopes",
    "Stairs",
    "Terrain",
    "TerrainConfig",
    "World",
    "build_model",
    "draw_lighting",
    "get_world",
    "render_pictures",
]

"""Light on a scene, drawn anew so that what is learned from pictures does not depend on it."""

from __future__ import annotations

import math
from dataclasses import dataclass

import mujoco
import numpy as np


@dataclass(frozen=True, kw_only=True)
class Lighting:
    """One far lamp, and light from everywhere. Colours are red, green and blue, 0 to 1."""

    azimuth: float
    """Where the lamp stands, counter-clockwise from the world's x axis [rad]."""
    elevation: float
    """Height of the lamp above the horizon [rad]."""
    diffuse: tuple[float, float, float]
    """Colour of the lamp's light."""
    ambient: tuple[float, float, float]
    """Colour of the light from everywhere."""

    def apply(self, model: mujoco.MjModel) -> None:
        """Light a model this way: its first lamp becomes the lamp, others and the camera's own light go out."""
        cos = math.cos(self.elevation)
        direction = [
            -cos * math.cos(self.azimuth),
            -cos * math.sin(self.azimuth),
            -math.sin(self.elevation),
        ]
        model.vis.headlight.diffuse[:] = 0.0
        model.vis.headlight.specular[:] = 0.0
        model.vis.headlight.ambient[:] = self.ambient
        model.light_diffuse[:] = 0.0
        model.light_specular[:] = 0.0
        if model.nlight:
            model.light_type[0] = mujoco.mjtLightType.mjLIGHT_DIRECTIONAL
            model.light_dir[0] = direction
            model.light_diffuse[0] = self.diffuse
        else:
            model.vis.headlight.diffuse[:] = self.diffuse


def draw_lighting(rng: np.random.Generator) -> Lighting:
    """Light from dusk to noon, from any side, from warm to cold."""
    warmth = rng.uniform(-0.15, 0.15)
    tint = np.array([1.0 + warmth, 1.0, 1.0 - warmth])
    diffuse, ambient = rng.uniform(0.15, 0.9) * tint, rng.uniform(0.1, 0.5) * tint
    return Lighting(
        azimuth=float(rng.uniform(-math.pi, math.pi)),
        elevation=float(rng.uniform(0.35, 1.5)),
        diffuse=_color(diffuse),
        ambient=_color(ambient),
    )


def _color(values: np.ndarray) -> tuple[float, float, float]:
    red, green, blue = (float(value) for value in np.clip(values, 0.0, 1.0))
    return red, green, blue

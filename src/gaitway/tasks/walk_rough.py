"""The task `walk_rough`: `walk` on uneven ground, slopes and stairs that get harder as a robot does well.

The policy observes what it does in `walk`: it feels the ground and does not see it. The critic sees it.
"""

from __future__ import annotations

from dataclasses import replace

from gaitway.sim import TerrainConfig
from gaitway.tasks import privileged
from gaitway.tasks.walk import WALK

WALK_ROUGH = replace(
    WALK,
    name="walk_rough",
    summary="walk on rough ground, slopes and stairs",
    privileged=(*WALK.privileged, privileged.GROUND_SCAN),
    terrain=TerrainConfig(),
)

"""A lidar that turns about the vertical axis of a robot's base, by ray casts."""

from __future__ import annotations

from dataclasses import dataclass

import mujoco
import numpy as np

from gaitway import rotation
from gaitway.sim.errors import SimError
from gaitway.sim.worlds import World


@dataclass(frozen=True, kw_only=True)
class LidarConfig:
    """What a lidar sees, and where it sits."""

    beams: int = 360
    """Beams of one turn, evenly spread."""
    range_min: float = 0.1
    """Nearer surfaces are reported as -inf [m]."""
    range_max: float = 10.0
    """Where nothing is nearer, +inf is reported [m]."""
    pos: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Place in base frame [m]; the axes are the base's."""

    def __post_init__(self) -> None:
        if self.beams < 1 or not 0.0 <= self.range_min < self.range_max:
            raise SimError(
                "a lidar needs beams >= 1 and 0 <= range_min < range_max; "
                f"got {self.beams}, {self.range_min}, {self.range_max}"
            )


class Lidar:
    """Casts rays on a world's ground and obstacles.

    The robot's own body is left out, as the filter of a real lidar's driver does. The plane of the rays tilts with
    the base: rays that look down meet the ground.
    """

    def __init__(self, world: World, config: LidarConfig | None = None):
        """Make a lidar for robots in `world`."""
        self.config = config or LidarConfig()
        spec = mujoco.MjSpec()
        spec.worldbody.add_geom(name="floor", type=mujoco.mjtGeom.mjGEOM_PLANE, size=[0.0, 0.0, 0.05])
        world.add_to(spec)
        self._model = spec.compile()
        self._data = mujoco.MjData(self._model)
        mujoco.mj_forward(self._model, self._data)
        angles = self.angle_min + self.angle_increment * np.arange(self.config.beams)
        self._directions_b = np.stack([np.cos(angles), np.sin(angles), np.zeros_like(angles)], axis=1)

    @property
    def angle_min(self) -> float:
        """Angle of the first beam from the base's x axis, counter-clockwise [rad]."""
        return -np.pi

    @property
    def angle_increment(self) -> float:
        """Angle between two beams [rad]."""
        return 2.0 * np.pi / self.config.beams

    def scan(self, base_pos_w: np.ndarray, base_quat_w: np.ndarray) -> np.ndarray:
        """One turn, as REP-117 has it.

        Args:
            base_pos_w: position of the base in world frame [m]. Shape (3,).
            base_quat_w: orientation of the base in world frame, unit quaternion wxyz. Shape (4,).

        Returns:
            Distances [m], -inf where something is nearer than the least range and +inf where nothing is within the
            greatest. Shape (beams,), float32.
        """
        config = self.config
        origin = base_pos_w + rotation.rotate(base_quat_w, np.array(config.pos))
        quats = np.broadcast_to(base_quat_w, (config.beams, 4))
        directions = rotation.rotate(quats, self._directions_b)
        geom_ids, ranges = np.empty(config.beams, dtype=np.int32), np.empty(config.beams)
        mujoco.mj_multiRay(
            self._model, self._data, origin, directions.ravel(), None, True, -1,
            geom_ids, ranges, None, config.beams, config.range_max,
        )  # fmt: skip
        ranges[(ranges < 0.0) | (ranges > config.range_max)] = np.inf
        ranges[ranges < config.range_min] = -np.inf
        return ranges.astype(np.float32)

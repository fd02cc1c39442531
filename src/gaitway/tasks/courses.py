"""Courses of the task `navigate`: a goal, obstacles on the way to it, and what a scan shows of them.

Obstacles are discs. A candidate is left out where it would stand too near to start, goal or an earlier candidate, so that
a robot fits between any two of them: a disc of the robot's size that starts free can then reach the goal on every
course, since discs that do not touch, grown by the robot's radius, cannot enclose anything.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gaitway.errors import GaitwayError


@dataclass(frozen=True, kw_only=True)
class CourseConfig:
    """How courses are drawn."""

    goal_distance: tuple[float, float] = (1.5, 4.0)
    """Least and most distance of the goal from the start, uniform [m]; its direction is uniform too."""
    obstacles: int = 6
    """Candidates for obstacles on a course."""
    half_width: float = 1.0
    """Candidates lie uniformly between start and goal, at most this far from the line between them [m]."""
    obstacle_radius: float = 0.25
    """[m]"""
    robot_radius: float = 0.3
    """Centre to the farthest point of a robot, arms included [m]."""
    gap: float = 0.2
    """Free space left at least between a robot and two obstacles that it passes between, and between it and the
    nearest obstacle at start and goal [m]."""
    sectors: int = 8
    """Sectors of the scan, counter-clockwise; the first is centred straight ahead."""
    scan_range: float = 2.0
    """What a scan shows where nothing is nearer [m]."""

    def __post_init__(self) -> None:
        least, most = self.goal_distance
        if not 0.0 < least <= most:
            raise GaitwayError(f"goal_distance must be 0 < least <= most; got {self.goal_distance}")
        if self.obstacles < 0 or self.sectors < 1:
            raise GaitwayError(
                f"expected obstacles >= 0 and sectors >= 1; got {self.obstacles}, {self.sectors}"
            )
        for name in ("half_width", "obstacle_radius", "robot_radius", "gap", "scan_range"):
            if not getattr(self, name) > 0.0:
                raise GaitwayError(f"{name} must be above 0; got {getattr(self, name)}")


class Courses:
    """The course of each robot.

    Attributes:
        goal_w: goals in world frame [m]. Shape (num_envs, 2).
        obstacle_w: centres of obstacles in world frame [m]. Shape (num_envs, obstacles, 2).
        present: candidates that are not left out. Shape (num_envs, obstacles), bool.
    """

    def __init__(self, config: CourseConfig, num_envs: int):
        self.config = config
        self.goal_w = np.zeros((num_envs, 2))
        self.obstacle_w = np.zeros((num_envs, config.obstacles, 2))
        self.present = np.zeros((num_envs, config.obstacles), dtype=bool)
        self._sector = 2.0 * np.pi / config.sectors * np.arange(config.sectors)

    def lay(self, rng: np.random.Generator, start_w: np.ndarray, which: np.ndarray) -> None:
        """Draw a course for every robot, and use those of some.

        Args:
            rng: source of the draws, as many whoever needs one.
            start_w: where the robots are in world frame [m]. Shape (num_envs, 2).
            which: robots that begin an episode. Shape (num_envs,), bool.
        """
        config, count = self.config, len(start_w)
        distance = rng.uniform(*config.goal_distance, count)
        direction = rng.uniform(-np.pi, np.pi, count)
        along = rng.uniform(0.0, 1.0, (count, config.obstacles)) * distance[:, None]
        across = rng.uniform(-config.half_width, config.half_width, (count, config.obstacles))
        ahead = np.stack([np.cos(direction), np.sin(direction)], axis=-1)
        left = np.stack([-ahead[:, 1], ahead[:, 0]], axis=-1)
        goal_w = start_w + distance[:, None] * ahead
        obstacle_w = start_w[:, None] + along[..., None] * ahead[:, None] + across[..., None] * left[:, None]
        present = self._keep(obstacle_w, start_w, goal_w)
        self.goal_w[which], self.obstacle_w[which] = goal_w[which], obstacle_w[which]
        self.present[which] = present[which]

    def clearance(self, position_w: np.ndarray) -> np.ndarray:
        """Distance between robots and their nearest obstacles, below 0 in a collision [m].

        Args:
            position_w: where the robots are in world frame [m]. Shape (num_envs, 2).

        Returns:
            Infinite where a course has no obstacle. Shape (num_envs,).
        """
        distance = np.linalg.norm(self.obstacle_w - position_w[:, None], axis=-1)
        distance[~self.present] = np.inf
        nearest = distance.min(axis=1, initial=np.inf)
        return nearest - self.config.obstacle_radius - self.config.robot_radius

    def scan(self, position_w: np.ndarray, yaw: np.ndarray) -> np.ndarray:
        """The nearest range in each sector of a planar scan with dense rays, taken from the robot's centre.

        Args:
            position_w: where the robots are in world frame [m]. Shape (num_envs, 2).
            yaw: their headings in world frame [rad]. Shape (num_envs,).

        Returns:
            Ranges up to `scan_range` [m]. Shape (num_envs, sectors).
        """
        config = self.config
        offset = self.obstacle_w - position_w[:, None]
        distance = np.linalg.norm(offset, axis=-1)[..., None]
        bearing = (np.arctan2(offset[..., 1], offset[..., 0]) - yaw[:, None])[..., None]
        # a ray's range grows with its angle to the centre of a disc: the nearest is that of the least angle
        angle = np.abs(_wrap(bearing - self._sector)) - np.pi / config.sectors
        angle = np.maximum(angle, 0.0)
        beyond = config.obstacle_radius**2 - np.square(distance * np.sin(angle))
        reach = np.maximum(distance * np.cos(angle) - np.sqrt(np.maximum(beyond, 0.0)), 0.0)
        hit = (beyond >= 0.0) & (angle < np.pi / 2.0) & self.present[..., None]
        return np.where(hit, reach, config.scan_range).min(axis=1, initial=config.scan_range)

    def _keep(self, obstacle_w: np.ndarray, start_w: np.ndarray, goal_w: np.ndarray) -> np.ndarray:
        """Candidates that leave room for the robot. Shape (num_envs, obstacles), bool."""
        config = self.config
        reach = config.obstacle_radius + config.robot_radius + config.gap
        free = np.ones(obstacle_w.shape[:2], dtype=bool)
        for place in (start_w, goal_w):
            free &= np.linalg.norm(obstacle_w - place[:, None], axis=-1) > reach
        apart = np.linalg.norm(obstacle_w[:, :, None] - obstacle_w[:, None], axis=-1)
        near = apart < 2.0 * (config.obstacle_radius + config.robot_radius) + config.gap
        for index in range(1, config.obstacles):
            free[:, index] &= ~(near[:, index, :index] & free[:, :index]).any(axis=1)
        return free


def _wrap(angle: np.ndarray) -> np.ndarray:
    """The same angle from -pi to pi [rad]."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi

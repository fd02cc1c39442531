"""Learning by Q-learning which way to walk so as to stay upright: what the agent `q_learning_agent` is without ROS.

A robot that is pushed, or that comes to a slope, is safer heading one way than another. What the learner is told is
what every robot measures: some joint positions and the IMU's orientation, cut into cells. It chooses among four
velocities, and is paid for standing upright.

Actions of a tenth of a second mean little to a robot that takes two seconds to turn about: single random ones cancel
out. So a random action is kept for some ticks, the temporally extended exploration of Dabney et al. 2021.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaitway import rotation
from gaitway.errors import GaitwayError
from gaitway.policy.exploration import ExplorationConfig
from gaitway.policy.q_table import Grid, QTable
from gaitway.policy.spec import PolicyError

ACTIONS = ("forward", "backward", "turn left", "turn right")
"""What is chosen from, in the order of the table's columns."""

_UP_W = np.array([0.0, 0.0, 1.0])


@dataclass(frozen=True, kw_only=True)
class BalanceStates:
    """Cuts joint positions and the base's orientation into cells.

    Lean is the sine of roll and of pitch. Of the headings one bin has its middle at zero, so that a robot that keeps
    its heading stays in a bin; the last bin is followed by the first.
    """

    joints: tuple[str, ...]
    """Joints to look at."""
    home: tuple[float, ...]
    """Their home positions [rad]."""
    joint_range: float = 0.3
    """How far from home the bins of a joint reach to both sides; what lies beyond is in the outermost [rad]."""
    joint_bins: int = 2
    """Bins of each joint."""
    lean_range: float = 0.15
    """The same of roll and pitch, about upright [rad]."""
    roll_bins: int = 3
    """Bins of roll."""
    pitch_bins: int = 3
    """Bins of pitch."""
    yaw_bins: int = 8
    """Bins of the whole turn."""

    def __post_init__(self) -> None:
        if len(self.joints) != len(self.home):
            raise PolicyError(f"{len(self.joints)} joints need as many home positions; got {len(self.home)}")

    @property
    def names(self) -> list[str]:
        """What the dimensions are."""
        return [*self.joints, "roll", "pitch", "yaw"]

    @property
    def grid(self) -> Grid:
        """The cells."""
        half = math.pi / self.yaw_bins
        home = np.array(self.home)
        return Grid(
            lower=(*(home - self.joint_range).tolist(), -self.lean_range, -self.lean_range, -half),
            upper=(
                *(home + self.joint_range).tolist(),
                self.lean_range,
                self.lean_range,
                2.0 * math.pi - half,
            ),
            bins=(*[self.joint_bins] * len(self.joints), self.roll_bins, self.pitch_bins, self.yaw_bins),
        )

    def observe(self, joint_pos: np.ndarray, base_quat_w: np.ndarray) -> np.ndarray:
        """What the grid cuts.

        Args:
            joint_pos: positions of `joints` [rad]. Shape (len(joints),).
            base_quat_w: orientation of the base in world frame, wxyz. Shape (4,).

        Returns:
            Shape (len(joints) + 3,).
        """
        x, y, _ = rotation.rotate(rotation.conjugate(base_quat_w), _UP_W)
        half = math.pi / self.yaw_bins
        heading = (float(rotation.yaw(base_quat_w)) + half) % (2.0 * math.pi) - half
        return np.array([*joint_pos, y, -x, heading])


@dataclass(frozen=True, kw_only=True)
class UprightReward:
    """What a tick is worth: 1 for being upright, less what it leans and what time costs; -1 for a fall."""

    fall_tilt: float = 0.6
    """A robot that leans more has fallen [rad]."""
    tilt_cost: float = 1.0
    """Taken off at that tilt; in proportion below it."""
    time_cost: float = 0.1
    """Taken off for every tick."""

    def __call__(self, tilt: float, fell: bool) -> float:
        """The reward, from -1 to 1.

        Args:
            tilt: angle between the base's up axis and the vertical [rad].
            fell: whether it counts as fallen, whatever the tilt.
        """
        if fell or not tilt <= self.fall_tilt:
            return -1.0
        return max(-1.0, 1.0 - self.tilt_cost * tilt / self.fall_tilt - self.time_cost)


def tilt_of(base_quat_w: np.ndarray) -> float:
    """Angle between the base's up axis and the vertical [rad]; orientation wxyz, shape (4,)."""
    return math.acos(float(np.clip(rotation.rotate(base_quat_w, _UP_W)[2], -1.0, 1.0)))


@dataclass(frozen=True)
class _Pending:
    obs: np.ndarray
    action: int


class BalanceLearner:
    """Chooses an action in every tick, and learns from what came of the last one.

    Attributes:
        table: what has been learned.
        exploration: how often it tries something else.
        learns: whether it does; otherwise it takes the best actions known.
    """

    def __init__(
        self,
        table: QTable,
        exploration: ExplorationConfig,
        *,
        explore_ticks: int = 1,
        learns: bool = True,
        seed: int = 0,
    ):
        """Go on from a table, new or read.

        Args:
            table: of as many actions as ACTIONS.
            exploration: its steps are ticks; those that the table has learned from count.
            explore_ticks: for how many ticks a random action is kept, at most; how many is drawn evenly.
            learns: whether to learn and explore.
            seed: of exploration.

        Raises:
            GaitwayError: the table has another number of actions, or `explore_ticks` is less than 1.
        """
        if table.value.shape[1] != len(ACTIONS) or explore_ticks < 1:
            raise GaitwayError(
                f"a learner needs a table of {len(ACTIONS)} actions and explore_ticks of at least 1; got "
                f"{table.value.shape[1]} and {explore_ticks}"
            )
        self.table, self.exploration, self.learns = table, exploration, learns
        self._explore_ticks = explore_ticks
        self._rng = np.random.default_rng(seed)
        self._pending: _Pending | None = None
        self._kept, self._kept_ticks = 0, 0

    @property
    def ticks(self) -> int:
        """Ticks that the table has learned from, those before a restart included."""
        return int(self.table.visits.sum())

    @property
    def epsilon(self) -> float:
        """Share of ticks at which a random action is taken or kept."""
        return self.exploration.epsilon(self.ticks) if self.learns else 0.0

    def begin(self) -> None:
        """Begin an episode: nothing is learned of what was cut off."""
        self._pending = None
        self._kept_ticks = 0

    def choose(self, obs: np.ndarray, reward: float) -> int:
        """Learn what came of the last action, and choose the next.

        Args:
            obs: of `BalanceStates`. Shape (obs_size,).
            reward: of the tick that has passed since the last choice; of no meaning in an episode's first tick.
        """
        self._learn(obs, reward, terminated=False)
        action = self._explored()
        if action is None:
            action = int(self.table.act(obs[None], 0.0, self._rng)[0])
        self._pending = _Pending(obs, action)
        return action

    def fail(self, obs: np.ndarray, reward: float) -> None:
        """The episode has ended by a fall: learn that, and begin anew."""
        self._learn(obs, reward, terminated=True)
        self.begin()

    def save(self, path: Path | str) -> None:
        """Write the table, atomically."""
        self.table.save(path)

    def _learn(self, obs: np.ndarray, reward: float, *, terminated: bool) -> None:
        if self._pending is None or not self.learns:
            return
        self.table.update(
            self._pending.obs[None],
            np.array([self._pending.action]),
            np.array([reward]),
            obs[None],
            np.array([terminated]),
        )

    def _explored(self) -> int | None:
        """A random action, new or kept; None for the best known.

        Stretches begin so often that random actions are `epsilon` of all.
        """
        if self._kept_ticks == 0:
            mean_ticks = (1 + self._explore_ticks) / 2.0
            epsilon = self.epsilon
            if self._rng.random() >= epsilon / (epsilon + (1.0 - epsilon) * mean_ticks):
                return None
            self._kept = int(self._rng.integers(len(ACTIONS)))
            self._kept_ticks = int(self._rng.integers(1, self._explore_ticks + 1))
        self._kept_ticks -= 1
        return self._kept

"""What high-level agents decide with: reactive steering, arbitration, and behaviour trees over skills. Knows no ROS.

The tree itself is in `gaitway.behaviors.tree`, which alone needs py_trees.
"""

from gaitway.behaviors.arbitration import Arbiter, Source
from gaitway.behaviors.emergency import EmergencyLatch
from gaitway.behaviors.going import velocity_to
from gaitway.behaviors.reactive import (
    Decision,
    Reactive,
    ReactiveConfig,
    Scan,
    Steering,
    clearer_side,
    usable_ranges,
)

__all__ = [
    "Arbiter",
    "Decision",
    "EmergencyLatch",
    "Reactive",
    "ReactiveConfig",
    "Scan",
    "Source",
    "Steering",
    "clearer_side",
    "usable_ranges",
    "velocity_to",
]

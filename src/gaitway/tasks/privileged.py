"""What only a simulation knows: terms that the critic sees beside the policy's observation, without noise.

Each is a pure function of one control step.
"""

from __future__ import annotations

import numpy as np

from gaitway.tasks.task import PrivilegedTerm, StepView

SCAN = tuple(
    (x, side * y) for side in (1.0, -1.0) for y in (0.1, 0.3) for x in (-0.4, -0.2, 0.0, 0.2, 0.4, 0.6)
)
"""Points around the base in its yaw-aligned frame, forward and left [m]: those on the left, then those on the right."""


def base_lin_vel_b(step: StepView) -> np.ndarray:
    """Velocity of the base in yaw-aligned frame [m/s]."""
    return step.base_lin_vel_yaw


def mean_velocity_error(step: StepView) -> np.ndarray:
    """What the tracking rewards see: mean velocity less the command [m/s, m/s, rad/s]."""
    return step.mean_velocity - step.command


def base_height(step: StepView) -> np.ndarray:
    """Base height over the ground, above home, times 10 [dm]."""
    return 10.0 * (step.base_height[:, None] - step.sim.robot.home_base_height)


def foot_contacts(step: StepView) -> np.ndarray:
    """One for each foot that touches."""
    return step.sim.foot_contact.astype(float)


def foot_heights(step: StepView) -> np.ndarray:
    """Height of each foot above its height at home, times 10 [dm]."""
    return 10.0 * step.foot_height


def ground_scan(step: StepView) -> np.ndarray:
    """Height of the ground at the SCAN points, above that under the base, times 10 [dm]; left half first."""
    base_pos_w = step.sim.base_pos_w[:, None, :2]
    cos, sin = np.cos(step.yaw)[:, None], np.sin(step.yaw)[:, None]
    forward, left = np.array(SCAN).T
    around_w = np.stack([cos * forward - sin * left, sin * forward + cos * left], axis=-1)
    ground = step.sim.ground_height(np.concatenate([base_pos_w, base_pos_w + around_w], axis=1))
    return 10.0 * (ground[:, 1:] - ground[:, :1])


def push_force_b(step: StepView) -> np.ndarray:
    """Horizontal force of a push, in yaw-aligned frame [100 N]."""
    return 0.01 * step.in_yaw_frame(step.sim.push_force_w)[:, :2]


def drawn_parameters(step: StepView) -> np.ndarray:
    """What was drawn for the robot: friction, payload [10 kg], centre of mass [0.1 m], latency [control steps]."""
    draw = step.sim.draw
    friction = np.nan_to_num(draw.friction, nan=0.8)
    delay = step.sim.delay_s / step.sim.step_dt
    return np.column_stack([friction, 0.1 * draw.payload, 10.0 * draw.com_offset, delay])


BASE_LIN_VEL_B = PrivilegedTerm(base_lin_vel_b, (1.0, -1.0, 1.0))
MEAN_VELOCITY_ERROR = PrivilegedTerm(mean_velocity_error, (1.0, -1.0, -1.0))
BASE_HEIGHT = PrivilegedTerm(base_height, (1.0,))
FOOT_CONTACTS = PrivilegedTerm(foot_contacts, (1.0, 1.0), swaps=True)
FOOT_HEIGHTS = PrivilegedTerm(foot_heights, (1.0, 1.0), swaps=True)
GROUND_SCAN = PrivilegedTerm(ground_scan, (1.0,) * len(SCAN), swaps=True)
PUSH_FORCE_B = PrivilegedTerm(push_force_b, (1.0, -1.0))
DRAWN_PARAMETERS = PrivilegedTerm(drawn_parameters, (1.0, 1.0, 1.0, -1.0, 1.0, 1.0))

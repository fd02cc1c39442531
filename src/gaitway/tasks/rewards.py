"""Reward terms: pure functions of one control step, named physics plus norm. Each has shape (num_envs,)."""

from __future__ import annotations

import numpy as np

from gaitway.tasks.task import StepView


def alive(step: StepView) -> np.ndarray:
    """One for every step."""
    return np.ones(step.sim.num_envs)


def upright_exp(step: StepView) -> np.ndarray:
    """exp(-|g_xy|^2 / 0.1) of the gravity direction in base frame: 1 upright, 0.37 at 18 deg."""
    return np.exp(-np.square(step.projected_gravity_b[:, :2]).sum(axis=1) / 0.1)


def home_height_exp(step: StepView) -> np.ndarray:
    """exp(-(z - z_home)^2 / 0.01 m^2) of the base height."""
    error = step.sim.base_pos_w[:, 2] - step.sim.robot.home_base_height
    return np.exp(-np.square(error) / 0.01)


def home_pose_l2(step: StepView) -> np.ndarray:
    """Sum of squared joint distances from the home pose [rad^2]."""
    return np.square(step.sim.joint_pos - step.home_joint_pos).sum(axis=1)


def base_lin_vel_l2(step: StepView) -> np.ndarray:
    """Squared speed of the base [m^2/s^2]."""
    return np.square(step.sim.base_lin_vel_w).sum(axis=1)


def base_ang_vel_l2(step: StepView) -> np.ndarray:
    """Squared angular speed of the base [rad^2/s^2]."""
    return np.square(step.sim.base_ang_vel_b).sum(axis=1)


def joint_vel_l2(step: StepView) -> np.ndarray:
    """Sum of squared joint velocities [rad^2/s^2]."""
    return np.square(step.sim.joint_vel).sum(axis=1)


def joint_torque_l2(step: StepView) -> np.ndarray:
    """Sum of squared torques relative to each joint's limit [1]."""
    return np.square(step.sim.joint_effort / step.effort_limit).sum(axis=1)


def action_rate_l2(step: StepView) -> np.ndarray:
    """Sum of squared changes of the network output since the previous step [1]."""
    return np.square(step.action - step.last_action).sum(axis=1)


def fallen(step: StepView) -> np.ndarray:
    """One in the step that ends an episode by a termination."""
    return step.terminated.astype(float)

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
    """exp(-(z - z_home)^2 / 0.01 m^2) of the base height over the ground."""
    error = step.base_height - step.sim.robot.home_base_height
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


def tracking_lin_vel_exp(step: StepView) -> np.ndarray:
    """exp(-|v_xy - command|^2 / 0.25 m^2/s^2) of the velocity now, in yaw-aligned frame (Rudin et al. 2022)."""
    error = step.base_lin_vel_yaw[:, :2] - step.command[:, :2]
    return np.exp(-np.square(error).sum(axis=1) / 0.25)


def tracking_mean_lin_vel_exp(step: StepView) -> np.ndarray:
    """exp(-|v_xy - command|^2 / 0.1 m^2/s^2) of the mean velocity, which sees through the sway of a stride."""
    error = step.mean_velocity[:, :2] - step.command[:, :2]
    return np.exp(-np.square(error).sum(axis=1) / 0.1)


def mean_lin_vel_error_l1(step: StepView) -> np.ndarray:
    """|v_xy - command| of the mean velocity [m/s]: as steep far from the command as near it."""
    return np.linalg.norm(step.mean_velocity[:, :2] - step.command[:, :2], axis=1)


def tracking_ang_vel_exp(step: StepView) -> np.ndarray:
    """exp(-(yaw rate - command)^2 / 0.1 rad^2/s^2) of the mean yaw rate."""
    return np.exp(-np.square(step.mean_velocity[:, 2] - step.command[:, 2]) / 0.1)


def base_lin_vel_z_l2(step: StepView) -> np.ndarray:
    """Squared vertical velocity of the base [m^2/s^2]."""
    return np.square(step.sim.base_lin_vel_w[:, 2])


def base_ang_vel_xy_l2(step: StepView) -> np.ndarray:
    """Squared roll and pitch rates of the base [rad^2/s^2]."""
    return np.square(step.sim.base_ang_vel_b[:, :2]).sum(axis=1)


def tilt_l2(step: StepView) -> np.ndarray:
    """Squared sine of the base's lean [1]."""
    return np.square(step.projected_gravity_b[:, :2]).sum(axis=1)


def base_height_l2(step: StepView) -> np.ndarray:
    """Squared distance of the base from its home height over the ground [m^2]."""
    return np.square(step.base_height - step.sim.robot.home_base_height)


def joint_deviation_l2(step: StepView, joint_ids: np.ndarray) -> np.ndarray:
    """Sum of squared distances of some joints from the home pose [rad^2]."""
    return np.square((step.sim.joint_pos - step.home_joint_pos)[:, joint_ids]).sum(axis=1)


def standing_pose_l2(step: StepView) -> np.ndarray:
    """Sum of squared distances from the home pose of a robot that is told to stand [rad^2]."""
    return home_pose_l2(step) * step.standing


def joint_limit_l1(step: StepView) -> np.ndarray:
    """How far joints are beyond the inner 90 % of their ranges [rad]."""
    middle, half = step.soft_range
    return np.maximum(np.abs(step.sim.joint_pos - middle) - half, 0.0).sum(axis=1)


def gait_contact(step: StepView) -> np.ndarray:
    """Share of feet that touch when the gait's clock has them stand, and do not when it has them swing."""
    return (step.sim.foot_contact == (step.swing == 0.0)).mean(axis=1)


def swing_height_l1(step: StepView) -> np.ndarray:
    """One less the mean distance of foot heights from the gait's, a sin^2 over each swing, in swing heights."""
    assert step.gait is not None
    wanted = np.square(np.sin(np.pi * step.swing))
    error = np.abs(step.foot_height / step.gait.swing_height - wanted)
    return np.maximum(1.0 - error.mean(axis=1), 0.0)


def foot_slip_l2(step: StepView) -> np.ndarray:
    """Squared horizontal speed of the feet that touch [m^2/s^2]."""
    speed = np.square(step.sim.foot_lin_vel_w[:, :, :2]).sum(axis=2)
    return (speed * step.sim.foot_contact).sum(axis=1)


def foot_tilt_l2(step: StepView) -> np.ndarray:
    """Squared sine of the feet's lean, summed [1]."""
    return np.square(step.sim.foot_up_w[:, :, :2]).sum(axis=(1, 2))


def feet_close_l1(step: StepView) -> np.ndarray:
    """How much nearer than 0.16 m the feet are to each other, seen along the heading [m]."""
    between = step.in_yaw_frame(step.sim.foot_pos_w[:, 0] - step.sim.foot_pos_w[:, 1])
    return np.maximum(0.16 - between[:, 1], 0.0)

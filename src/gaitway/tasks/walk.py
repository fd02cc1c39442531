"""The task `walk`: follow velocity commands while being pushed, on robots that differ.

Observations, ranges and rewards start from those of the velocity tasks of mjlab, holosoma, unitree_rl_lab and
MuJoCo Playground; the gait's clock, rewarded through contacts and foot heights, is what makes the feet leave the
ground within a few million steps.
"""

from __future__ import annotations

from gaitway.policy import Gait
from gaitway.policy.terms import (
    BASE_ANG_VEL,
    COMMAND,
    GAIT_CLOCK,
    JOINT_POS_REL,
    JOINT_VEL,
    LAST_ACTION,
    PROJECTED_GRAVITY,
)
from gaitway.sim import Randomization
from gaitway.tasks import privileged, rewards, terminations
from gaitway.tasks.commands import VelocityCommands
from gaitway.tasks.task import (
    Curriculum,
    InitialState,
    JointPositionAction,
    ObservationTerm,
    Pushes,
    Reward,
    Task,
)

RANDOMIZATION = Randomization(
    friction=(0.4, 1.2),
    link_mass=(0.9, 1.1),
    payload=(-1.0, 3.0),
    com_offset=(-0.03, 0.03),
    stiffness=(0.9, 1.1),
    damping=(0.9, 1.1),
    motor_strength=(0.9, 1.1),
    joint_friction=(0.0, 0.01),
    armature=(0.8, 1.2),
    encoder_bias=(-0.015, 0.015),
    gyro_bias=(-0.03, 0.03),
    imu_tilt=(-0.02, 0.02),
)
"""How robots differ while walking is learned and measured."""

_SENSOR_AGE = (0.0, 0.5)

WALK = Task(
    name="walk",
    summary="follow velocity commands against pushes, on robots that differ",
    observation=(
        ObservationTerm(term=BASE_ANG_VEL, scale=0.5, noise=0.2, delay_steps=_SENSOR_AGE),
        ObservationTerm(term=PROJECTED_GRAVITY, noise=0.03, delay_steps=_SENSOR_AGE),
        ObservationTerm(term=COMMAND, scale=2.0),
        ObservationTerm(term=GAIT_CLOCK),
        ObservationTerm(term=JOINT_POS_REL, noise=0.01, delay_steps=_SENSOR_AGE),
        ObservationTerm(term=JOINT_VEL, scale=0.05, noise=0.8, delay_steps=_SENSOR_AGE),
        ObservationTerm(term=LAST_ACTION),
    ),
    privileged=(
        privileged.BASE_LIN_VEL_B,
        privileged.MEAN_VELOCITY_ERROR,
        privileged.BASE_HEIGHT,
        privileged.FOOT_CONTACTS,
        privileged.FOOT_HEIGHTS,
        privileged.PUSH_FORCE_B,
        privileged.DRAWN_PARAMETERS,
    ),
    action=JointPositionAction(scale=0.5, of_effort_limit=True, clip=10.0, delay_steps=(0.0, 1.0)),
    rewards=(
        Reward(rewards.tracking_lin_vel_exp, 2.0),
        Reward(rewards.tracking_mean_lin_vel_exp, 1.5),
        Reward(rewards.mean_lin_vel_error_l1, -1.0),
        Reward(rewards.tracking_ang_vel_exp, 1.5),
        Reward(rewards.alive, 0.5),
        Reward(rewards.gait_contact, 3.0),
        Reward(rewards.swing_height_l1, 5.0),
        Reward(rewards.tilt_l2, -3.0),
        Reward(rewards.base_height_l2, -20.0),
        Reward(rewards.base_lin_vel_z_l2, -0.5),
        Reward(rewards.base_ang_vel_xy_l2, -0.05),
        Reward(rewards.foot_slip_l2, -0.2),
        Reward(rewards.foot_tilt_l2, -0.5),
        Reward(rewards.feet_close_l1, -5.0),
        Reward(rewards.joint_deviation_l2, -0.5, joints="hip_(roll|yaw)|waist"),
        Reward(rewards.joint_deviation_l2, -0.2, joints="shoulder|elbow|wrist"),
        Reward(rewards.joint_deviation_l2, -0.02, joints="hip_pitch|knee|ankle"),
        Reward(rewards.standing_pose_l2, -1.0),
        Reward(rewards.joint_limit_l1, -1.0),
        Reward(rewards.joint_vel_l2, -0.0005),
        Reward(rewards.joint_torque_l2, -0.05),
        Reward(rewards.action_rate_l2, -0.01),
        Reward(rewards.fallen, -100.0),
    ),
    terminations=(terminations.tilted, terminations.sunk),
    initial_state=InitialState(joint_pos_noise=0.05),
    commands=VelocityCommands(
        lin_vel_x=(-0.6, 1.1),
        lin_vel_y=(-0.4, 0.4),
        ang_vel_z=(-0.7, 0.7),
        interval_s=(3.0, 8.0),
        standing=0.2,
    ),
    gait=Gait(period_s=0.72, stance=0.55, swing_height=0.08),
    pushes=Pushes(interval_s=(4.0, 8.0), impulse=(2.0, 20.0)),
    randomization=RANDOMIZATION,
    curriculum=Curriculum(
        measure=rewards.tracking_mean_lin_vel_exp, threshold=0.5, commands=0.7, pushes=0.2, step=0.2
    ),
    evaluation_commands=VelocityCommands(
        lin_vel_x=(-0.5, 1.0), lin_vel_y=(-0.3, 0.3), ang_vel_z=(-0.5, 0.5), interval_s=None
    ),
    evaluation_pushes=Pushes(interval_s=(5.0, 10.0), impulse=(17.0, 17.0)),
    episode_s=20.0,
)

"""The task `stand`: hold the home pose while being pushed."""

from __future__ import annotations

from gaitway.policy.terms import (
    BASE_ANG_VEL,
    JOINT_POS_REL,
    JOINT_VEL,
    LAST_ACTION,
    PROJECTED_GRAVITY,
)
from gaitway.tasks import rewards, terminations
from gaitway.tasks.task import (
    InitialState,
    JointPositionAction,
    ObservationTerm,
    Pushes,
    Reward,
    Task,
)

STAND = Task(
    name="stand",
    summary="hold the home pose against pushes",
    observation=(
        ObservationTerm(term=BASE_ANG_VEL, scale=0.5, noise=0.2),
        ObservationTerm(term=PROJECTED_GRAVITY, noise=0.02),
        ObservationTerm(term=JOINT_POS_REL, noise=0.01),
        ObservationTerm(term=JOINT_VEL, scale=0.05, noise=0.5),
        ObservationTerm(term=LAST_ACTION),
    ),
    action=JointPositionAction(scale=0.05, clip=10.0, delay_steps=(0, 1)),
    rewards=(
        Reward(rewards.alive, 1.0),
        Reward(rewards.upright_exp, 1.0),
        Reward(rewards.home_height_exp, 0.5),
        Reward(rewards.home_pose_l2, -0.5),
        Reward(rewards.base_lin_vel_l2, -1.0),
        Reward(rewards.base_ang_vel_l2, -0.05),
        Reward(rewards.joint_vel_l2, -0.001),
        Reward(rewards.joint_torque_l2, -0.1),
        Reward(rewards.action_rate_l2, -0.02),
        Reward(rewards.fallen, -200.0),
    ),
    terminations=(terminations.tilted, terminations.sunk),
    initial_state=InitialState(joint_pos_noise=0.05),
    pushes=Pushes(interval_s=(3.0, 5.0), impulse=(2.0, 8.0)),
    episode_s=20.0,
)

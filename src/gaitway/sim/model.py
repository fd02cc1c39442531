"""From a Robot to the MuJoCo model that is stepped."""

from __future__ import annotations

import mujoco

from gaitway.robots import Robot


def build_model(robot: Robot, physics_dt: float) -> mujoco.MjModel:
    """Compile the robot's MJCF with one actuator per joint and a weld that can hold the base.

    The actuator of joint i applies `ctrl - stiffness * position - damping * velocity`, clipped to the
    effort limit; with `ctrl = stiffness * target + feed_forward` that is a PD servo plus torque, and
    zero stiffness leaves a plain torque motor. Both gains lie in `actuator_biasprm`, which a Batch can
    expand per robot.

    Args:
        robot: the robot.
        physics_dt: time of one physics step [s].

    Returns:
        The model, its actuators in the order of `robot.joint_names`.
    """
    spec = mujoco.MjSpec.from_string(robot.mjcf)
    spec.option.timestep = physics_dt
    spec.modelname = robot.name
    base = spec.worldbody.first_body()
    for name, stiffness, damping, effort in zip(
        robot.joint_names, robot.stiffness, robot.damping, robot.effort_limit, strict=True
    ):
        spec.add_actuator(
            name=name,
            target=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            gainprm=[1.0] + [0.0] * 9,
            biasprm=[0.0, -stiffness, -damping] + [0.0] * 7,
            forcelimited=True,
            forcerange=[-effort, effort],
        )
    base.pos = [0.0, 0.0, robot.home_base_height]
    gantry = spec.add_equality(
        name="gantry",
        type=mujoco.mjtEq.mjEQ_WELD,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        name1=base.name,
        name2="world",
        active=False,
    )
    gantry.solref = [2.0 * physics_dt, 1.0]
    gantry.solimp = [0.99, 0.999, 0.001, 0.5, 2.0]
    return spec.compile()

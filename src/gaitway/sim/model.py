"""From a Robot to the MuJoCo model that is stepped."""

from __future__ import annotations

import mujoco

from gaitway.robots import Robot
from gaitway.robots.model_spec import base_body, model_spec
from gaitway.sim.terrain import Terrain
from gaitway.sim.worlds import World

FOOT_SENSORS = ("pos", "lin_vel", "up", "contact")
_FOUND_AND_FORCE = 0b11
_NET_FORCE = 3

_SOLVERS = {
    "Newton": mujoco.mjtSolver.mjSOL_NEWTON,
    "CG": mujoco.mjtSolver.mjSOL_CG,
    "PGS": mujoco.mjtSolver.mjSOL_PGS,
}
_CONES = {"pyramidal": mujoco.mjtCone.mjCONE_PYRAMIDAL, "elliptic": mujoco.mjtCone.mjCONE_ELLIPTIC}


def build_model(
    robot: Robot,
    physics_dt: float,
    terrain: Terrain | None = None,
    *,
    world: World | None = None,
    solver: str | None = None,
    cone: str | None = None,
) -> mujoco.MjModel:
    """Compile the robot's model with actuators, a weld that can hold the base, and what is seen of the feet.

    The actuator of joint i applies `ctrl - stiffness * position - damping * velocity`, clipped to the
    effort limit; with `ctrl = stiffness * target + feed_forward` that is a PD servo plus torque, and
    zero stiffness leaves a plain torque motor. Both gains lie in `actuator_biasprm`, which a Batch can
    expand per robot.

    Args:
        robot: the robot.
        physics_dt: time of one physics step [s].
        terrain: what takes the place of the floor; None leaves the floor.
        world: what stands on the ground; None for nothing.
        solver: "Newton", "CG" or "PGS"; default the robot model's own.
        cone: "pyramidal" or "elliptic"; default the robot model's own.

    Returns:
        The model, its actuators in the order of `robot.joint_names`, and for each foot the sensors
        `BODY/pos`, `BODY/lin_vel`, `BODY/up` and `BODY/contact`.
    """
    spec = model_spec(robot)
    spec.option.timestep = physics_dt
    spec.modelname = robot.name
    if solver is not None:
        spec.option.solver = _SOLVERS[solver]
        spec.option.iterations = 100  # the robot model's own are for its own solver
    if cone is not None:
        spec.option.cone = _CONES[cone]
    base = base_body(spec)
    for name, stiffness, damping, effort in zip(
        robot.joint_names, robot.stiffness, robot.damping, robot.effort_limit, strict=True
    ):
        spec.add_actuator(
            name=name,
            target=name,
            trntype=mujoco.mjtTrn.mjTRN_JOINT,
            gear=[1.0] + [0.0] * 5,
            dyntype=mujoco.mjtDyn.mjDYN_NONE,
            gaintype=mujoco.mjtGain.mjGAIN_FIXED,
            biastype=mujoco.mjtBias.mjBIAS_AFFINE,
            gainprm=[1.0] + [0.0] * 9,
            biasprm=[0.0, -stiffness, -damping] + [0.0] * 7,
            ctrllimited=False,  # what is not said here would come from the model's defaults for its own actuators
            actlimited=False,
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
    for body in dict.fromkeys(spec.geom(name).parent.name for name in robot.foot_geoms):
        _add_foot_sensors(spec, body)
    if world is not None:
        world.add_to(spec)
    if terrain is not None:
        terrain.add_to(spec)
    return spec.compile()


def foot_bodies(model: mujoco.MjModel, robot: Robot) -> list[str]:
    """Bodies that carry the robot's foot geoms, in the order of their first geom."""
    return list(dict.fromkeys(model.body(model.geom(name).bodyid[0]).name for name in robot.foot_geoms))


def _add_foot_sensors(spec: mujoco.MjSpec, body: str) -> None:
    frame = {"objtype": mujoco.mjtObj.mjOBJ_XBODY, "objname": body}
    spec.add_sensor(name=f"{body}/pos", type=mujoco.mjtSensor.mjSENS_FRAMEPOS, **frame)
    spec.add_sensor(name=f"{body}/lin_vel", type=mujoco.mjtSensor.mjSENS_FRAMELINVEL, **frame)
    spec.add_sensor(name=f"{body}/up", type=mujoco.mjtSensor.mjSENS_FRAMEZAXIS, **frame)
    spec.add_sensor(
        name=f"{body}/contact",
        type=mujoco.mjtSensor.mjSENS_CONTACT,
        objtype=mujoco.mjtObj.mjOBJ_BODY,
        objname=body,
        intprm=[_FOUND_AND_FORCE, _NET_FORCE, 1],
    )

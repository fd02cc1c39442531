"""From a Robot's source text to the model that is simulated. Needs MuJoCo, which the extra `sim` provides.

The text is kept as its author wrote it, so that its hash does not depend on the version of a program that rewrites
it. What a simulation needs beside it is added here, each time in the same way.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import mujoco

from gaitway.robots.robot import ImuMounting, Robot, RobotError

_FREE = mujoco.mjtJoint.mjJNT_FREE
_INTEGRATORS = {
    "Euler": mujoco.mjtIntegrator.mjINT_EULER,
    "RK4": mujoco.mjtIntegrator.mjINT_RK4,
    "implicit": mujoco.mjtIntegrator.mjINT_IMPLICIT,
    "implicitfast": mujoco.mjtIntegrator.mjINT_IMPLICITFAST,
}


def model_spec(robot: Robot) -> mujoco.MjSpec:
    """The robot's model, without actuators, to be edited further and compiled.

    Actuators and keyframes of the text are dropped, locked joints with what couples or senses them; a free joint, a
    floor and the IMU's site are added where they are missing. A geom without a name is called `BODY/K`, K counting the geoms of
    its body from 0, a body without a name `body/I`.

    Raises:
        RobotError: MuJoCo does not take the text.
    """
    spec = edited_spec(robot.mjcf, robot.assets, robot.locked_joints, robot.imu)
    if robot.integrator is not None:
        spec.option.integrator = _INTEGRATORS[robot.integrator]
    return spec


def source_spec(mjcf: str, assets: Mapping[str, bytes]) -> mujoco.MjSpec:
    """The source text as it is.

    Raises:
        RobotError: MuJoCo does not take it.
    """
    texts = {name: content for name, content in assets.items() if name.endswith(".xml")}
    others = {name: content for name, content in assets.items() if name not in texts}
    try:
        spec = mujoco.MjSpec.from_string(mjcf, include=texts or None, assets=others or None)
    except (ValueError, mujoco.FatalError) as error:
        raise RobotError(f"MuJoCo cannot read the model: {_line(error)}") from error
    spec.compiler.fusestatic = False  # true for a URDF, whose feet and IMU are often links without a joint
    return spec


def edited_spec(
    mjcf: str, assets: Mapping[str, bytes], locked_joints: Sequence[str], imu: ImuMounting | None
) -> mujoco.MjSpec:
    """As `model_spec`, from the parts of a Robot that it needs; without an IMU where there is none yet."""
    spec = source_spec(mjcf, assets)
    on_actuators = [sensor for sensor in spec.sensors if sensor.objtype == mujoco.mjtObj.mjOBJ_ACTUATOR]
    for element in [*on_actuators, *spec.actuators, *spec.keys]:
        spec.delete(element)
    _lock(spec, set(locked_joints))
    base = base_body(spec)
    if not any(joint.type == _FREE for joint in base.joints):
        base.add_freejoint(name="floating_base")
    if not any(geom.type == mujoco.mjtGeom.mjGEOM_PLANE for geom in spec.worldbody.geoms):
        _add_floor(spec)
    if imu is not None and spec.site(imu.site) is None:
        base.add_site(name=imu.site, pos=imu.pos, quat=imu.quat)
    for i, body in enumerate(spec.bodies):
        body.name = body.name or f"body/{i}"
        for k, geom in enumerate(body.geoms):
            geom.name = geom.name or f"{body.name}/{k}"
    return spec


def base_body(spec: mujoco.MjSpec) -> mujoco.MjsBody:
    """The body that floats: the one with a free joint, else the only one in the world.

    Raises:
        RobotError: there is no such body, or it has other joints to the world, or the world holds other moving bodies.
    """
    roots = [body for body in spec.worldbody.bodies if body.parent.name == "world"]
    jointed = [body for body in roots if body.joints]
    floating = [body for body in jointed if any(joint.type == _FREE for joint in body.joints)]
    candidates = floating or jointed or roots
    if len(candidates) != 1 or (floating and len(jointed) > 1):
        found = ", ".join(body.name or "(no name)" for body in roots) or "none"
        raise RobotError(
            f"the world must hold one robot, a tree of bodies with one base; its bodies are: {found}"
        )
    base = candidates[0]
    if len(base.joints) > len(floating):
        held = ", ".join(f"{joint.name} ({_type(joint)})" for joint in base.joints if joint.type != _FREE)
        raise RobotError(
            f"the base {base.name!r} must float freely, with a free joint or none; it has the joints {held}"
        )
    base.name = base.name or "base"
    return base


def compile_spec(spec: mujoco.MjSpec) -> mujoco.MjModel:
    """Compile a model.

    Raises:
        RobotError: MuJoCo does not take it.
    """
    try:
        return spec.compile()
    except (ValueError, mujoco.FatalError) as error:
        raise RobotError(f"MuJoCo cannot compile the model: {_line(error)}") from error


def _add_floor(spec: mujoco.MjSpec) -> None:
    """A level floor that everything collides with, whatever the model's defaults for geoms."""
    spec.worldbody.add_geom(
        name="floor",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0.0, 0.0, 0.05],
        contype=1,
        conaffinity=1,
        condim=3,
        friction=[1.0, 0.005, 0.0001],
        margin=0.0,
        gap=0.0,
    )


def _lock(spec: mujoco.MjSpec, locked: set[str]) -> None:
    joint_equality, joint_sensor = mujoco.mjtEq.mjEQ_JOINT, mujoco.mjtObj.mjOBJ_JOINT
    elements = [
        *(e for e in spec.equalities if e.type == joint_equality and locked & {e.name1, e.name2}),
        *(sensor for sensor in spec.sensors if sensor.objtype == joint_sensor and sensor.objname in locked),
        *(joint for joint in spec.joints if joint.name in locked),
    ]
    for element in elements:
        spec.delete(element)


def _type(joint: mujoco.MjsJoint) -> str:
    return joint.type.name.removeprefix("mjJNT_").lower()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())

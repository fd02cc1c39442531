"""Reading a robot from a model and a description. Needs MuJoCo, which the extra `sim` provides."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import mujoco
import numpy as np

from gaitway.errors import UnknownNameError
from gaitway.robots.description import ImuSettings, RobotDescription, read_description
from gaitway.robots.joint_facts import JointFacts, Notes, choose_joints, joint_facts
from gaitway.robots.mirroring import derive_mirror, given_mirror
from gaitway.robots.model_files import ModelFiles, menagerie_files, mjcf_files, open_model, urdf_files
from gaitway.robots.model_spec import base_body, compile_spec, edited_spec, source_spec
from gaitway.robots.robot import ImuMounting, Robot, RobotError
from gaitway.robots.soles import foot_geoms, sole_height

_UPRIGHT = 1e-6
_IMU_SITE = "imu"
_GYRO = mujoco.mjtSensor.mjSENS_GYRO


def read_toml(path: Path | str) -> Robot:
    """Read a robot from a TOML file that names its model.

    Raises:
        RobotError: the file or its model cannot be used.
    """
    path = Path(path)
    description = read_description(path)
    try:
        files = open_model(description.model, path.parent, description.packages)
        return _build(files, replace(description, name=description.name or path.stem))
    except (RobotError, UnknownNameError) as error:
        raise RobotError(f"{path}: {error}") from error


def read_mjcf(path: Path | str, description: RobotDescription | None = None) -> Robot:
    """Read a robot from an MJCF file and what the description says beside it.

    Raises:
        RobotError: either cannot be used.
    """
    files = mjcf_files(Path(path))
    try:
        return _build(files, description or RobotDescription())
    except (RobotError, UnknownNameError) as error:
        raise RobotError(f"{path}: {error}") from error


def read_urdf(path: Path | str, description: RobotDescription | None = None) -> Robot:
    """Read a robot from a URDF file and what the description says beside it.

    Raises:
        RobotError: either cannot be used.
    """
    description = description or RobotDescription()
    files = urdf_files(Path(path), {name: Path(folder) for name, folder in description.packages.items()})
    try:
        return _build(files, description)
    except (RobotError, UnknownNameError) as error:
        raise RobotError(f"{path}: {error}") from error


def read_menagerie(name: str) -> Robot:
    """Take a robot from MuJoCo Menagerie as it is there.

    Args:
        name: `menagerie:NAME`, or `menagerie:NAME/ENTRY`.

    Raises:
        RobotError: the model cannot be had, or needs a description; the message says of what.
    """
    files = menagerie_files(name)
    try:
        return _build(files, RobotDescription())
    except (RobotError, UnknownNameError) as error:
        raise RobotError(
            f'{name} needs a description, a TOML file with `model = "{name}"` in it: {error}'
        ) from error


def _build(files: ModelFiles, description: RobotDescription) -> Robot:
    notes = Notes()
    spec = source_spec(files.text, files.assets)
    gyro_sites = [sensor.objname for sensor in spec.sensors if sensor.type == _GYRO]
    base = base_body(spec).name
    source = compile_spec(spec)
    _check_base(source, base)
    joints, locked = choose_joints(source, description)
    facts = joint_facts(source, joints, description, files.velocity_limit, notes)
    model = compile_spec(edited_spec(files.text, files.assets, locked, None))
    if model.jnt_type[0] != mujoco.mjtJoint.mjJNT_FREE:
        raise RobotError(f"the base {base!r} must come before all other joints of the world")
    home = _at_home(model, joints, facts)
    feet = foot_geoms(model, home, description.feet)
    if not description.feet:
        notes.add(f"feet, the bodies that reach lowest: {', '.join(_bodies(model, feet))}")
    imu = _imu(model, home, base, description.imu, gyro_sites, notes)
    order, signs = _mirror(model, joints, facts, description, notes)
    return Robot(
        name=description.name or files.name,
        mjcf=files.text,
        assets=files.assets,
        locked_joints=tuple(locked),
        integrator=description.integrator,
        joint_names=tuple(joints),
        home_joint_pos=tuple(f.home for f in facts),
        home_base_height=_base_height(model, home, feet, description.base_height),
        stiffness=tuple(f.stiffness for f in facts),
        damping=tuple(f.damping for f in facts),
        effort_limit=tuple(f.effort for f in facts),
        velocity_limit=tuple(f.velocity for f in facts),
        position_limit=tuple(f.range for f in facts),
        damping_mode=tuple(f.damping_mode for f in facts),
        imu=imu,
        foot_geoms=tuple(feet),
        camera=_camera(model, description.camera),
        joint_mirror=order,
        joint_mirror_sign=signs,
        license=description.license or files.license or "unknown",
        origin=description.origin or files.origin or "unknown",
        notes=notes.lines(len(joints)),
    )


def _check_base(source: mujoco.MjModel, base: str) -> None:
    quat = source.body(base).quat
    if source.body(base).mass[0] <= 0.0:
        raise RobotError(
            f"the base {base!r} has no mass; the root of the model must be the body that is the trunk"
        )
    if abs(quat[0]) < 1.0 - _UPRIGHT:
        raise RobotError(
            f"the base {base!r} must stand upright and face +x where its orientation is (1, 0, 0, 0); the model turns "
            f"it by ({', '.join(f'{value:.4g}' for value in quat)}) wxyz: give that to a frame or body inside it"
        )


def _mirror(
    model: mujoco.MjModel,
    joints: list[str],
    facts: list[JointFacts],
    description: RobotDescription,
    notes: Notes,
) -> tuple[tuple[int, ...], tuple[float, ...]]:
    if isinstance(description.mirror, dict):
        return given_mirror(model, joints, description.mirror, facts)
    return derive_mirror(model, joints, facts, notes) if description.mirror else ((), ())


def _base_height(model: mujoco.MjModel, home: mujoco.MjData, feet: list[str], said: float | None) -> float:
    if said is not None and said <= 0.0:
        raise RobotError(f"base_height is {said:g}; it must be above 0 m")
    return -sole_height(model, home, feet) if said is None else said


def _camera(model: mujoco.MjModel, said: str | None) -> str | None:
    cameras = _names(model, "cam", model.ncam)
    if said is not None and said not in cameras:
        raise UnknownNameError("camera", said, filter(None, cameras))
    return said


def _at_home(model: mujoco.MjModel, joints: list[str], facts: list[JointFacts]) -> mujoco.MjData:
    """The model with the base's origin in the world's, upright, and the joints at the home pose."""
    data = mujoco.MjData(model)
    data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
    for name, fact in zip(joints, facts, strict=True):
        data.qpos[model.joint(name).qposadr[0]] = fact.home
    mujoco.mj_kinematics(model, data)
    return data


def _imu(
    model: mujoco.MjModel,
    home: mujoco.MjData,
    base: str,
    said: ImuSettings | None,
    gyro_sites: list[str],
    notes: Notes,
) -> ImuMounting:
    """Where the IMU is, in base frame: the base's frame is the world's in `home`."""
    base_id = model.body(base).id
    sites = _names(model, "site", model.nsite)
    if said is None:
        on_base = [s for s in sites if s and model.body_weldid[model.site(s).bodyid[0]] == base_id]
        likely = [s for s in on_base if s in gyro_sites] or [s for s in on_base if "imu" in s.lower()]
        if len(likely) != 1:
            raise RobotError(
                "the IMU is missing: give [imu] with site = NAME (sites on the base: "
                f"{', '.join(on_base) or 'none'}), or body = {base!r} with pos and quat"
            )
        notes.add(f"IMU, at the only site that looks like one: {likely[0]}")
        said = ImuSettings(site=likely[0])
    if (said.site is None) == (said.body is None):
        raise RobotError("[imu] must name either a site or a body")
    if said.site is not None:
        if said.site not in sites:
            raise UnknownNameError("site in [imu]", said.site, filter(None, sites))
        site = model.site(said.site).id
        body, quat = int(model.site_bodyid[site]), np.zeros(4)
        mujoco.mju_mat2Quat(quat, home.site_xmat[site])
        pos = home.site_xpos[site]
    else:
        bodies = _names(model, "body", model.nbody)[1:]
        if said.body not in bodies:
            raise UnknownNameError("body in [imu]", str(said.body), filter(None, bodies))
        body, quat, pos = model.body(said.body).id, np.zeros(4), np.zeros(3)
        norm = float(np.linalg.norm(said.quat))
        if abs(norm - 1.0) > 1e-3:
            raise RobotError(f"[imu] quat must be a unit quaternion wxyz; its norm is {norm:g}")
        mujoco.mju_mulQuat(quat, home.xquat[body], np.array(said.quat) / norm)
        mujoco.mju_rotVecQuat(pos, np.array(said.pos), home.xquat[body])
        pos += home.xpos[body]
    if model.body_weldid[body] != base_id:
        raise RobotError(
            f"the IMU is on {model.body(body).name!r}, which moves against the base {base!r}; Gaitway needs one "
            "that is fixed to the base"
        )
    name = said.site or _free_name(_IMU_SITE, sites)
    return ImuMounting(site=name, pos=_triple(pos), quat=_quadruple(quat))


def _names(model: mujoco.MjModel, kind: str, count: int) -> list[str]:
    return [getattr(model, kind)(i).name for i in range(count)]


def _bodies(model: mujoco.MjModel, geoms: list[str]) -> list[str]:
    return list(dict.fromkeys(model.body(model.geom(name).bodyid[0]).name for name in geoms))


def _free_name(name: str, taken: list[str]) -> str:
    return name if name not in taken else _free_name(f"{name}_gaitway", taken)


def _triple(value: np.ndarray) -> tuple[float, float, float]:
    return float(value[0]), float(value[1]), float(value[2])


def _quadruple(value: np.ndarray) -> tuple[float, float, float, float]:
    return float(value[0]), float(value[1]), float(value[2]), float(value[3])

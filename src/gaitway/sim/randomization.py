"""Domain randomisation: how simulated robots differ from the nominal one and from each other.

Each field is drawn independently and uniformly for each robot, all from one generator, in a fixed order: the same
seed and ranges give the same robots. A field that is None is left at its nominal value.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import mujoco
import numpy as np
from mujoco.batch import Batch

from gaitway.robots import Robot

Range = tuple[float, float]


@dataclass(frozen=True, kw_only=True)
class Randomization:
    """Ranges (lowest, highest) of everything that may differ between robots."""

    friction: Range | None = None
    """Sliding friction between feet and ground [1]."""
    link_mass: Range | None = None
    """Factor on the mass and inertia of each link."""
    payload: Range | None = None
    """Mass added to the base link at its centre of mass [kg]."""
    com_offset: Range | None = None
    """Shift of the base link's centre of mass along each axis [m]."""
    stiffness: Range | None = None
    """Factor on each joint's stiffness."""
    damping: Range | None = None
    """Factor on each joint's damping gain."""
    motor_strength: Range | None = None
    """Factor on the torque that each motor gives, its limit included."""
    joint_friction: Range | None = None
    """Dry friction of each joint, as a share of its effort limit."""
    armature: Range | None = None
    """Factor on each joint's reflected rotor inertia."""
    encoder_bias: Range | None = None
    """Constant error of each joint encoder [rad]; the servos see it too."""
    gyro_bias: Range | None = None
    """Constant error of each gyroscope axis [rad/s]."""
    imu_tilt: Range | None = None
    """Error of the IMU's mounting, as a rotation about each of its x and y axes [rad]."""

    def without(self) -> Randomization:
        """The same with every field off."""
        return Randomization()


@dataclass(frozen=True)
class RobotDraw:
    """What was drawn for each of n robots; neutral values where a field was off."""

    friction: np.ndarray
    """NaN for nominal. Shape (n,)."""
    link_mass: np.ndarray
    """Shape (n, num_bodies)."""
    payload: np.ndarray
    """[kg] Shape (n,)."""
    com_offset: np.ndarray
    """[m] Shape (n, 3)."""
    stiffness: np.ndarray
    """Shape (n, num_joints), as are the fields below unless said otherwise."""
    damping: np.ndarray
    motor_strength: np.ndarray
    joint_friction: np.ndarray
    armature: np.ndarray
    encoder_bias: np.ndarray
    """[rad]"""
    gyro_bias: np.ndarray
    """[rad/s] Shape (n, 3)."""
    imu_tilt: np.ndarray
    """[rad] Shape (n, 2)."""

    def arrays(self) -> dict[str, np.ndarray]:
        """The fields by name, to be written into a run's record."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def draw_robots(
    randomization: Randomization, robot: Robot, model: mujoco.MjModel, num_envs: int, rng: np.random.Generator
) -> RobotDraw:
    """Draw `num_envs` robots.

    Args:
        randomization: the ranges.
        robot: the nominal robot.
        model: its compiled model.
        num_envs: how many.
        rng: source of the draws; the same number is taken whichever fields are on.
    """
    joints = robot.num_joints
    shapes = {
        "friction": (), "link_mass": (model.nbody,), "payload": (), "com_offset": (3,), "gyro_bias": (3,),
        "imu_tilt": (2,),
    }  # fmt: skip
    neutral = {
        "friction": np.nan, "payload": 0.0, "com_offset": 0.0, "joint_friction": 0.0, "encoder_bias": 0.0,
        "gyro_bias": 0.0, "imu_tilt": 0.0,
    }  # fmt: skip
    drawn = {}
    for field in fields(Randomization):
        uniform = rng.uniform(size=(num_envs, *shapes.get(field.name, (joints,))))
        limits = getattr(randomization, field.name)
        if limits is None:
            drawn[field.name] = np.full_like(uniform, neutral.get(field.name, 1.0))
        else:
            drawn[field.name] = limits[0] + (limits[1] - limits[0]) * uniform
    return RobotDraw(**drawn)


def apply_draw(batch: Batch, model: mujoco.MjModel, robot: Robot, draw: RobotDraw) -> None:
    """Give each robot of a batch the model fields that were drawn for it; gains and sensors are not among them."""
    base = int(model.jnt_bodyid[0])
    joints = [int(model.joint(name).dofadr[0]) for name in robot.joint_names]
    if np.isfinite(draw.friction).any():  # the larger of two geoms' friction counts, so all have it
        batch.expand("geom_friction")[:, :, 0] = draw.friction[:, None]
    mass_before = model.body_mass
    mass, inertia = batch.expand("body_mass"), batch.expand("body_inertia")
    mass *= draw.link_mass
    inertia *= draw.link_mass[:, :, None]
    mass[:, base] = np.maximum(mass[:, base] + draw.payload, 0.1 * mass_before[base])
    batch.expand("body_ipos")[:, base] += draw.com_offset
    batch.expand("dof_armature")[:, joints] *= draw.armature
    if draw.joint_friction.any():
        batch.expand("dof_frictionloss")[:, joints] = draw.joint_friction * np.array(robot.effort_limit)
    batch.expand("actuator_gainprm")[:, :, 0] = draw.motor_strength
    batch.expand("actuator_forcerange")[:] *= draw.motor_strength[:, :, None]
    batch.set_const()

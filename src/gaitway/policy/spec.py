"""The contract between a trained policy and the robot that runs it, as it stands in the policy file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec
import numpy as np

from gaitway.errors import GaitwayError
from gaitway.policy.gait import Gait
from gaitway.rotation import Array

SCHEMA_VERSION = 3


Setting = Literal["home_joint_pos", "stiffness", "damping"]
"""What a controller sets or computes itself, so that a policy may bring values of its own."""


class PolicyError(GaitwayError):
    """A policy file that cannot be read, verified, or run on this robot."""


@dataclass(frozen=True, kw_only=True)
class TermSpec:
    """One observation term: its place in the vector is its place in the list."""

    name: str
    size: int
    """Values of one instant."""
    unit: str
    frame: str
    topic: str
    """The topic that measures it on a robot, "controller" for what a controller knows, or empty."""
    scale: float = 1.0
    clip: tuple[float, float] | None = None
    """Bounds after scaling."""
    history: int = 1
    """Instants in the observation, oldest first."""


@dataclass(frozen=True, kw_only=True)
class ActionSpec:
    """What the network's output means: `target = offset + scale * clip(output)` per joint."""

    kind: Literal["joint_position"] = "joint_position"
    joint_names: tuple[str, ...]
    scale: tuple[float, ...]
    """[rad] per unit of network output."""
    offset: tuple[float, ...]
    """[rad]"""
    clip: float
    """Bound of the absolute network output."""
    trained_delay_steps: tuple[float, float]
    """Least and most latency in training [control steps]; a controller adds none of its own."""


@dataclass(frozen=True, kw_only=True)
class StateSpec:
    """What a recurrent network carries from one step to the next; zeros when an episode begins."""

    name: str = "state"
    """The network's input of that name takes it, the output `next_NAME` gives the next."""
    shape: tuple[int, ...]
    """Of one robot's."""

    @property
    def next_name(self) -> str:
        """Name of the network's output."""
        return f"next_{self.name}"


@dataclass(frozen=True, kw_only=True)
class RobotSpec:
    """The robot the policy was trained on. Per-joint fields follow `joint_names`."""

    name: str
    model_sha256: str
    joint_names: tuple[str, ...]
    home_joint_pos: tuple[float, ...]
    """[rad]"""
    stiffness: tuple[float, ...]
    """[N m/rad]"""
    damping: tuple[float, ...]
    """[N m s/rad]"""
    effort_limit: tuple[float, ...]
    """[N m]"""
    velocity_limit: tuple[float, ...]
    """[rad/s]"""
    position_limit: tuple[tuple[float, float], ...]
    """[rad]"""
    imu_mounting_quat: tuple[float, float, float, float]
    """Orientation of the IMU in base frame, wxyz."""
    own: tuple[Setting, ...] = ()
    """Fields that are the policy's own where the robot's nominal values differ: a controller sets these gains on
    the robot, and takes joint positions relative to this home pose."""


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """High quantiles of what the robot did in evaluation; the supervisor's limits come from them."""

    quantile: float
    joint_vel: tuple[float, ...]
    """Absolute joint velocity per joint [rad/s]."""
    joint_pos_target_step: tuple[float, ...]
    """Absolute change of the joint target in one control step [rad]."""
    base_ang_vel: float
    """Norm of the base angular velocity [rad/s]."""
    tilt: float
    """Angle between the base's up axis and the world's [rad]."""
    initial_joint_pos_error: float
    """Largest distance of a joint from its home position at the start of an episode [rad]."""


@dataclass(frozen=True, kw_only=True)
class ObservationStatistics:
    """What the network observed, value by value, as it stands in the observation."""

    mean: tuple[float, ...]
    """Shape (observation size,)."""
    std: tuple[float, ...]
    """Standard deviation. Shape (observation size,)."""
    count: int
    """Observations that these are of."""


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where the policy comes from."""

    gaitway_version: str
    created: str
    """ISO 8601, UTC."""
    source_commit: str | None
    task: str
    """What it was evaluated on."""
    algorithm: str
    seed: int | None
    """None where Gaitway did not train it, as `env_steps`."""
    env_steps: int | None
    evaluation: dict[str, float]
    license: str = "Apache-2.0"
    source: str | None = None
    """Who trained it, and with what, where Gaitway did not."""


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """The velocity commands that the policy was trained to follow; others are clipped to these ranges."""

    lin_vel_x: tuple[float, float]
    """Forward velocity [m/s]."""
    lin_vel_y: tuple[float, float]
    """Velocity to the left [m/s]."""
    ang_vel_z: tuple[float, float]
    """Yaw rate, counter-clockwise [rad/s]."""

    def clip(self, command: Array) -> Array:
        """The nearest command within the ranges; NaN stays. Shape (..., 3), or a tuple."""
        if isinstance(command, tuple):
            (x, y, yaw), (x_from, x_to) = command, self.lin_vel_x
            (y_from, y_to), (yaw_from, yaw_to) = self.lin_vel_y, self.ang_vel_z
            return (
                x if x_from <= x <= x_to else max(min(x, x_to), x_from),
                y if y_from <= y <= y_to else max(min(y, y_to), y_from),
                yaw if yaw_from <= yaw <= yaw_to else max(min(yaw, yaw_to), yaw_from),
            )
        lower, upper = zip(self.lin_vel_x, self.lin_vel_y, self.ang_vel_z, strict=True)
        return np.clip(command, lower, upper)


@dataclass(frozen=True, kw_only=True)
class GoldenTrace:
    """A recorded sequence of control steps, from raw sensor values to the joint command."""

    joint_pos: list[list[float]]
    """In the policy's joint order [rad]. Shape (steps, num_joints)."""
    joint_vel: list[list[float]]
    """[rad/s] Shape (steps, num_joints)."""
    imu_quat_w: list[list[float]]
    """wxyz. Shape (steps, 4)."""
    imu_ang_vel: list[list[float]]
    """In IMU frame [rad/s]. Shape (steps, 3)."""
    obs: list[list[float]]
    """Shape (steps, observation size)."""
    action: list[list[float]]
    """Network output after its clip. Shape (steps, num_actions)."""
    joint_pos_target: list[list[float]]
    """[rad] Shape (steps, num_joints)."""
    command: list[list[float]] | None = None
    """Velocity commands vx, vy [m/s], yaw rate [rad/s]; None for a policy without. Shape (steps, 3)."""
    start_phase: float = 0.0
    """Gait phase at the first step [rad]."""
    base_lin_vel_b: list[list[float]] | None = None
    """For a policy that observes it, which runs in simulation only [m/s]. Shape (steps, 3)."""


@dataclass(frozen=True, kw_only=True)
class PolicySpec:
    """Everything a controller must know to run the network beside it."""

    schema_version: int = SCHEMA_VERSION
    origin: Origin
    robot: RobotSpec
    step_dt: float
    """Time of one control step [s]."""
    observation: tuple[TermSpec, ...]
    action: ActionSpec
    envelope: Envelope
    command: CommandSpec | None = None
    """None for a policy that takes no velocity command."""
    gait: Gait | None = None
    """The rhythm behind the observation term `gait_clock`."""
    state: StateSpec | None = None
    """None for a network that carries nothing from one step to the next."""
    observed: ObservationStatistics | None = None
    """What robots observed in evaluation; None in files of Gaitway 0.1."""
    golden_traces: tuple[GoldenTrace, ...] = ()

    @property
    def obs_size(self) -> int:
        """Length of the observation vector."""
        return sum(term.size * term.history for term in self.observation)

    @property
    def state_shape(self) -> tuple[int, ...]:
        """Shape of one robot's recurrent state; (0,) where the network carries none."""
        return (0,) if self.state is None else self.state.shape

    def to_json(self) -> str:
        """As JSON; floats keep every bit."""
        return msgspec.json.encode(self).decode()

    @staticmethod
    def from_json(text: str) -> PolicySpec:
        """Read what `to_json` wrote.

        Raises:
            PolicyError: it is not JSON, a field is missing or of the wrong type, the lengths of
                per-joint fields disagree, or the schema is newer than this Gaitway knows.
        """
        try:
            version = msgspec.json.decode(text, type=_Header).schema_version
            if version > SCHEMA_VERSION:
                raise PolicyError(
                    f"the policy file has schema version {version}; this Gaitway reads up to "
                    f"{SCHEMA_VERSION}: update Gaitway, or export the policy again with this one"
                )
            spec = msgspec.json.decode(text, type=PolicySpec)
        except msgspec.DecodeError as error:
            raise PolicyError(f"the policy file's spec cannot be read: {error}") from error
        spec._check_lengths()
        return spec

    def _check_lengths(self) -> None:
        joints = len(self.robot.joint_names)
        fields = {
            f"robot.{name}": len(getattr(self.robot, name))
            for name in (
                "home_joint_pos", "stiffness", "damping", "effort_limit", "velocity_limit", "position_limit",
            )
        }  # fmt: skip
        fields |= {
            f"action.{name}": len(getattr(self.action, name)) for name in ("joint_names", "scale", "offset")
        }
        fields["envelope.joint_vel"] = len(self.envelope.joint_vel)
        fields["envelope.joint_pos_target_step"] = len(self.envelope.joint_pos_target_step)
        if self.action.joint_names != self.robot.joint_names or not self.step_dt > 0.0:
            raise PolicyError(
                "the policy file's spec contradicts itself: the action's joints must be the robot's, in their "
                f"order, and step_dt above 0; it is {self.step_dt}"
            )
        observed = {term.name for term in self.observation}
        for name, given in (("command", self.command), ("gait_clock", self.gait)):
            if name in observed and given is None:
                raise PolicyError(
                    f"the policy file's spec contradicts itself: it observes {name} without describing it"
                )
        if self.state is not None and not (self.state.shape and min(self.state.shape) > 0):
            raise PolicyError(
                "the policy file's spec contradicts itself: a recurrent state must have a shape of sizes above 0; it is "
                f"{self.state.shape}"
            )
        if self.observed is not None and {len(self.observed.mean), len(self.observed.std)} != {self.obs_size}:
            raise PolicyError(
                f"the policy file's spec contradicts itself: it observes {self.obs_size} values, with "
                f"{len(self.observed.mean)} means and {len(self.observed.std)} deviations"
            )
        wrong = [f"{name} has {count}" for name, count in fields.items() if count != joints]
        if wrong:
            raise PolicyError(
                f"the policy file's spec contradicts itself: for {joints} joints, {', '.join(wrong)}"
            )


@dataclass(frozen=True, kw_only=True)
class _Header:
    schema_version: int

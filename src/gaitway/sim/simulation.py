"""Many robots stepped together on the CPU.

One `Simulation` holds `num_envs` copies of a robot in `mujoco.batch.Batch`: each a row of state, stepped
on a thread pool with results that do not depend on the number of threads. Everything exposed here comes
from the state itself, so that joints and IMU always belong to the same instant.
"""

from __future__ import annotations

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError

from gaitway import rotation
from gaitway.errors import GaitwayError
from gaitway.robots import Robot
from gaitway.sim.model import build_model

PUSH_DURATION_S = 0.1
"""A push is an impulse delivered by a constant force over this time [s]."""

_DIVERGENCE = [
    mujoco.mjtWarning.mjWARN_BADQPOS.value,
    mujoco.mjtWarning.mjWARN_BADQVEL.value,
    mujoco.mjtWarning.mjWARN_BADQACC.value,
]


class SimError(GaitwayError):
    """A simulation that cannot be set up or stepped as asked."""


class Simulation:
    """`num_envs` robots, each with its own state, gains, gantry and pushes.

    Attributes:
        robot: what is simulated.
        model: the compiled MuJoCo model.
        num_envs: how many robots.
        physics_dt: time of one physics step [s].
        decimation: physics steps in one control step.
        step_dt: time of one control step [s].
    """

    def __init__(
        self,
        robot: Robot,
        num_envs: int,
        *,
        physics_dt: float = 0.005,
        decimation: int = 4,
        num_threads: int = 0,
    ):
        """Make the robots, standing at the home pose.

        Args:
            robot: what to simulate.
            num_envs: how many.
            physics_dt: time of one physics step [s].
            decimation: physics steps in one control step.
            num_threads: threads that step them; 0 takes every CPU. Results do not depend on it.

        Raises:
            SimError: a count or a time is not positive.
        """
        if num_envs < 1 or decimation < 1 or physics_dt <= 0.0 or num_threads < 0:
            raise SimError(
                "a simulation needs num_envs >= 1, decimation >= 1, physics_dt > 0 and num_threads >= 0; "
                f"got {num_envs}, {decimation}, {physics_dt}, {num_threads}"
            )
        self.robot = robot
        self.num_envs = num_envs
        self.physics_dt = physics_dt
        self.decimation = decimation
        self.step_dt = physics_dt * decimation
        self.model = build_model(robot, physics_dt)
        self._batch = Batch(self.model, num_envs, num_threads)
        addresses = [self.model.joint(name).qposadr[0] for name in robot.joint_names]
        dofs = [self.model.joint(name).dofadr[0] for name in robot.joint_names]
        self._joint_qpos, self._joint_qvel = _as_slice(addresses), _as_slice(dofs)
        self._qpos = self._batch.bind("qpos")
        self._qvel = self._batch.bind("qvel")
        self._ctrl = self._batch.bind("ctrl")
        self._actuator_force = self._batch.bind("actuator_force")
        self._base_id = int(self.model.jnt_bodyid[0])
        self._push_wrench = self._batch.bind("xfrc_applied")[:, self._base_id, :]
        self._push_steps = np.zeros(num_envs, dtype=np.int64)
        self._divergences = np.zeros(num_envs, dtype=np.int64)
        self._imu_quat_b = np.array(robot.imu.quat)
        self._stiffness = np.tile(robot.stiffness, (num_envs, 1))
        self._damping = np.tile(robot.damping, (num_envs, 1))
        self.reset()

    @property
    def joint_pos(self) -> np.ndarray:
        """Joint positions [rad]. Shape (num_envs, num_joints)."""
        return self._qpos[:, self._joint_qpos]

    @property
    def joint_vel(self) -> np.ndarray:
        """Joint velocities [rad/s]. Shape (num_envs, num_joints)."""
        return self._qvel[:, self._joint_qvel]

    @property
    def base_pos_w(self) -> np.ndarray:
        """Position of the base origin in world frame [m]. Shape (num_envs, 3)."""
        return self._qpos[:, 0:3]

    @property
    def base_quat_w(self) -> np.ndarray:
        """Orientation of the base in world frame, unit quaternion wxyz. Shape (num_envs, 4)."""
        return self._qpos[:, 3:7]

    @property
    def base_lin_vel_w(self) -> np.ndarray:
        """Linear velocity of the base origin in world frame [m/s]. Shape (num_envs, 3)."""
        return self._qvel[:, 0:3]

    @property
    def base_ang_vel_b(self) -> np.ndarray:
        """Angular velocity of the base in base frame [rad/s]. Shape (num_envs, 3)."""
        return self._qvel[:, 3:6]

    @property
    def imu_quat_w(self) -> np.ndarray:
        """Orientation of the IMU in world frame, unit quaternion wxyz. Shape (num_envs, 4)."""
        return rotation.multiply(self.base_quat_w, self._imu_quat_b)

    @property
    def imu_ang_vel(self) -> np.ndarray:
        """Angular velocity in IMU frame, as a gyroscope measures it [rad/s]. Shape (num_envs, 3)."""
        return rotation.rotate(rotation.conjugate(self._imu_quat_b), self.base_ang_vel_b)

    @property
    def joint_effort(self) -> np.ndarray:
        """Torques the actuators applied in the newest physics step [N m]. Shape (num_envs, num_joints)."""
        return self._actuator_force

    def set_gains(self, stiffness: np.ndarray, damping: np.ndarray) -> None:
        """Set the servo gains of every robot.

        Args:
            stiffness: [N m/rad]. Broadcast to (num_envs, num_joints).
            damping: [N m s/rad]. Broadcast to (num_envs, num_joints).
        """
        self._stiffness[:] = stiffness
        self._damping[:] = damping
        bias = self._batch.expand("actuator_biasprm")
        bias[:, :, 1] = -self._stiffness
        bias[:, :, 2] = -self._damping

    def set_command(self, joint_pos_target: np.ndarray, joint_effort: np.ndarray | float = 0.0) -> None:
        """Set what the servos do until the next command.

        Args:
            joint_pos_target: position targets [rad]. Shape (num_envs, num_joints).
            joint_effort: feed-forward torques [N m]. Broadcast to (num_envs, num_joints).
        """
        np.multiply(self._stiffness, joint_pos_target, out=self._ctrl)
        self._ctrl += joint_effort

    def push(self, impulse_w: np.ndarray, env_ids: np.ndarray | None = None) -> None:
        """Start pushing the base; the force lasts PUSH_DURATION_S from the next step on.

        Args:
            impulse_w: impulse in world frame [N s]. Shape (len(env_ids), 3).
            env_ids: robots to push, or None for all.
        """
        ids = slice(None) if env_ids is None else env_ids
        self._push_wrench[ids, :3] = np.asarray(impulse_w) / PUSH_DURATION_S
        self._push_steps[ids] = round(PUSH_DURATION_S / self.physics_dt)

    def set_gantry(self, held: bool) -> None:
        """Hold every base where the home pose has it, or let it go."""
        self._batch.bind("eq_active")[:, self.model.equality("gantry").id] = float(held)

    def step(self, physics_steps: int | None = None) -> np.ndarray:
        """Advance every robot by one control step, or by the given number of physics steps.

        Returns:
            Which robots diverged (their state is not finite, or MuJoCo had to reset them). Such a robot
            must be reset before its state means anything. Shape (num_envs,), bool.
        """
        count = self.decimation if physics_steps is None else physics_steps
        failed = np.zeros(self.num_envs, dtype=bool)
        try:
            self._batch.step(nstep=count)
        except SimulationError as error:
            failed[error.ids] = True
        self._end_pushes(count)
        divergences = self._batch.warning[:, _DIVERGENCE, 1].sum(axis=1)
        failed |= divergences > self._divergences
        self._divergences[:] = divergences
        return failed

    def reset(self, env_ids: np.ndarray | None = None, joint_pos: np.ndarray | None = None) -> None:
        """Put robots back at rest: base upright at the origin, no push under way, servos at the pose.

        Args:
            env_ids: robots to reset, or None for all.
            joint_pos: their joint positions [rad], default the home pose. Shape (len(env_ids), num_joints).
        """
        self._batch.reset(env_ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        ids = np.arange(self.num_envs) if env_ids is None else np.asarray(env_ids)
        pose = np.array(self.robot.home_joint_pos) if joint_pos is None else joint_pos
        self._qpos[_outer(ids, self._joint_qpos)] = pose
        self._ctrl[ids] = self._stiffness[ids] * pose
        self._push_steps[ids] = 0
        self._divergences[ids] = self._batch.warning[ids][:, _DIVERGENCE, 1].sum(axis=1)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on, copied."""
        return {
            "state": self._batch.state.copy(),
            "push_steps": self._push_steps.copy(),
            "stiffness": self._stiffness.copy(),
            "damping": self._damping.copy(),
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._batch.state[:] = state["state"]
        self._push_steps[:] = state["push_steps"]
        if (state["stiffness"] != self._stiffness).any() or (state["damping"] != self._damping).any():
            self.set_gains(state["stiffness"], state["damping"])

    def data(self, env_id: int = 0) -> mujoco.MjData:
        """A robot's MjData with derived fields computed, to render it or to look inside."""
        data = self._batch.get_data(env_id)
        mujoco.mj_forward(self._batch.get_model(env_id), data)
        return data

    def _end_pushes(self, physics_steps: int) -> None:
        if self._push_steps.any():
            ending = (self._push_steps > 0) & (self._push_steps <= physics_steps)
            self._push_wrench[ending] = 0.0
            np.maximum(self._push_steps - physics_steps, 0, out=self._push_steps)


def _as_slice(addresses: list[int]) -> slice | np.ndarray:
    """Contiguous addresses as a slice (a view of the state), others as an index array (a copy)."""
    first, count = addresses[0], len(addresses)
    if addresses == list(range(first, first + count)):
        return slice(first, first + count)
    return np.array(addresses)


def _outer(rows: np.ndarray, columns: slice | np.ndarray) -> tuple[np.ndarray, slice | np.ndarray]:
    return (rows, columns) if isinstance(columns, slice) else (rows[:, None], columns)

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
from gaitway.robots import Robot
from gaitway.sim.errors import SimError
from gaitway.sim.model import FOOT_SENSORS, build_model, foot_bodies
from gaitway.sim.placement import Placement
from gaitway.sim.randomization import Randomization, apply_draw, draw_robots
from gaitway.sim.terrain import Terrain, TerrainConfig
from gaitway.sim.worlds import World

PUSH_DURATION_S = 0.1
"""A push is an impulse delivered by a constant force over this time [s]."""

_WELD_HEIGHT = 5  # of the world under the base, in the data of the equality that holds it
_TERRAIN_STREAM = 1  # the ground's own stream of a seed: robots are drawn the same on any ground

_DIVERGENCE = [
    mujoco.mjtWarning.mjWARN_BADQPOS.value,
    mujoco.mjtWarning.mjWARN_BADQVEL.value,
    mujoco.mjtWarning.mjWARN_BADQACC.value,
]


class Simulation:
    """`num_envs` robots, each with its own state, gains, gantry and pushes.

    Attributes:
        robot: what is simulated.
        model: the compiled MuJoCo model.
        terrain: the ground, or None for a level plane.
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
        max_delay_s: float = 0.0,
        randomization: Randomization | None = None,
        terrain: TerrainConfig | None = None,
        world: World | None = None,
        seed: int = 0,
        solver: str | None = None,
        cone: str | None = None,
    ):
        """Make the robots, standing at the home pose.

        Args:
            robot: what to simulate.
            num_envs: how many.
            physics_dt: time of one physics step [s].
            decimation: physics steps in one control step.
            num_threads: threads that step them; 0 takes every CPU. Results do not depend on it.
            max_delay_s: the longest time between a command and its effect that `set_delay` may ask for [s].
            randomization: how the robots differ; default not at all.
            terrain: the ground that all of them walk on; default a level plane.
            world: what stands on the ground; default nothing.
            seed: of what is drawn for each robot and for the ground.
            solver: MuJoCo's constraint solver, "Newton", "CG" or "PGS"; default the robot model's own.
            cone: friction cones, "pyramidal" or "elliptic"; default the robot model's own.

        Raises:
            SimError: a count or a time is not positive, or the terrain takes too much memory.
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
        self.terrain = terrain and Terrain(terrain, np.random.default_rng([seed, _TERRAIN_STREAM]))
        self.model = build_model(robot, physics_dt, self.terrain, world=world, solver=solver, cone=cone)
        self._placement = self.terrain and Placement(robot, self.model, self.terrain)
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
        self._imu_quat_b = tuple(map(float, robot.imu.quat))
        self._stiffness = np.tile(robot.stiffness, (num_envs, 1))
        self._damping = np.tile(robot.damping, (num_envs, 1))
        self.draw = draw_robots(
            randomization or Randomization(), robot, self.model, num_envs, np.random.default_rng(seed)
        )
        """What was drawn for each robot."""
        self._servo_stiffness = self._stiffness * self.draw.stiffness
        if randomization is not None:
            apply_draw(self._batch, self.model, robot, self.draw)
            self.set_gains(self._stiffness, self._damping)
        self._imu_tilt_quat = _small_rotation(self.draw.imu_tilt) if self.draw.imu_tilt.any() else None
        self._delay = np.zeros(num_envs, dtype=np.int64)  # physics steps
        slots = int(np.ceil(round(max_delay_s / physics_dt) / decimation)) + 1
        self._newest_ctrl = np.zeros((slots, num_envs, robot.num_joints))  # newest first
        self._bind_feet()
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
    def qpos(self) -> np.ndarray:
        """Configurations as MuJoCo holds them. Shape (num_envs, nq)."""
        return self._qpos

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
    def measured_joint_pos(self) -> np.ndarray:
        """Joint positions as the encoders read them [rad]. Shape (num_envs, num_joints)."""
        return self.joint_pos + self.draw.encoder_bias

    @property
    def imu_quat_w(self) -> np.ndarray:
        """Orientation of the IMU in world frame as it measures it, wxyz. Shape (num_envs, 4)."""
        quat = rotation.multiply(self.base_quat_w.copy(), self._imu_quat_b)
        return quat if self._imu_tilt_quat is None else rotation.multiply(quat, self._imu_tilt_quat)

    @property
    def imu_ang_vel(self) -> np.ndarray:
        """Angular velocity in IMU frame as the gyroscope measures it [rad/s]. Shape (num_envs, 3)."""
        ang_vel = rotation.rotate(rotation.conjugate(self._imu_quat_b), self.base_ang_vel_b)
        return ang_vel + self.draw.gyro_bias

    @property
    def foot_pos_w(self) -> np.ndarray:
        """Origins of the foot bodies in world frame [m], one physics step old. Shape (num_envs, feet, 3)."""
        return self._feet[:, :, 0:3]

    @property
    def foot_lin_vel_w(self) -> np.ndarray:
        """Velocities of those origins in world frame [m/s]. Shape (num_envs, feet, 3)."""
        return self._feet[:, :, 3:6]

    @property
    def foot_up_w(self) -> np.ndarray:
        """Up axes of the feet in world frame, unit vectors. Shape (num_envs, feet, 3)."""
        return self._feet[:, :, 6:9]

    @property
    def foot_contact(self) -> np.ndarray:
        """Whether each foot touches something. Shape (num_envs, feet), bool."""
        return self._feet[:, :, 9] > 0.0

    @property
    def foot_force_w(self) -> np.ndarray:
        """Net contact force of each foot on the world, world frame [N]. Shape (num_envs, feet, 3)."""
        return self._feet[:, :, 10:13]

    @property
    def joint_effort(self) -> np.ndarray:
        """Torques the actuators applied in the newest physics step [N m]. Shape (num_envs, num_joints)."""
        return self._actuator_force

    @property
    def push_force_w(self) -> np.ndarray:
        """Force of the push under way, world frame [N]. Shape (num_envs, 3)."""
        return self._push_wrench[:, :3]

    @property
    def delay_s(self) -> np.ndarray:
        """Time between a command and its effect [s]. Shape (num_envs,)."""
        return self._delay * self.physics_dt

    @property
    def home_foot_pos_b(self) -> np.ndarray:
        """Origins of the foot bodies at the home pose, in base frame [m]. Shape (feet, 3)."""
        data = mujoco.MjData(self.model)
        data.qpos[:7] = 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0
        data.qpos[self._joint_qpos] = self.robot.home_joint_pos
        mujoco.mj_kinematics(self.model, data)
        return np.array([data.body(name).xpos for name in self._foot_bodies]).reshape(-1, 3)

    def ground_height(self, pos_w: np.ndarray) -> np.ndarray:
        """Height of the ground under points in world frame [m]. Shapes (..., 3) or (..., 2), and (...)."""
        if self.terrain is None:
            return np.zeros(pos_w.shape[:-1])
        return self.terrain.height(pos_w[..., 0], pos_w[..., 1])

    def set_gains(self, stiffness: np.ndarray, damping: np.ndarray) -> None:
        """Set the servo gains of every robot.

        Args:
            stiffness: [N m/rad]. Broadcast to (num_envs, num_joints).
            damping: [N m s/rad]. Broadcast to (num_envs, num_joints).
        """
        self._stiffness[:] = stiffness
        self._damping[:] = damping
        self._servo_stiffness[:] = self._stiffness * self.draw.stiffness
        bias = self._batch.expand("actuator_biasprm")
        bias[:, :, 1] = -self.draw.motor_strength * self._servo_stiffness
        bias[:, :, 2] = -self.draw.motor_strength * self.draw.damping * self._damping

    def set_drag(self, drag: np.ndarray | float) -> None:
        """Set viscous friction of the joints beside their own [N m s/rad]. Broadcast to (num_envs, num_joints)."""
        dofs = [self.model.joint(name).dofadr[0] for name in self.robot.joint_names]
        self._batch.expand("dof_damping")[:, dofs] = self.model.dof_damping[dofs] + drag

    def set_delay(self, delay_s: np.ndarray, env_ids: np.ndarray | None = None) -> None:
        """Set the time between a command and its effect, in whole physics steps.

        Args:
            delay_s: at most the `max_delay_s` that the simulation was made with [s]. Shape (len(env_ids),).
            env_ids: robots to set it for, or None for all.

        Raises:
            SimError: a delay is negative or longer.
        """
        delay = np.rint(np.asarray(delay_s) / self.physics_dt).astype(np.int64)
        longest = (len(self._newest_ctrl) - 1) * self.decimation
        if (delay < 0).any() or (delay > longest).any():
            raise SimError(f"a delay must be from 0 to {longest * self.physics_dt:g} s; got {delay_s}")
        self._delay[slice(None) if env_ids is None else env_ids] = delay

    def set_command(self, joint_pos_target: np.ndarray, joint_effort: np.ndarray | float = 0.0) -> None:
        """Set what the servos do until the next command.

        Args:
            joint_pos_target: position targets [rad]. Shape (num_envs, num_joints).
            joint_effort: feed-forward torques [N m]. Broadcast to (num_envs, num_joints).
        """
        ctrl = self._servo_stiffness * (joint_pos_target - self.draw.encoder_bias) + joint_effort
        if len(self._newest_ctrl) > 1:
            self._newest_ctrl[1:] = self._newest_ctrl[:-1].copy()
            self._newest_ctrl[0] = ctrl
        self._ctrl[:] = ctrl

    def push(self, impulse_w: np.ndarray, env_ids: np.ndarray | None = None) -> None:
        """Start pushing the base; the force lasts PUSH_DURATION_S from the next step on.

        Args:
            impulse_w: impulse in world frame [N s]. Shape (len(env_ids), 3).
            env_ids: robots to push, or None for all.
        """
        ids = slice(None) if env_ids is None else env_ids
        self._push_wrench[ids, :3] = np.asarray(impulse_w) / PUSH_DURATION_S
        self._push_steps[ids] = round(PUSH_DURATION_S / self.physics_dt)

    def set_gantry(self, held: bool, lift: float = 0.0) -> None:
        """Hold every base above the world's origin where the home pose has it, or let it go.

        Args:
            held: whether it is held.
            lift: how much higher it is held, so that feet hang free; it is put there at once [m].
        """
        gantry = self.model.equality("gantry").id
        if held and lift:
            self._batch.expand("eq_data")[:, gantry, _WELD_HEIGHT] = -self.robot.home_base_height - lift
            self._qpos[:, 2] = self.robot.home_base_height + lift
        self._batch.bind("eq_active")[:, gantry] = float(held)

    def step(self, physics_steps: int | None = None) -> np.ndarray:
        """Advance every robot by one control step, or by the given number of physics steps.

        Returns:
            Which robots diverged (their state is not finite, or MuJoCo had to reset them). Such a robot
            must be reset before its state means anything. Shape (num_envs,), bool.
        """
        count = self.decimation if physics_steps is None else physics_steps
        failed = np.zeros(self.num_envs, dtype=bool)
        try:
            if len(self._newest_ctrl) > 1 and count == self.decimation:
                self._batch.rollout(count, self._delayed_ctrl(), mujoco.mjtState.mjSTATE_CTRL, ())
            else:
                self._batch.step(nstep=count)
        except SimulationError as error:
            failed[error.ids] = True
        self._end_pushes(count)
        divergences = self._batch.warning[:, _DIVERGENCE, 1].sum(axis=1)
        failed |= divergences > self._divergences
        self._divergences[:] = divergences
        return failed

    def reset(
        self,
        env_ids: np.ndarray | None = None,
        joint_pos: np.ndarray | None = None,
        base_xy: np.ndarray | None = None,
    ) -> None:
        """Put robots back at rest: base upright and over the ground, no push under way, servos at the pose.

        On a level plane the base is at home height, on terrain so high that no foot starts in the ground.

        Args:
            env_ids: robots to reset, or None for all.
            joint_pos: their joint positions [rad], default the home pose. Shape (len(env_ids), num_joints).
            base_xy: where their bases are put in world frame [m], default the origin. Shape (len(env_ids), 2).
        """
        self._batch.reset(env_ids, stage=mujoco.mjtStage.mjSTAGE_NONE.value)
        ids = np.arange(self.num_envs) if env_ids is None else np.asarray(env_ids)
        pose = np.array(self.robot.home_joint_pos) if joint_pos is None else joint_pos
        self._qpos[_outer(ids, self._joint_qpos)] = pose
        if base_xy is not None:
            self._qpos[ids, :2] = base_xy
        if self._placement is not None:
            self._qpos[ids, 2] = self._placement.base_height(self.joint_pos[ids], self._qpos[ids, :2])
        self._ctrl[ids] = self._servo_stiffness[ids] * pose
        self._newest_ctrl[:, ids] = self._ctrl[ids]
        self._push_steps[ids] = 0
        self._divergences[ids] = self._batch.warning[ids][:, _DIVERGENCE, 1].sum(axis=1)

    def state_dict(self) -> dict[str, np.ndarray]:
        """Everything that the next steps depend on, copied."""
        return {
            "state": self._batch.state.copy(),
            "push_steps": self._push_steps.copy(),
            "stiffness": self._stiffness.copy(),
            "damping": self._damping.copy(),
            "delay": self._delay.copy(),
            "newest_ctrl": self._newest_ctrl.copy(),
        }

    def load_state_dict(self, state: dict[str, np.ndarray]) -> None:
        """Continue from what `state_dict` returned."""
        self._batch.state[:] = state["state"]
        self._push_steps[:] = state["push_steps"]
        self._delay[:] = state["delay"]
        self._newest_ctrl[:] = state["newest_ctrl"]
        if (state["stiffness"] != self._stiffness).any() or (state["damping"] != self._damping).any():
            self.set_gains(state["stiffness"], state["damping"])

    def data(self, env_id: int = 0) -> mujoco.MjData:
        """A robot's MjData with derived fields computed, to render it or to look inside."""
        data = self._batch.get_data(env_id)
        mujoco.mj_forward(self._batch.get_model(env_id), data)
        return data

    def _bind_feet(self) -> None:
        """Find each foot's sensors, which stand together in `sensordata`."""
        self._foot_bodies = feet = foot_bodies(self.model, self.robot)
        first = int(self.model.sensor(f"{feet[0]}/{FOOT_SENSORS[0]}").adr[0]) if feet else 0
        sensordata = self._batch.bind("sensordata")[:, first : first + 13 * len(feet)]
        self._feet = sensordata.reshape(self.num_envs, len(feet), 13)

    def _delayed_ctrl(self) -> np.ndarray:
        """What reaches the actuators in each physics step of a control step. Shape (n, decimation, joints)."""
        age = self._delay[:, None] - np.arange(self.decimation)
        slot = -(-np.maximum(age, 0) // self.decimation)  # rounded up
        return self._newest_ctrl[slot, np.arange(self.num_envs)[:, None]]

    def _end_pushes(self, physics_steps: int) -> None:
        if self._push_steps.any():
            ending = (self._push_steps > 0) & (self._push_steps <= physics_steps)
            self._push_wrench[ending] = 0.0
            np.maximum(self._push_steps - physics_steps, 0, out=self._push_steps)


def _small_rotation(tilt: np.ndarray) -> np.ndarray:
    """Rotations by `tilt` about x and y, shape (n, 2), as quaternions wxyz. Shape (n, 4)."""
    vector = np.concatenate([np.zeros((len(tilt), 1)), tilt / 2.0, np.zeros((len(tilt), 1))], axis=1)
    vector[:, 0] = 1.0
    return vector / np.linalg.norm(vector, axis=1, keepdims=True)


def _as_slice(addresses: list[int]) -> slice | np.ndarray:
    """Contiguous addresses as a slice (a view of the state), others as an index array (a copy)."""
    first, count = addresses[0], len(addresses)
    if addresses == list(range(first, first + count)):
        return slice(first, first + count)
    return np.array(addresses)


def _outer(rows: np.ndarray, columns: slice | np.ndarray) -> tuple[np.ndarray, slice | np.ndarray]:
    return (rows, columns) if isinstance(columns, slice) else (rows[:, None], columns)

"""A policy on one simulated robot, step by step; knows no browser and no clock."""

from __future__ import annotations

import numpy as np

from gaitway import rotation
from gaitway.policy import PolicyError, PolicyRuntime, VelocityCommand, check_binding
from gaitway.robots import Robot
from gaitway.sim import Simulation, TerrainConfig

PHYSICS_DT = 0.005
"""Time of one physics step [s]."""
VELOCITY_WINDOW_S = 0.36
"""Time constant of the average behind `Player.measured`: a walking body sways within a stride [s]."""


class Player:
    """One robot under a policy.

    Attributes:
        runtime: the policy.
        sim: the robot.
        time_s: since the reset [s].
        command: what the policy was told to do in the newest step: vx, vy [m/s], yaw rate [rad/s]. Shape (3,).
        measured: what the robot did, averaged, in the same units and frame. Shape (3,).
    """

    def __init__(
        self,
        runtime: PolicyRuntime,
        robot: Robot,
        *,
        terrain: TerrainConfig | None = None,
        level: float = 0.0,
        seed: int = 0,
    ):
        """Make the robot and stand it up.

        Args:
            runtime: the policy.
            robot: what it is to control.
            terrain: the ground; default a level plane.
            level: where on it the robot starts, 0 in the easiest row to 1 in the hardest.
            seed: of the ground and of the directions of pushes.

        Raises:
            PolicyError: the policy does not fit the robot, or its control step is no multiple of PHYSICS_DT.
            SimError: the terrain takes too much memory.
        """
        spec = runtime.spec
        check_binding(spec, robot)
        decimation = round(spec.step_dt / PHYSICS_DT)
        if decimation < 1 or abs(decimation * PHYSICS_DT - spec.step_dt) > 1e-9:
            raise PolicyError(
                f"the policy's control step is {spec.step_dt:g} s, which is no multiple of {PHYSICS_DT:g} s"
            )
        self.runtime = runtime
        self.sim = Simulation(robot, 1, decimation=decimation, num_threads=1, terrain=terrain, seed=seed)
        self._order = [robot.joint_names.index(name) for name in spec.robot.joint_names]
        self._rng = np.random.default_rng(seed)
        self._start_xy = np.zeros((1, 2))
        if self.sim.terrain is not None:
            self._start_xy = self.sim.terrain.origins[self.sim.terrain.row(np.array([level])), 0]
        self.reset()

    def reset(self) -> None:
        """Stand the robot up where it started; the policy forgets what was."""
        self.sim.reset(base_xy=self._start_xy)
        self.runtime.reset()
        spec = self.runtime.spec
        self._velocity = spec.command and VelocityCommand(spec.command, spec.step_dt)
        self.time_s = 0.0
        self.command = np.zeros(3)
        self.measured = np.zeros(3)

    def push(self, impulse: float, heading: float | None = None) -> None:
        """Push the base over the next 0.1 s.

        Args:
            impulse: size [N s].
            heading: direction from the robot's heading, counter-clockwise [rad]; default any.
        """
        angle = self._rng.uniform(0.0, 2.0 * np.pi) if heading is None else heading
        angle = angle + rotation.yaw(self.sim.base_quat_w)[0]
        self.sim.push(impulse * np.array([[np.cos(angle), np.sin(angle), 0.0]]))

    def step(self, request: np.ndarray | None = None) -> None:
        """Advance by one control step.

        Args:
            request: velocity asked for, vx, vy [m/s] and yaw rate [rad/s]; the command follows it as on a robot, with
                limited acceleration. Shape (3,).
        """
        sim, order = self.sim, self._order
        if self._velocity is not None:
            if request is not None:
                self._velocity.request(request, self.time_s)
            self.command = self._velocity.step(self.time_s)
        step = self.runtime.step(
            sim.measured_joint_pos[0, order],
            sim.joint_vel[0, order],
            sim.imu_quat_w[0],
            sim.imu_ang_vel[0],
            self.command,
        )
        target = np.empty((1, len(order)))
        target[0, order] = step.joint_pos_target
        sim.set_command(target)
        diverged = sim.step()[0]
        self.time_s += sim.step_dt
        if diverged:
            self.reset()
            return
        velocity = rotation.about_z(sim.base_lin_vel_w, -rotation.yaw(sim.base_quat_w))[0]
        velocity[2] = sim.base_ang_vel_b[0, 2]
        self.measured = self.measured + sim.step_dt / VELOCITY_WINDOW_S * (velocity - self.measured)

    @property
    def fallen(self) -> bool:
        """Whether the base leans more than 60 deg or is below 60 % of its home height."""
        sim = self.sim
        up_w = rotation.rotate(sim.base_quat_w, np.array([0.0, 0.0, 1.0]))
        height = sim.base_pos_w[:, 2] - sim.ground_height(sim.base_pos_w)
        return bool(up_w[0, 2] < 0.5 or height[0] < 0.6 * sim.robot.home_base_height)

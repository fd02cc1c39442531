"""What the sensors of simulated robots measure after each physics step, not only at the end of a control step."""

from __future__ import annotations

from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch

from gaitway import rotation
from gaitway.sim.sensor_noise import Samples
from gaitway.sim.simulation import Simulation

_FIELDS = ("qpos", "qvel", "actuator_force")


class Substeps:
    """Records the physics steps of a simulation from now on."""

    def __init__(self, sim: Simulation):
        self._sim = sim
        self._recorder = _Recorder(sim._batch, sim.decimation)
        sim._batch = self._recorder

    def samples(self) -> Samples:
        """What was measured in the newest control step, shapes (num_envs, decimation, ...).

        Robots that diverged in it have measured nothing.
        """
        sim, record = self._sim, self._recorder.record
        quat = rotation.multiply(record["qpos"][..., 3:7], sim._imu_quat_b)
        if sim._imu_tilt_quat is not None:
            quat = rotation.multiply(quat, sim._imu_tilt_quat[:, None])
        ang_vel = rotation.rotate(rotation.conjugate(sim._imu_quat_b), record["qvel"][..., 3:6])
        return Samples(
            joint_pos=record["qpos"][..., sim._joint_qpos] + sim.draw.encoder_bias[:, None],
            joint_vel=record["qvel"][..., sim._joint_qvel],
            joint_effort=record["actuator_force"],
            imu_quat_w=quat,
            imu_ang_vel=ang_vel + sim.draw.gyro_bias[:, None],
        )


class _Recorder:
    """A batch that keeps the states of the physics steps that it takes."""

    def __init__(self, batch: Batch, physics_steps: int):
        self._batch = batch
        fields = {"qpos": batch.model.nq, "qvel": batch.model.nv, "actuator_force": batch.model.nu}
        self.record = {name: np.zeros((batch.nsim, physics_steps, size)) for name, size in fields.items()}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._batch, name)

    def step(self, *, nstep: int) -> None:
        self._batch.rollout(nstep, None, mujoco.mjtState.mjSTATE_CTRL, _FIELDS, out=self.record)

    def rollout(self, nstep: int, control: np.ndarray, *arguments: Any) -> None:
        self._batch.rollout(nstep, control, mujoco.mjtState.mjSTATE_CTRL, _FIELDS, out=self.record)

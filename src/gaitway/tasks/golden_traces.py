"""Recording the golden traces of a policy file: what its network does in simulation, sensor values first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from gaitway.policy import GoldenTrace, PolicyError
from gaitway.policy.file import MIN_TRACE_STEPS, MIN_TRACES
from gaitway.robots import Robot
from gaitway.tasks.evaluation import Act, begin_episodes
from gaitway.tasks.task import Pushes, Task
from gaitway.tasks.vector_env import VectorEnv

_CANDIDATES = 8


def record_traces(act: Act, task: Task, robot: Robot) -> tuple[GoldenTrace, ...]:
    """Record a network on pushed robots whose commands change, without observation noise.

    Args:
        act: the network; one that carries a state from step to step as a PolicyBatch.
        task: the task, whose observation and action are the policy's.
        robot: the robot.

    Raises:
        PolicyError: the robots fall at once.
    """
    env = VectorEnv(_for_traces(task), robot, _CANDIDATES, seed=0)
    obs, _ = env.reset()
    begin_episodes(act)
    start_phase = env.gait_phase.copy()
    upright = np.ones(_CANDIDATES, dtype=bool)
    records: list[dict[str, np.ndarray]] = []
    for _ in range(MIN_TRACE_STEPS):
        records.append(_record(env, obs, act))
        obs, _, terminated, truncated, _ = env.step(records[-1]["action"])
        begin_episodes(act, terminated | truncated)
        upright &= ~(terminated | truncated)
    if upright.sum() < MIN_TRACES:
        raise PolicyError(
            f"{_CANDIDATES - upright.sum()} of {_CANDIDATES} robots fall within {MIN_TRACE_STEPS} control steps, so "
            "no golden traces can be recorded; train longer, or check that joint order, scales and gains are right"
        )
    return tuple(
        GoldenTrace(
            **{name: [record[name][i].tolist() for record in records] for name in records[0]},
            start_phase=float(start_phase[i]),
        )
        for i in np.nonzero(upright)[0][:MIN_TRACES]
    )


def _record(env: VectorEnv, obs: np.ndarray, act: Act) -> dict[str, np.ndarray]:
    """One control step of all robots, by the names of a trace's fields."""
    spec, sensors = env.action_spec, env.sensors()
    action = np.clip(act(obs), -spec.clip, spec.clip).astype(np.float64)
    values = {
        "joint_pos": sensors.joint_pos,
        "joint_vel": sensors.joint_vel,
        "imu_quat_w": sensors.imu_quat_w,
        "imu_ang_vel": sensors.imu_ang_vel,
        "obs": obs,
        "action": action,
        "joint_pos_target": np.array(spec.offset) + np.array(spec.scale) * action,
        "command": sensors.command,
        "base_lin_vel_b": sensors.base_lin_vel_b,
    }
    return {name: value.copy() for name, value in values.items() if value is not None}


def _for_traces(task: Task) -> Task:
    """The task without anything that a runtime cannot know, and with much happening in little time."""
    commands = task.commands
    return replace(
        task.for_evaluation(),
        observation=tuple(replace(term, noise=0.0, delay_steps=(0.0, 0.0)) for term in task.observation),
        pushes=task.pushes and Pushes(interval_s=(0.1, 0.3), impulse=(2.0, 5.0)),
        commands=commands and replace(commands, interval_s=(0.1, 0.3), standing=0.2),
        randomization=None,
        terrain=None,
    )

"""From a trained run to a policy file that has proved itself."""

from __future__ import annotations

import datetime
import logging
import subprocess
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch

import gaitway
from gaitway.files import write_atomically
from gaitway.learning.checkpoint import load_checkpoint
from gaitway.learning.trainer import make_algorithm, read_config
from gaitway.policy import (
    ActionSpec,
    GoldenTrace,
    Origin,
    PolicyError,
    PolicySpec,
    robot_spec,
)
from gaitway.policy.file import METADATA_KEY, MIN_TRACE_STEPS, MIN_TRACES, open_session, verify_policy
from gaitway.robots import Robot
from gaitway.tasks import Evaluation, Pushes, Task, VectorEnv, evaluate

OPSET = 18
EXPORT_TOLERANCE = 1e-5
"""Largest |onnx - torch| / max(1, |torch|) of an exported network."""
_CHECKED_OBSERVATIONS = 4096


@dataclass(frozen=True)
class ExportResult:
    """A policy file and how it was checked."""

    path: Path
    spec: PolicySpec
    max_abs_difference: float
    """Largest |onnx - torch| over rollout observations."""
    evaluation: Evaluation


def export_run(
    run_dir: Path,
    path: Path,
    *,
    num_robots: int = 256,
    episode_s: float | None = None,
    on_step: Callable[[int, int], None] | None = None,
) -> ExportResult:
    """Evaluate the newest checkpoint of a run and write it as a policy file.

    Args:
        run_dir: the run.
        path: the file to write.
        num_robots: robots in the evaluation whose figures go into the file.
        episode_s: length of its episodes [s]; default the task's.
        on_step: told the step and the number of steps of the evaluation.

    Raises:
        CheckpointError: the run or its checkpoint cannot be read.
        PolicyError: the exported network differs from the trained one.
    """
    config = read_config(run_dir)
    checkpoint = load_checkpoint(run_dir)
    algorithm = make_algorithm(replace(config, num_envs=1))
    algorithm.policy.load_state_dict(
        {
            name.removeprefix("policy."): tensor
            for name, tensor in checkpoint.tensors.items()
            if name.startswith("policy.")
        }
    )
    policy = algorithm.policy.eval()
    task, robot = algorithm.env.task, algorithm.env.robot
    seen: list[np.ndarray] = []

    @torch.no_grad()
    def act(obs: np.ndarray) -> np.ndarray:
        seen.append(obs[:16])
        return policy(torch.from_numpy(obs)).numpy()

    evaluation = evaluate(
        act, task, robot, num_robots=num_robots, episode_s=episode_s,
        num_threads=config.sim_threads, on_step=on_step,
    )  # fmt: skip
    observations = np.concatenate(seen)[:: max(1, len(seen) * len(seen[0]) // _CHECKED_OBSERVATIONS)]
    spec = PolicySpec(
        origin=Origin(
            gaitway_version=gaitway.__version__,
            created=datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            source_commit=_source_commit(),
            task=config.task,
            algorithm=config.algo,
            seed=config.seed,
            env_steps=checkpoint.values["env_steps"],
            evaluation={
                "survival": evaluation.survival,
                "return": float(evaluation.episode_return.mean()),
                "episode_s": float(evaluation.episode_s.mean()),
                "robots": float(num_robots),
            },
        ),
        robot=robot_spec(robot),
        step_dt=task.step_dt,
        observation=algorithm.env.observation_spec,
        action=algorithm.env.action_spec,
        envelope=evaluation.envelope,
        golden_traces=tuple(_golden_traces(act, task, robot, algorithm.env.action_spec)),
    )
    model = _to_onnx(policy, spec)
    difference = _difference(model, policy, observations)
    verify_policy(model, "the exported policy")
    write_atomically(path, model)
    return ExportResult(path, spec, difference, evaluation)


def _to_onnx(policy: torch.nn.Module, spec: PolicySpec) -> bytes:
    """The network from raw observation to unclipped action, normaliser inside, with its spec."""
    example = torch.zeros(2, spec.obs_size)
    # the exporter's remarks on its own internals and on packages that it could use
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            policy,
            (example,),
            input_names=["obs"],
            output_names=["action"],
            dynamic_shapes=({0: torch.export.Dim("batch")},),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.checker.check_model(model)
    return model.SerializeToString()


@torch.no_grad()
def _difference(model: bytes, policy: torch.nn.Module, observations: np.ndarray) -> float:
    """Largest |onnx - torch|; raises PolicyError where it is above the tolerance."""
    expected = policy(torch.from_numpy(observations)).numpy()
    (given,) = open_session(model, "the exported network").run(None, {"obs": observations})
    difference = np.abs(np.asarray(given) - expected)
    relative = float((difference / np.maximum(1.0, np.abs(expected))).max())
    if not relative <= EXPORT_TOLERANCE:
        raise PolicyError(
            f"the exported network differs from the trained one by {relative:.3g} over {len(observations)} "
            f"observations; at most {EXPORT_TOLERANCE:g} is allowed. Nothing was written"
        )
    return float(difference.max())


def _golden_traces(
    act: Callable[[np.ndarray], np.ndarray], task: Task, robot: Robot, action: ActionSpec
) -> list[GoldenTrace]:
    """Record the trained network on pushed robots without observation noise."""
    quiet = replace(
        task,
        observation=tuple(replace(term, noise=0.0) for term in task.observation),
        pushes=task.pushes and Pushes(interval_s=(0.1, 0.3), impulse=task.pushes.impulse),
    )
    env = VectorEnv(quiet, robot, MIN_TRACES, seed=0)
    scale, offset = np.array(action.scale), np.array(action.offset)
    obs, _ = env.reset()
    records: list[dict[str, np.ndarray]] = []
    for _ in range(MIN_TRACE_STEPS):
        sensors = env.sensors()
        output = np.clip(act(obs), -action.clip, action.clip).astype(np.float64)
        records.append(
            {
                "joint_pos": sensors.joint_pos.copy(),
                "joint_vel": sensors.joint_vel.copy(),
                "imu_quat_w": sensors.imu_quat_w.copy(),
                "imu_ang_vel": sensors.imu_ang_vel.copy(),
                "obs": obs,
                "action": output,
                "joint_pos_target": offset + scale * output,
            }
        )
        obs, _, terminated, truncated, _ = env.step(output)
        if (terminated | truncated).any():
            raise PolicyError(
                "the policy falls within its first steps, so no golden trace can be recorded; train longer"
            )
    return [
        GoldenTrace(**{name: [record[name][i].tolist() for record in records] for name in records[0]})
        for i in range(MIN_TRACES)
    ]


def _source_commit() -> str | None:
    """The commit of the source tree that Gaitway runs from, if it runs from one."""
    root = Path(__file__).parents[3]
    if not (root / "src" / "gaitway").is_dir():
        return None
    try:
        done = subprocess.run(
            ["git", "-C", str(root), "rev-parse", "HEAD"],
            capture_output=True, text=True, timeout=5, check=True,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()

"""From a trained run to a policy file that has proved itself."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import torch

from gaitway.files import write_atomically
from gaitway.learning.algorithm import below
from gaitway.learning.checkpoint import Checkpoints
from gaitway.learning.origin import make_origin
from gaitway.learning.record import read_config
from gaitway.learning.trainer import make_algorithm, make_robots
from gaitway.policy import PolicyError, PolicySpec, robot_spec
from gaitway.policy.file import METADATA_KEY, open_session, verify_policy
from gaitway.tasks import Evaluation, evaluate, record_traces

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
    best: bool = False,
    on_step: Callable[[int, int], None] | None = None,
) -> ExportResult:
    """Evaluate a run's policy and write it as a policy file.

    Args:
        run_dir: the run.
        path: the file to write.
        num_robots: robots in the evaluation whose figures go into the file.
        episode_s: length of its episodes [s]; default the task's.
        best: take the policy that did best in the evaluations while it trained, not the newest.
        on_step: told the step and the number of steps of the evaluation.

    Raises:
        CheckpointError: the run or its checkpoint cannot be read.
        GaitwayError: the run's task has no robot, and so no policy file.
        PolicyError: the exported network differs from the trained one.
    """
    config = read_config(run_dir)
    checkpoints = Checkpoints(run_dir)
    checkpoint = checkpoints.load_best() if best else checkpoints.load()
    env = make_robots(replace(config, num_envs=1))
    algorithm = make_algorithm(replace(config, init=None), env)
    algorithm.policy.load_state_dict(below("policy.", checkpoint.tensors))
    policy = algorithm.policy.deployed()
    task, robot = env.task, env.robot
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
        origin=make_origin(
            task=config.task,
            algorithm=config.algo,
            seed=config.seed,
            env_steps=checkpoint.values["env_steps"],
            evaluation=evaluation.figures(),
        ),
        robot=robot_spec(robot),
        step_dt=task.step_dt,
        observation=env.observation_spec,
        action=env.action_spec,
        envelope=evaluation.envelope,
        command=task.commands and task.commands.spec(),
        gait=task.gait,
        golden_traces=record_traces(act, task, robot),
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

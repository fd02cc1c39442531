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
from gaitway.learning.algorithm import Policy, below
from gaitway.learning.checkpoint import Checkpoints
from gaitway.learning.origin import make_origin
from gaitway.learning.record import check_same_robot, read_config
from gaitway.learning.trainer import make_algorithm, make_robots
from gaitway.policy import PolicyBatch, PolicyError, PolicySpec, StateSpec, robot_spec
from gaitway.policy.file import METADATA_KEY, open_session, verify_policy
from gaitway.policy.runtime import session_network
from gaitway.tasks import Evaluation, evaluate, record_traces

OPSET = 18
EXPORT_TOLERANCE = 1e-5
"""Largest |onnx - torch| / max(1, |torch|) of an exported network."""
_CHECKED_ROBOTS = 16


@dataclass(frozen=True)
class ExportResult:
    """A policy file and how it was checked."""

    path: Path
    spec: PolicySpec
    max_abs_difference: float
    """Largest |onnx - torch| over the observations of whole rollouts."""
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
        CheckpointError: the run or its checkpoint cannot be read, or its robot has changed since.
        GaitwayError: the run's task has no robot, and so no policy file.
        PolicyError: the exported network differs from the trained one.
    """
    config = read_config(run_dir)
    checkpoints = Checkpoints(run_dir)
    checkpoint = checkpoints.load_best() if best else checkpoints.load()
    env = make_robots(replace(config, num_envs=1))
    check_same_robot(env.robot, run_dir)
    algorithm = make_algorithm(replace(config, init=None), env)
    algorithm.policy.load_state_dict(below("policy.", checkpoint.tensors))
    policy, task, robot = algorithm.policy, env.task, env.robot
    recorded = _Recorded(policy)
    evaluation = evaluate(
        recorded, task, robot, num_robots=num_robots, episode_s=episode_s,
        num_threads=config.sim_threads, on_step=on_step,
    )  # fmt: skip
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
        state=StateSpec(shape=(policy.state_size,)) if policy.state_size else None,
        observed=evaluation.observed,
        golden_traces=record_traces(policy.batch(), task, robot),
    )
    model = _to_onnx(policy.deployed(), spec)
    difference = _difference(model, policy, recorded)
    verify_policy(model, "the exported policy")
    write_atomically(path, model)
    return ExportResult(path, spec, difference, evaluation)


class _Recorded(PolicyBatch):
    """A policy that keeps what the first robots observed, and which of them began an episode with it."""

    def __init__(self, policy: Policy):
        acting = policy.batch()
        super().__init__(acting.advance, acting.state_shape)
        self.obs: list[np.ndarray] = []
        self.began: list[np.ndarray | None] = []

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        self.obs.append(obs[:_CHECKED_ROBOTS])
        return super().__call__(obs)

    def reset(self, robots: np.ndarray | None = None) -> None:
        self.began.append(robots if robots is None else robots[:_CHECKED_ROBOTS])
        super().reset(robots)


def _to_onnx(network: torch.nn.Module, spec: PolicySpec) -> bytes:
    """The network from raw observation to unclipped action, normaliser inside, with its spec."""
    names, example, batch = (["obs"], ["action"]), (torch.zeros(2, spec.obs_size),), torch.export.Dim("batch")
    if spec.state is not None:
        names = ["obs", spec.state.name], ["action", spec.state.next_name]
        example = (*example, torch.zeros(2, *spec.state.shape))
    # the exporter's remarks on its own internals and on packages that it could use
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            network,
            example,
            input_names=names[0],
            output_names=names[1],
            dynamic_shapes=tuple({0: batch} for _ in example),
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    for part in (
        model.graph,
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
    ):
        del part.metadata_props[:]  # the exporter notes where on this machine's disk each operation stands
    onnx.helper.set_model_props(model, {METADATA_KEY: spec.to_json()})
    onnx.checker.check_model(model)
    return model.SerializeToString()


def _difference(model: bytes, policy: Policy, recorded: _Recorded) -> float:
    """Largest |onnx - torch| where both go through what was observed, from the first step to the last.

    Raises:
        PolicyError: it is above the tolerance.
    """
    trained = policy.batch()
    exported = PolicyBatch(session_network(open_session(model, "the exported network")), (policy.state_size,))
    largest, relative = 0.0, 0.0
    for obs, began in zip(recorded.obs, recorded.began, strict=False):
        trained.reset(began)
        exported.reset(began)
        expected = trained(obs)
        difference = np.abs(exported(obs) - expected)
        largest = np.maximum(largest, difference.max())
        relative = np.maximum(relative, (difference / np.maximum(1.0, np.abs(expected))).max())
    if not relative <= EXPORT_TOLERANCE:
        raise PolicyError(
            f"the exported network differs from the trained one by {relative:.3g} over {len(recorded.obs)} steps of "
            f"{len(recorded.obs[0])} robots; at most {EXPORT_TOLERANCE:g} is allowed. Nothing was written"
        )
    return float(largest)

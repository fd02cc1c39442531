"""From a network and its contract to a policy file that has proved itself."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx

from gaitway.files import write_atomically
from gaitway.learning.packing.contract import Contract
from gaitway.learning.packing.draft import draft_spec
from gaitway.learning.packing.network import Network
from gaitway.policy import TERMS, PolicyError, PolicySpec
from gaitway.policy.file import METADATA_KEY, open_session, verify_policy
from gaitway.robots import get_robot
from gaitway.tasks import Evaluation, as_trained, evaluate, record_traces


@dataclass(frozen=True)
class PackResult:
    """A policy file and how its network did."""

    path: Path
    spec: PolicySpec
    evaluation: Evaluation


def pack(
    network: Network,
    contract: Contract,
    path: Path,
    *,
    num_robots: int = 64,
    episode_s: float | None = None,
    allow_unmeasured: bool = False,
    on_step: Callable[[int, int], None] | None = None,
) -> PackResult:
    """Measure a network in simulation and write it as a policy file.

    Args:
        network: what to pack.
        contract: what its numbers mean.
        path: the file to write; nothing is written where anything fails.
        num_robots: robots in the evaluation whose figures and envelope go into the file.
        episode_s: length of its episodes [s]; default the task's.
        allow_unmeasured: accept a network that observes what no robot measures, for simulation only.
        on_step: told the step and the number of steps of the evaluation.

    Raises:
        PolicyError: network and contract do not fit each other or the robot, or the network's output is not finite.
        UnknownNameError: no robot or task has that name.
    """
    robot = get_robot(contract.robot)
    spec = draft_spec(contract, robot)
    if not allow_unmeasured:
        _check_measured(spec)
    _check_sizes(spec, network)
    task, trained = as_trained(spec, contract.measured_on(), robot)
    act = _Act(network.model)
    evaluation = evaluate(act, task, trained, num_robots=num_robots, episode_s=episode_s, on_step=on_step)
    spec = replace(
        spec,
        origin=replace(spec.origin, evaluation=evaluation.figures()),
        envelope=evaluation.envelope,
        observed=evaluation.observed,
        golden_traces=record_traces(act, task, trained),
    )
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    onnx.helper.set_model_props(model, {**network.metadata, METADATA_KEY: spec.to_json()})
    content = model.SerializeToString()
    verify_policy(content, "the packed policy")
    write_atomically(path, content)
    return PackResult(path, spec, evaluation)


class _Act:
    """A network's own inference, refusing what is not finite."""

    def __init__(self, model: onnx.ModelProto):
        self._session = open_session(model.SerializeToString(), "the network")
        self._input = self._session.get_inputs()[0].name

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        action = np.asarray(self._session.run(None, {self._input: obs})[0])
        if not np.isfinite(action).all():
            largest = float(np.abs(obs).max())
            raise PolicyError(
                f"the network's output is not finite for {np.count_nonzero(~np.isfinite(action).all(axis=1))} of "
                f"{len(obs)} observations in simulation, whose largest value is {largest:.3g}; are its scales right?"
            )
        return action


def _check_measured(spec: PolicySpec) -> None:
    lines = [
        f"  - {term.name}: use {TERMS[term.name].instead} instead"
        for term in spec.observation
        if not term.topic
    ]
    if lines:
        raise PolicyError(
            "the network observes what no robot measures:\n" + "\n".join(lines)
            + "\n--allow-unmeasured packs it all the same, for simulation only"
        )  # fmt: skip


def _check_sizes(spec: PolicySpec, network: Network) -> None:
    if network.num_actions != len(spec.action.joint_names):
        raise PolicyError(
            f"the network gives {network.num_actions} actions; its contract names {len(spec.action.joint_names)} joints: "
            f"{', '.join(spec.action.joint_names)}"
        )
    if network.obs_size == spec.obs_size:
        return
    rows, first = [f"  {'term':<20}{'size':>6}{'history':>9}{'values':>8}  place"], 0
    for term in spec.observation:
        count = term.size * term.history
        rows.append(
            f"  {term.name:<20}{term.size:>6}{term.history:>9}{count:>8}  {first} .. {first + count - 1}"
        )
        first += count
    times = network.obs_size / spec.obs_size
    hint = f"; that is {times:.0f} times as many, so is there a history?" if times in range(2, 100) else ""
    raise PolicyError(
        f"the network observes {network.obs_size} values; the terms of its contract make {spec.obs_size}{hint}\n"
        + "\n".join(rows)
    )

"""Tasks that are environments of their own, and which algorithms can act in an environment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from gymnasium import spaces
from gymnasium.vector import VectorEnv

from gaitway.errors import GaitwayError, UnknownNameError
from gaitway.learning.algorithms import ALGORITHMS
from gaitway.tasks import TASKS
from gaitway.tasks.registration import make_navigate, make_navigate_walking


class MakeEnvironment(Protocol):
    """Makes vector environments."""

    def __call__(self, num_envs: int, robot: str, *, seed: int, num_threads: int) -> VectorEnv:
        """Make `num_envs` robots; `robot` and `num_threads` mean nothing to those without physics."""
        ...


@dataclass(frozen=True, kw_only=True)
class Environment:
    """A task that is an environment of its own, not a `gaitway.tasks.Task`."""

    summary: str
    make: MakeEnvironment


ENVIRONMENTS: dict[str, Environment] = {
    "navigate": Environment(
        summary="reach a goal past obstacles by choosing among skills; a moving point, for speed",
        make=make_navigate,
    ),
    "navigate_walking": Environment(
        summary="navigate, on a robot that the walking policy in the box moves",
        make=make_navigate_walking,
    ),
}
"""By name."""


def find_environment(task: str) -> Environment | None:
    """The environment of that name; None where it is a `gaitway.tasks.Task` instead.

    Raises:
        UnknownNameError: no task is called that.
    """
    if task not in ENVIRONMENTS and task not in TASKS:
        raise UnknownNameError("task", task, [*TASKS, *ENVIRONMENTS])
    return ENVIRONMENTS.get(task)


def check_actions(algo: str, env: VectorEnv, task: str) -> None:
    """Refuse an algorithm that cannot act in an environment.

    Raises:
        GaitwayError: with the algorithms that can.
    """
    discrete = isinstance(env.single_action_space, spaces.Discrete)
    if ALGORITHMS[algo].discrete != discrete:
        fitting = [name for name, each in ALGORITHMS.items() if each.discrete == discrete]
        kinds = ("continuous", "discrete")
        raise GaitwayError(
            f"{algo} needs {kinds[not discrete]} actions, and those of {task} are {kinds[discrete]}; "
            f"algorithms for it: {', '.join(fitting)}"
        )

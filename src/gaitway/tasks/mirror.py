"""Reflection left to right of observations and actions, where robot and task have that symmetry."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from gaitway.robots import Robot
from gaitway.tasks.task import PrivilegedTerm, Task


@dataclass(frozen=True)
class Mirror:
    """A signed permutation: the reflection of x is `sign * x[order]`, and reflecting twice changes nothing."""

    order: np.ndarray
    """Shape (size,), int."""
    sign: np.ndarray
    """Shape (size,)."""

    @staticmethod
    def joined(parts: Iterable[Mirror]) -> Mirror:
        """The reflection of vectors laid one after another."""
        orders, signs, first = [], [], 0
        for part in parts:
            orders.append(part.order + first)
            signs.append(part.sign)
            first += len(part.order)
        return Mirror(np.concatenate(orders), np.concatenate(signs))


@dataclass(frozen=True)
class TaskMirror:
    """The reflections of everything that a network sees and says in a task."""

    obs: Mirror
    critic_obs: Mirror
    action: Mirror


def task_mirror(task: Task, robot: Robot) -> TaskMirror | None:
    """The reflections of a task on a robot; None where the robot does not say how its joints mirror."""
    if not robot.joint_mirror:
        return None
    joints = Mirror(np.array(robot.joint_mirror), np.array(robot.joint_mirror_sign))
    obs = Mirror.joined(
        part
        for term in task.observation
        for part in [joints if term.term.mirror is None else _of_signs(term.term.mirror)] * term.history
    )
    privileged = [_of_privileged(term) for term in task.privileged]
    return TaskMirror(obs, Mirror.joined([obs, *privileged]), joints)


def _of_signs(signs: tuple[float, ...]) -> Mirror:
    return Mirror(np.arange(len(signs)), np.array(signs))


def _of_privileged(term: PrivilegedTerm) -> Mirror:
    order = np.arange(len(term.mirror))
    return Mirror(np.roll(order, len(order) // 2) if term.swaps else order, np.array(term.mirror))

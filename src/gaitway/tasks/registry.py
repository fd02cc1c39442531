"""The tasks in the box."""

from __future__ import annotations

from gaitway.errors import UnknownNameError
from gaitway.tasks.stand import STAND
from gaitway.tasks.task import Task
from gaitway.tasks.walk import WALK
from gaitway.tasks.walk_rough import WALK_ROUGH

TASKS: dict[str, Task] = {task.name: task for task in (STAND, WALK, WALK_ROUGH)}


def get_task(name: str) -> Task:
    """The task of that name.

    Raises:
        UnknownNameError: no task is called that.
    """
    if name not in TASKS:
        raise UnknownNameError("task", name, TASKS)
    return TASKS[name]

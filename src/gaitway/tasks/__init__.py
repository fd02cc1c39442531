"""Tasks: what to learn, and the environment that runs it on many robots."""

from gaitway.tasks.evaluation import Evaluation, evaluate, zero_action
from gaitway.tasks.registry import TASKS, get_task
from gaitway.tasks.task import (
    InitialState,
    JointPositionAction,
    ObservationTerm,
    Pushes,
    Reward,
    StepView,
    Task,
    TaskError,
)
from gaitway.tasks.vector_env import VectorEnv

__all__ = [
    "TASKS",
    "Evaluation",
    "InitialState",
    "JointPositionAction",
    "ObservationTerm",
    "Pushes",
    "Reward",
    "StepView",
    "Task",
    "TaskError",
    "VectorEnv",
    "evaluate",
    "get_task",
    "zero_action",
]

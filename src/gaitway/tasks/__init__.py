"""Tasks: what to learn, and the environment that runs it on many robots.

Importing this package registers its environments with Gymnasium, as Gymnasium asks of packages that have some.
"""

from gaitway.tasks.batched_mujoco import BatchedMujoco
from gaitway.tasks.commands import VelocityCommands
from gaitway.tasks.evaluation import Evaluation, Tracking, evaluate, zero_action
from gaitway.tasks.golden_traces import record_traces
from gaitway.tasks.humanoid_v5 import HumanoidV5
from gaitway.tasks.mirror import Mirror, TaskMirror, task_mirror
from gaitway.tasks.navigate import NavigateConfig, NavigateEnv, Skill
from gaitway.tasks.planar_v5 import HalfCheetahV5, HopperV5, Walker2dV5
from gaitway.tasks.policy_task import as_trained
from gaitway.tasks.registration import register_environments
from gaitway.tasks.registry import TASKS, get_task
from gaitway.tasks.single_env import SingleEnv
from gaitway.tasks.task import (
    Curriculum,
    InitialState,
    JointPositionAction,
    ObservationTerm,
    PrivilegedTerm,
    Pushes,
    Reward,
    StepView,
    Task,
    TaskError,
)
from gaitway.tasks.vector_env import VectorEnv

__all__ = [
    "TASKS",
    "BatchedMujoco",
    "Curriculum",
    "Evaluation",
    "HalfCheetahV5",
    "HopperV5",
    "HumanoidV5",
    "InitialState",
    "JointPositionAction",
    "Mirror",
    "NavigateConfig",
    "NavigateEnv",
    "ObservationTerm",
    "PrivilegedTerm",
    "Pushes",
    "Reward",
    "SingleEnv",
    "Skill",
    "StepView",
    "Task",
    "TaskError",
    "TaskMirror",
    "Tracking",
    "VectorEnv",
    "VelocityCommands",
    "Walker2dV5",
    "as_trained",
    "evaluate",
    "get_task",
    "record_traces",
    "task_mirror",
    "zero_action",
]

register_environments()

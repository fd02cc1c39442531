"""How often the supervisor would stop robots that do nothing wrong, counted over many robots in simulation.

The robots walk and stand by random commands under the noise and the pushes of their task's evaluation. The
supervisor's checks judge every physics step, as they judge a robot's sensors; where the Guard would damp, that is a stop
too. No stop has any effect, so that it can be seen what would have happened: a stop is a false one where the robot does
not fall within the second after it. Episodes have no time limit that could hide a fall; a robot that comes to the end of
its ground before that has not fallen. After a false stop the robot is watched anew.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np

from gaitway import rotation
from gaitway.policy import PolicySpec, adapted
from gaitway.robots import Robot
from gaitway.robots.foot_height import FootHeight
from gaitway.safety import SupervisorBatch, SupervisorLimits
from gaitway.sim.sensor_noise import SensorNoise
from gaitway.sim.substeps import Substeps
from gaitway.tasks.evaluation import EVALUATION_SEED, Act, begin_episodes
from gaitway.tasks.policy_task import as_trained
from gaitway.tasks.task import Task
from gaitway.tasks.vector_env import VectorEnv

FALL_WITHIN_S = 1.0
"""A robot that falls so soon after a stop was rightly stopped [s]."""
_NO_LIMIT_S = 86_400.0  # longer than any measurement
_EXAMPLES = 20
_EFFORT_NOISE = 1.0  # [N m]; a task's observation has no torque that could say it
_NOISE_STREAM = 1  # the sensors' own stream of a seed


@dataclass(kw_only=True)
class FalseStops:
    """What was counted."""

    robot_s: float = 0.0
    """Time of all robots together [s]."""
    falls: int = 0
    """Episodes that ended in a fall."""
    falls_stopped: int = 0
    """Falls that a stop came before, or at the latest in the same control step."""
    stops: int = 0
    false_stops: int = 0
    by_check: dict[str, int] = field(default_factory=dict)
    """All stops, by the check that tripped first; "guard" where the Guard would have damped."""
    false_by_check: dict[str, int] = field(default_factory=dict)
    """The false ones."""
    examples: list[dict[str, float | str | None]] = field(default_factory=list)
    """The first false stops: check, value, limit, and the time since the robot was pushed [s]."""
    guarded: float = 0.0
    """Share of control steps in which the Guard limited a target."""

    @property
    def robot_hours(self) -> float:
        """Time of all robots together [h]."""
        return self.robot_s / 3600.0


def nominal_task(task: Task, *, randomized: bool = False) -> Task:
    """Walking and standing as it usually is: the commands of training, the noise and the pushes of evaluation, on and on.

    Args:
        task: a task.
        randomized: whether the robots differ from their model as in training.
    """
    commands = task.commands
    return replace(
        task.for_evaluation(),
        commands=commands,
        randomization=task.randomization if randomized else None,
        episode_s=_NO_LIMIT_S,
    )


def count_false_stops(
    act: Act,
    spec: PolicySpec,
    task: Task,
    robot: Robot,
    *,
    robot_s: float,
    num_robots: int = 512,
    seed: int = EVALUATION_SEED,
    num_threads: int = 0,
    randomized: bool = False,
    on_progress: Callable[[FalseStops], None] | None = None,
) -> FalseStops:
    """Let robots walk, and count what the supervisor makes of it.

    Args:
        act: the policy, as in an evaluation.
        spec: its contract, whose envelope sets the supervisor's limits.
        task: its task.
        robot: the robot.
        robot_s: how long, all robots together [s].
        num_robots: how many walk side by side.
        seed: of commands, noise, pushes and initial states.
        num_threads: threads that step the physics.
        randomized: whether the robots differ from their model as in training.
        on_progress: told what was counted so far, after each control step.
    """
    limits = SupervisorLimits.from_robot(adapted(robot, spec.robot), spec.step_dt, spec.envelope)
    task, robot = as_trained(spec, task, robot)
    env = VectorEnv(
        nominal_task(task, randomized=randomized), robot, num_robots, seed=seed, num_threads=num_threads
    )
    assert env.guard is not None
    substeps = Substeps(env.sim)
    noise, rng = task_noise(task), np.random.default_rng([seed, _NOISE_STREAM])
    mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
    supervisor = SupervisorBatch(limits, num_robots, FootHeight(robot) if robot.foot_geoms else None)
    count, record = FalseStops(), _Record(num_robots, task.step_dt)
    obs, _ = env.reset()
    begin_episodes(act)
    guarded = 0
    while count.robot_s < robot_s:
        obs, _, terminated, truncated, infos = env.step(act(obs))
        begin_episodes(act, terminated | truncated)
        supervisor.request_stop("guard", infos["damped"])
        supervisor.command(infos["joint_pos_target"])
        samples = noise.added(substeps.samples(), rng)
        base_quat_w = rotation.multiply(samples.imu_quat_w, mounting_inverse)
        for k in range(env.task.decimation):
            supervisor.base_motion(base_quat_w[:, k], samples.imu_ang_vel[:, k])
            supervisor.joint_state(*(values[:, k] for values in samples[:3]))
        record.take(count, supervisor, infos["push"], terminated, truncated)
        count.robot_s += num_robots * task.step_dt
        guarded += int(infos["guarded"].sum())
        count.guarded = guarded * task.step_dt / count.robot_s
        if on_progress is not None:
            on_progress(count)
    return count


class _Record:
    """Tells false stops from right ones, as time shows."""

    def __init__(self, num_robots: int, step_dt: float):
        self._step_dt = step_dt
        self._window = round(FALL_WITHIN_S / step_dt)
        self._since_stop = np.full(num_robots, -1)  # control steps; -1 for a robot that is not stopped
        self._since_push = np.full(num_robots, np.inf)
        self._stopped_after_push = np.full(num_robots, np.inf)

    def take(
        self,
        count: FalseStops,
        supervisor: SupervisorBatch,
        pushed: np.ndarray,
        terminated: np.ndarray,
        truncated: np.ndarray,
    ) -> None:
        """Take in a control step. Arrays have the shape (num_robots,), bool."""
        stopped = supervisor.stopped
        self._since_push = np.where(pushed, 0.0, self._since_push + self._step_dt)
        self._since_stop[stopped] += 1
        new = self._since_stop == 0
        self._stopped_after_push[new] = self._since_push[new]
        count.stops += int(new.sum())
        for check in supervisor.check[new].tolist():
            count.by_check[check] = count.by_check.get(check, 0) + 1
        count.falls += int(terminated.sum())
        count.falls_stopped += int((terminated & stopped).sum())
        false = stopped & ~terminated & (truncated | (self._since_stop >= self._window))
        for robot in np.nonzero(false)[0].tolist():
            self._note(count, supervisor, robot)
        over = terminated | truncated | false
        if over.any():
            supervisor.reset(over)
            self._since_stop[over] = -1
            self._since_push[terminated | truncated] = np.inf

    def _note(self, count: FalseStops, supervisor: SupervisorBatch, robot: int) -> None:
        check = str(supervisor.check[robot])
        count.false_stops += 1
        count.false_by_check[check] = count.false_by_check.get(check, 0) + 1
        if len(count.examples) < _EXAMPLES:
            count.examples.append(
                {
                    "check": check,
                    "value": _or_none(supervisor.value[robot]),
                    "limit": _or_none(supervisor.limit[robot]),
                    "after_push_s": _or_none(self._stopped_after_push[robot]),
                }
            )


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def task_noise(task: Task) -> SensorNoise:
    """The noise that a task's observation has, as sensors have it."""
    noise = {term.term.name: term.noise for term in task.observation}
    return SensorNoise(
        joint_pos=noise.get("joint_pos_rel", 0.0),
        joint_vel=noise.get("joint_vel", 0.0),
        joint_effort=_EFFORT_NOISE,
        tilt=noise.get("projected_gravity", 0.0),
        ang_vel=noise.get("base_ang_vel", 0.0),
    )

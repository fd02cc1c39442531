"""Node `q_learning_agent`: learns by tabular Q-learning which way to walk so as to stay upright, ten times a second.

It observes positions of the parameter `joints` and the orientation of the IMU, cut into cells, chooses among walking
forward, walking backward, turning left and turning right, and sends `cmd_vel`. What a tick earns is 1 for being upright,
less what the robot leans and what time costs; -1 for a fall. It acts while `robot/state` says that the robot is active.
A fall ends an episode: a tilt of more than `fall_tilt`, or a stop of the supervisor for its motion. When the robot is
stopped or held for another reason, or ticks are missed, the episode is cut off, and nothing is learned of that.

The table is read from the file `table` at the start, and written, atomically, when the node is deactivated or ends.
With `learn` false it does the best it knows. A tick is due by the stamps of the joint states, so the agent
keeps step with a robot in lock-step too; with `use_stamped_vel` its velocities bear those stamps. `learning_status` is
JSON, with every tick. A lifecycle node, which activates itself unless `autostart` is false.
"""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import Any

import numpy as np
from builtin_interfaces.msg import Time
from diagnostic_msgs.msg import DiagnosticStatus
from geometry_msgs.msg import Twist, TwistStamped
from rcl_interfaces.msg import FloatingPointRange, IntegerRange, ParameterDescriptor
from rclpy.lifecycle import LifecycleNode, LifecycleState, TransitionCallbackReturn
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import String

from gaitway import rotation
from gaitway.errors import GaitwayError
from gaitway.policy.balance_learner import ACTIONS, BalanceLearner, BalanceStates, UprightReward, tilt_of
from gaitway.policy.exploration import ExplorationConfig
from gaitway.policy.q_table import QTable
from gaitway.robots import Robot, get_robot
from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.node_main import run_node
from gaitway.safety import RobotMode

_EARLY_NS = 1_000_000  # a sample this much before its due time counts as due
_FALLS = ("tilt", "height", "base_angular_velocity")
"""Checks of the supervisor that find a robot falling."""


class QLearningAgent(LifecycleNode):
    """Keeps the newest joint state and IMU data; where both have reached a tick's time, the learner chooses."""

    _made = False

    def __init__(self) -> None:
        super().__init__("q_learning_agent")
        robot = get_robot(
            self._fixed("robot", "h23", "Robot that is sent about; says how its IMU is mounted.")
        )
        self._mounting_inverse = rotation.conjugate(np.array(robot.imu.quat))
        rate_hz = self._number("rate_hz", 10.0, "Ticks per second [Hz].", 1.0, 50.0)
        self._period_ns = round(1e9 / rate_hz)
        self._states = self._declare_states(robot)
        self._reward = UprightReward(
            fall_tilt=self._number("fall_tilt", 0.6, "A robot that leans more has fallen [rad].", 0.1, 1.5),
            tilt_cost=self._number(
                "tilt_cost", 1.0, "Taken off at that tilt; in proportion below.", 0.0, 2.0
            ),
            time_cost=self._number("time_cost", 0.1, "Taken off for every tick.", 0.0, 1.0),
        )
        self._velocities = self._declare_velocities()
        self._stamped = self._fixed("use_stamped_vel", False, "TwistStamped, not Twist.")
        self._path = str(
            self._fixed("table", "runs/q_table.safetensors", "File of the table; empty to forget at the end.")
        )
        self._learner = self._make_learner()
        self._saved_ticks = self._learner.ticks
        self._made = True
        autostart = self._fixed("autostart", True, "Whether to configure and activate at start.")
        kind = TwistStamped if self._stamped else Twist
        self._cmd_vel = self.create_lifecycle_publisher(kind, "cmd_vel", names.COMMAND)
        self._status = self.create_publisher(String, "learning_status", names.EVENT)
        self._imu: Imu | None = None
        self._joint_state: JointState | None = None
        self._sent: Twist | TwistStamped | None = None
        self._due_ns = 0
        self._robot_active, self._interrupted = False, True
        self._falling, self._fallen = False, False
        self._active, self._in_episode = False, False
        self._episodes, self._falls = 0, 0
        self.create_subscription(Imu, "imu/data", self._on_imu, names.SENSOR_IN)
        self.create_subscription(JointState, "joint_states", self._on_joint_state, names.SENSOR_IN)
        self.create_subscription(DiagnosticStatus, "robot/state", self._on_robot_state, names.LATCHED)
        self.create_subscription(DiagnosticStatus, "safety_state", self._on_safety_state, names.LATCHED)
        if autostart:
            self.trigger_configure()
            self.trigger_activate()

    # Parameters

    def _fixed(self, name: str, default: Any, description: str, **ranges: Any) -> Any:
        descriptor = ParameterDescriptor(description=description, read_only=True, **ranges)
        return self.declare_parameter(name, default, descriptor).value

    def _number(self, name: str, default: float, description: str, low: float, high: float) -> float:
        span = FloatingPointRange(from_value=low, to_value=high)
        return self._fixed(name, default, description, floating_point_range=[span])

    def _count(self, name: str, default: int, description: str, low: int, high: int) -> int:
        span = IntegerRange(from_value=low, to_value=high, step=1)
        return self._fixed(name, default, description, integer_range=[span])

    def _declare_states(self, robot: Robot) -> BalanceStates:
        hips = [
            name for name in ("left_hip_pitch_joint", "right_hip_pitch_joint") if name in robot.joint_names
        ]
        given = self._fixed("joints", hips or list(robot.joint_names[:2]), "Joints to look at.")
        joints = tuple(name for name in given if name)  # one empty name is none
        unknown = [name for name in joints if name not in robot.joint_names]
        if unknown:
            raise RosError(f"joints: {unknown} are none of {', '.join(robot.joint_names)}")
        return BalanceStates(
            joints=joints,
            home=tuple(float(robot.home_joint_pos[robot.joint_names.index(name)]) for name in joints),
            joint_range=self._number(
                "joint_range", 0.3, "How far from home the bins of a joint reach [rad].", 0.01, 3.0
            ),
            joint_bins=self._count("joint_bins", 2, "Bins of each joint.", 1, 16),
            lean_range=self._number(
                "lean_range", 0.15, "How far from upright the bins of roll and pitch reach [rad].", 0.01, 1.0
            ),
            roll_bins=self._count("roll_bins", 3, "Bins of roll.", 1, 16),
            pitch_bins=self._count("pitch_bins", 3, "Bins of pitch.", 1, 16),
            yaw_bins=self._count("yaw_bins", 8, "Bins of the heading, over the whole turn.", 1, 64),
        )

    def _declare_velocities(self) -> list[tuple[float, float, float]]:
        """Of each action: vx, vy [m/s] and yaw rate [rad/s]."""
        forward = self._number("forward_speed", 0.5, "Speed forward [m/s].", 0.0, 1.0)
        backward = self._number("backward_speed", 0.4, "Speed backward [m/s].", 0.0, 1.0)
        turn = self._number("turn_rate", 0.7, "Turn rate [rad/s].", 0.1, 1.5)
        return [(forward, 0.0, 0.0), (-backward, 0.0, 0.0), (0.0, 0.0, turn), (0.0, 0.0, -turn)]

    def _make_learner(self) -> BalanceLearner:
        """A learner that goes on from the file of the table, if there is one."""
        discount = self._number("discount", 0.95, "Discount per tick.", 0.0, 0.999)
        learning_rate = self._number("learning_rate", 0.1, "Least step size of a value.", 0.0, 1.0)
        exploration = ExplorationConfig(
            epsilon_start=self._number("epsilon_start", 1.0, "Share of random actions at first.", 0.0, 1.0),
            epsilon_end=self._number("epsilon_end", 0.05, "Share of random actions at last.", 0.0, 1.0),
            epsilon_steps=self._count(
                "epsilon_ticks", 8000, "Ticks, over all runs, in which the share falls.", 1, 10**9
            ),
        )
        meaning = (*self._states.names, *ACTIONS)
        table = QTable(
            self._states.grid, len(ACTIONS), discount=discount, learning_rate=learning_rate, meaning=meaning
        )
        if self._path and Path(self._path).exists():
            found = QTable.load(self._path)
            if (found.grid, found.meaning) != (table.grid, table.meaning):
                raise RosError(
                    f"the table {self._path} is of other cells: {', '.join(found.meaning)} with bins "
                    f"{found.grid.bins}; the parameters ask for {', '.join(meaning)} with bins {table.grid.bins}"
                )
            table.value[:], table.visits[:] = found.value, found.visits
        return BalanceLearner(
            table,
            exploration,
            explore_ticks=self._count("explore_ticks", 10, "Longest stretch of a random action.", 1, 1000),
            learns=bool(self._fixed("learn", True, "Whether to learn and explore, or do the best known.")),
            seed=self._count("seed", 0, "Of exploration.", 0, 2**31 - 1),
        )

    # Lifecycle

    def on_activate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Begin to act, at the next tick at which the robot is active and upright."""
        self._active, self._in_episode = True, False
        return super().on_activate(state)

    def on_deactivate(self, state: LifecycleState) -> TransitionCallbackReturn:
        """Stand, fall silent, and write the table."""
        self._active, self._in_episode = False, False
        if self._joint_state is not None and self._robot_active:
            self._send((0.0, 0.0, 0.0), self._joint_state.header.stamp)
        self._save()
        return super().on_deactivate(state)

    def destroy_node(self) -> None:
        """Write the table too, where the node got so far as to have one."""
        if self._made:
            self._save()
        super().destroy_node()

    def _save(self) -> None:
        """Write the table where it has learned anything since."""
        if not self._path or self._learner.ticks == self._saved_ticks:
            return
        try:
            self._learner.save(self._path)
        except GaitwayError as error:
            print(f"error: what was learned is lost: {error}", file=sys.stderr)
        else:
            self._saved_ticks = self._learner.ticks  # the log is closed where the process ends
            print(f"{self._path}: learned from {self._saved_ticks} ticks")

    # What comes in

    def _on_imu(self, message: Imu) -> None:
        self._imu = message
        self._tick_if_due()

    def _on_joint_state(self, message: JointState) -> None:
        asked_before = (
            self._joint_state is not None and message.header.stamp == self._joint_state.header.stamp
        )
        self._joint_state = message
        if asked_before and self._robot_active and self._sent is not None:
            # A robot in lock-step asks again: the velocity was lost, or the controller dropped it when it heard of
            # the robot's mode only after it, and by then the robot may be control steps past the tick.
            self._cmd_vel.publish(self._sent)
        self._tick_if_due()

    def _on_robot_state(self, message: DiagnosticStatus) -> None:
        self._robot_active = message.message == RobotMode.ACTIVE.value
        self._interrupted |= not self._robot_active

    def _on_safety_state(self, message: DiagnosticStatus) -> None:
        values = messages.values_of(message)
        self._falling = values.get("stopped") == "True" and values.get("check") in _FALLS

    # What is decided

    def _tick_if_due(self) -> None:
        if not self._active or self._imu is None or self._joint_state is None:
            return
        stamp_ns = messages.nanoseconds(self._joint_state.header.stamp)
        newest_ns = min(stamp_ns, messages.nanoseconds(self._imu.header.stamp))
        if not self._in_episode or newest_ns < self._due_ns - 2 * self._period_ns:
            self._due_ns = newest_ns  # an episode begins at once; or a clock was set back
        if newest_ns < self._due_ns - _EARLY_NS or not (self._robot_active or self._in_episode):
            return
        late = newest_ns - self._due_ns > self._period_ns
        self._due_ns = (newest_ns if late else self._due_ns) + self._period_ns
        self._sent = None
        self._tick(self._joint_state, self._imu, late=late)

    def _tick(self, joint_state: JointState, imu: Imu, *, late: bool) -> None:
        measured = messages.by_name(joint_state, self._states.joints, among_others=True)
        base_quat_w = rotation.multiply(messages.imu_quat_w(imu), self._mounting_inverse)
        if measured is None or not np.isfinite([*measured[0], *base_quat_w]).all():
            self.get_logger().error(
                "a joint state or the IMU lacks a finite value", throttle_duration_sec=1.0
            )
            self._cut_off()
            return
        tilt = tilt_of(base_quat_w)
        fell = tilt > self._reward.fall_tilt or self._falling
        reward = self._reward(tilt, fell) if self._in_episode else math.nan
        obs = self._states.observe(measured[0], base_quat_w)
        stamp = joint_state.header.stamp
        if self._in_episode and fell:
            self._learner.fail(obs, reward)
            self._in_episode, self._fallen = False, True
            self._falls += 1
            self._say(stamp, "fell", tilt, reward)
            self._send((0.0, 0.0, 0.0), stamp)
            return
        if self._interrupted or late:  # the robot may have been put back meanwhile
            self._cut_off()
            self._interrupted, self._fallen, reward = False, False, math.nan
        if tilt < self._reward.fall_tilt / 2.0:
            self._fallen = False  # it has recovered by itself
        if self._robot_active and not (fell or self._fallen):
            if not self._in_episode:
                self._in_episode = True
                self._episodes += 1
                if self._episodes == 1:
                    self._say_where_from()
            action = self._learner.choose(obs, reward)
            self._send(self._velocities[action], stamp)
            self._say(stamp, ACTIONS[action], tilt, reward)

    def _say_where_from(self) -> None:
        learned, epsilon = self._learner.ticks, self._learner.epsilon
        self.get_logger().info(f"{self._path}: learned from {learned} ticks so far, epsilon {epsilon:.2f}")

    def _cut_off(self) -> None:
        self._learner.begin()
        self._in_episode = False

    def _send(self, velocity: tuple[float, float, float], stamp: Time) -> None:
        message = messages.twist(velocity)
        if self._stamped:
            message = TwistStamped(twist=message)
            message.header.stamp = stamp
        self._sent = message
        self._cmd_vel.publish(message)

    def _say(self, stamp: Time, action: str, tilt: float, reward: float) -> None:
        status = {
            "stamp_s": 1e-9 * messages.nanoseconds(stamp),
            "episode": self._episodes,
            "falls": self._falls,
            "action": action,
            "tilt": tilt,
            "reward": None if math.isnan(reward) else reward,
            "ticks": self._learner.ticks,
            "epsilon": self._learner.epsilon,
            "visited": int((self._learner.table.visits > 0).any(axis=1).sum()),
        }
        self._status.publish(String(data=json.dumps(status)))


if __name__ == "__main__":
    run_node(QLearningAgent)

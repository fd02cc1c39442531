"""A simulated robot, its walking policy and an agent in lock-step: each waits for the other, as fast as the machine goes.

The robot advances one control step for each command, and the controller waits for a velocity that is less than a tick
of the agent old. So a computer that stalls changes nothing of what is learned, and hours of a robot pass in minutes.
There is no supervisor, whose watchdogs follow real time; a robot that has fallen is put back by `stand_up`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from diagnostic_msgs.msg import DiagnosticStatus
from std_msgs.msg import UInt64

from gaitway.ros import messages, names
from gaitway.ros.environment import RosError
from gaitway.ros.launching import Launch
from gaitway.ros.node_main import steady_s

_FOREVER_S = 1e6
_SETTLE_S = 0.1
_TRY_S = 10.0


def launch_lockstep(
    policy: Path,
    robot: str,
    log_dir: Path,
    tick_s: float,
    robot_parameters: Sequence[str] = (),
    others: Mapping[str, Sequence[str]] | None = None,
) -> Launch:
    """A simulated robot and its controller, which wait for an agent that sends TwistStamped.

    Args:
        policy: the policy file, one that takes velocities.
        robot: the robot to simulate.
        log_dir: folder for the processes' output.
        tick_s: time from one velocity of the agent to the next, in simulation [s].
        robot_parameters: further `name:=value` for the simulated robot.
        others: parameters by module of what is started after them, such as the agent.
    """
    patience = [f"command_timeout_s:={_FOREVER_S}", f"heartbeat_timeout_s:={_FOREVER_S}"]
    controller = [f"policy:={Path(policy).resolve()}", f"robot:={robot}", "blend_s:=0.0"]
    commands = {
        "simulated_robot": [
            f"robot:={robot}",
            "lockstep:=true",
            "scan_hz:=0.0",
            *patience,
            *robot_parameters,
        ],
        "policy_controller": [
            *controller,
            "use_stamped_vel:=true",
            f"wait_for_velocity_s:={float(tick_s)}",
        ],
        **(others or {}),
    }
    return Launch(commands, log_dir, {"simulated_robot": names.ROBOT_ACTIVATE})


class LockstepRobot:
    """Puts the robot of a lock-step launch on its feet, again and again."""

    def __init__(self, launch: Launch):
        """Bring the controller to life; the robot stays on its gantry."""
        self._launch = launch
        self._heartbeat = launch.client.node.create_publisher(UInt64, names.SAFETY_HEARTBEAT, names.EVENT)
        self._beat = 0
        self.stopped = False
        """Whether the robot is stopped, as where the controller's guard found a falling robot beyond its limits."""
        launch.client.node.create_subscription(
            DiagnosticStatus, names.ROBOT_STATE, self._on_state, names.LATCHED
        )
        launch.client.start_control(launch.check)

    def _on_state(self, message: DiagnosticStatus) -> None:
        self.stopped = messages.values_of(message).get("stopped") == "True"

    def stand_up(self, is_active: Callable[[], bool] = lambda: True) -> None:
        """Hang the robot up in its home pose, end a stop in the supervisor's place, and let the robot go.

        Args:
            is_active: waits until this holds, for example that an agent has begun.

        Raises:
            RosError: it cannot be let go.
        """
        client = self._launch.client
        client.trigger(names.ROBOT_RESET)
        end_s = steady_s() + _TRY_S
        while True:
            self._beat += 1
            self._heartbeat.publish(UInt64(data=self._beat))
            client.spin_for(_SETTLE_S)
            try:
                client.trigger(names.ROBOT_ACTIVATE)
                break
            except RosError:  # the controller has not answered yet, or the pose has not settled
                self._launch.check()
                if steady_s() > end_s:
                    raise
                if self.stopped:
                    client.trigger(names.ROBOT_CLEAR_STOP)
                    client.start_control(self._launch.check)
        client.spin_until(is_active, _TRY_S)

"""A preflight of a running robot: listen, judge, and move each joint a little where it is asked for."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from gaitway.policy import PolicyRuntime
from gaitway.robots import Robot
from gaitway.ros import messages
from gaitway.ros.environment import RosError
from gaitway.ros.gantry_commander import GantryCommander
from gaitway.ros.preflight_listener import PreflightListener
from gaitway.ros.robot_client import RobotClient
from gaitway.safety.preflight import Check, judge
from gaitway.safety.preflight.wiggle import check_motion

Progress = Callable[[str, float], None]
"""Told what is done now, and which share of everything is over."""

_WIGGLE_PART = 0.8
_AGAIN = "the joints after it were not moved: clear the cause, reset the stop, and run again"
_MATTERS_TO_MOTION = (
    "policy fits",
    "robot state",
    "joint names",
    "joint states",
    "joint values",
    "joint limits",
)


def preflight(
    client: RobotClient,
    runtime: PolicyRuntime,
    robot: Robot,
    *,
    listen_s: float,
    home: bool,
    wiggle_rad: float | None,
    find_s: float,
    on_progress: Progress,
) -> list[Check]:
    """Look at a robot before a policy runs on it.

    Args:
        client: a node to hear and call the robot with.
        runtime: the policy.
        robot: the robot's description.
        listen_s: time of the window that is judged [s].
        home: whether to bring the held robot to its home pose first, and hold it there.
        wiggle_rad: how far to move each joint [rad]; None to move none.
        find_s: how long the robot may take to be heard [s].
        on_progress: told how far it is.

    Raises:
        RosError: no robot is heard, or it is to be moved and is not held, or is commanded by another.
    """
    on_progress("finding the robot", 0.0)
    listener = PreflightListener(client, runtime)
    listener.find(find_s)
    listening = 1.0 - _WIGGLE_PART if wiggle_rad is not None else 1.0
    with ExitStack() as stack:
        commander = None
        if home or wiggle_rad is not None:
            first = judge(listener.listen(min(listen_s, 1.0)), runtime.spec, robot)
            forbidden = [
                check for check in first if check.level == "fail" and check.name in _MATTERS_TO_MOTION
            ]
            if forbidden:
                reasons = ", ".join(check.name for check in forbidden)
                return [*first, Check("motion", "fail", "no joint was moved", f"first repair: {reasons}")]
            on_progress("to the home pose", 0.0)
            commander = stack.enter_context(GantryCommander(listener, robot))
        readings = listener.listen(listen_s, lambda share: on_progress("listening", listening * share))
        checks = judge(readings, runtime.spec, robot)
        if commander is None or wiggle_rad is None:
            return checks
        joints = runtime.spec.robot.joint_names
        for joint, name in enumerate(joints):
            on_progress(f"moving {name}", listening + _WIGGLE_PART * joint / len(joints))
            try:
                checks.append(check_motion(joints, commander.wiggle(joint, wiggle_rad)))
            except RosError as error:
                return [*checks, Check("motion", "fail", f"{error} while {name} moved", _AGAIN)]
            if not commander.held:
                return [*checks, _interrupted(listener, name)]
        on_progress("done", 1.0)
        return checks


def _interrupted(listener: PreflightListener, joint: str) -> Check:
    state = listener.state
    mode = state.message if state is not None else "silent"
    reason = messages.values_of(state).get("reason", "") if state is not None else ""
    return Check("motion", "fail", f"the robot is {mode} since {joint} moved: {reason}", _AGAIN)

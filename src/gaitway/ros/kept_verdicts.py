"""The verdicts of preflights, which the node `robot` keeps as long as it runs."""

from __future__ import annotations

from gaitway.ros import names
from gaitway.ros.environment import RosError
from gaitway.ros.robot_client import RobotClient
from gaitway.safety.preflight import Verdict, read_verdicts, with_verdict


def kept_verdicts(client: RobotClient) -> tuple[Verdict, ...]:
    """The verdicts that the robot keeps; none where it keeps none.

    Raises:
        SafetyError: what it keeps cannot be read.
    """
    try:
        (text,) = client.get_parameters(names.ROBOT, ["preflight"])
    except RosError:  # a driver that does not extend RobotBridge
        return ()
    return read_verdicts(text or "")


def keep_verdict(client: RobotClient, verdict: Verdict) -> None:
    """Leave a verdict with the robot, where controllers look for it.

    Raises:
        RosError: the robot does not keep verdicts.
    """
    text = with_verdict(kept_verdicts(client), verdict)
    client.set_parameters(names.ROBOT, {"preflight": text})

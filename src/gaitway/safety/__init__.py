"""Safety in three layers: the guard in a controller, the supervisor beside it, the modes of the robot."""

from gaitway.safety.guard import LIMITS, Guard, GuardLimits, GuardResult, SafetyError, limit_targets
from gaitway.safety.robot_modes import RobotMode, RobotModes, RobotTimeouts
from gaitway.safety.stop import Stop
from gaitway.safety.supervisor import Supervisor
from gaitway.safety.supervisor_batch import SupervisorBatch
from gaitway.safety.supervisor_limits import SupervisorLimits

__all__ = [
    "LIMITS",
    "Guard",
    "GuardLimits",
    "GuardResult",
    "RobotMode",
    "RobotModes",
    "RobotTimeouts",
    "SafetyError",
    "Stop",
    "Supervisor",
    "SupervisorBatch",
    "SupervisorLimits",
    "limit_targets",
]

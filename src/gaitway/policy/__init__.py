"""Policies: the contract with the robot, the file it travels in, and running it."""

from gaitway.policy.batch import PolicyBatch
from gaitway.policy.binding import adapted, check_binding, check_measured, differences, robot_spec
from gaitway.policy.file import load_policy
from gaitway.policy.gait import Gait
from gaitway.policy.observation import ObservationBuilder
from gaitway.policy.runtime import PolicyRuntime, PolicyStep
from gaitway.policy.spec import (
    SCHEMA_VERSION,
    ActionSpec,
    CommandSpec,
    Envelope,
    GoldenTrace,
    ObservationStatistics,
    Origin,
    PolicyError,
    PolicySpec,
    RobotSpec,
    StateSpec,
    TermSpec,
)
from gaitway.policy.terms import TERMS, Sensors, Term
from gaitway.policy.velocity_command import VelocityCommand

__all__ = [
    "SCHEMA_VERSION",
    "TERMS",
    "ActionSpec",
    "CommandSpec",
    "Envelope",
    "Gait",
    "GoldenTrace",
    "ObservationBuilder",
    "ObservationStatistics",
    "Origin",
    "PolicyBatch",
    "PolicyError",
    "PolicyRuntime",
    "PolicySpec",
    "PolicyStep",
    "RobotSpec",
    "Sensors",
    "StateSpec",
    "Term",
    "TermSpec",
    "VelocityCommand",
    "adapted",
    "check_binding",
    "check_measured",
    "differences",
    "load_policy",
    "robot_spec",
]

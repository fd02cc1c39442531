"""Policies: the contract with the robot, the file it travels in, and running it."""

from gaitway.policy.binding import check_binding, differences, robot_spec
from gaitway.policy.file import load_policy
from gaitway.policy.observation import ObservationBuilder
from gaitway.policy.runtime import PolicyRuntime, PolicyStep
from gaitway.policy.spec import (
    SCHEMA_VERSION,
    ActionSpec,
    Envelope,
    GoldenTrace,
    Origin,
    PolicyError,
    PolicySpec,
    RobotSpec,
    TermSpec,
)
from gaitway.policy.terms import TERMS, Sensors, Term

__all__ = [
    "SCHEMA_VERSION",
    "TERMS",
    "ActionSpec",
    "Envelope",
    "GoldenTrace",
    "ObservationBuilder",
    "Origin",
    "PolicyError",
    "PolicyRuntime",
    "PolicySpec",
    "PolicyStep",
    "RobotSpec",
    "Sensors",
    "Term",
    "TermSpec",
    "check_binding",
    "differences",
    "load_policy",
    "robot_spec",
]

"""Faults to inject, as plain logic: what each does to messages, motors, processes and topics, and the right response."""

from gaitway.safety.faults.catalogue import FAULTS, find_fault, parse_schedule
from gaitway.safety.faults.fault import (
    COMMANDS,
    IMU,
    JOINT_STATES,
    Cause,
    Fault,
    Messages,
    Motors,
    ProcessLoss,
    Publisher,
    Push,
    Response,
)
from gaitway.safety.faults.samples import Sample, Tamper

__all__ = [
    "COMMANDS",
    "FAULTS",
    "IMU",
    "JOINT_STATES",
    "Cause",
    "Fault",
    "Messages",
    "Motors",
    "ProcessLoss",
    "Publisher",
    "Push",
    "Response",
    "Sample",
    "Tamper",
    "find_fault",
    "parse_schedule",
]

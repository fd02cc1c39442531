"""Preflight: what is looked at before a policy first runs on a robot. Knows no ROS."""

from gaitway.safety.preflight.judge import judge
from gaitway.safety.preflight.readings import Check, Level, Readings, Stream
from gaitway.safety.preflight.verdict import (
    Requirement,
    Verdict,
    check_requirement,
    not_repeated,
    read_verdicts,
    verdict_on,
    with_verdict,
)

__all__ = [
    "Check",
    "Level",
    "Readings",
    "Requirement",
    "Stream",
    "Verdict",
    "check_requirement",
    "judge",
    "not_repeated",
    "read_verdicts",
    "verdict_on",
    "with_verdict",
]

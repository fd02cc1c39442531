"""What is kept of a preflight, and whether a controller may start after it.

A robot keeps the verdicts as long as its driver runs, in its parameter `preflight`: the newest of each policy, as JSON.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import msgspec

from gaitway.safety.guard import SafetyError
from gaitway.safety.preflight.readings import Check
from gaitway.safety.preflight.wiggle import WIGGLE

Requirement = Literal["off", "not-failed", "passed"]
"""What a controller asks of a preflight: nothing; that none is known to have failed; that one has passed."""
_KEPT = 16


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """What the newest preflight of one policy on one robot came to."""

    policy_sha256: str
    """Of the policy file."""
    time: str
    """ISO 8601, UTC."""
    failed: tuple[str, ...]
    """Names of the checks that failed."""
    warned: tuple[str, ...] = ()
    """Names of the checks that warn."""

    @staticmethod
    def of(checks: Sequence[Check], policy_sha256: str, time: str) -> Verdict:
        """The verdict of a preflight's checks."""
        return Verdict(
            policy_sha256=policy_sha256,
            time=time,
            failed=tuple(check.name for check in checks if check.level == "fail"),
            warned=tuple(check.name for check in checks if check.level == "warn"),
        )


def not_repeated(before: Verdict | None, checks: Sequence[Check]) -> list[Check]:
    """What failed when joints were moved before, and was not looked at again: it fails still.

    Args:
        before: the verdict of the preflight before.
        checks: those of this one.
    """
    if before is None:
        return []
    judged = {check.name for check in checks}
    return [
        Check(
            name, "fail", f"failed at {before.time}, not repeated", "repair it, and run again with --wiggle"
        )
        for name in before.failed
        if name.startswith(WIGGLE) and name not in judged
    ]


def verdict_on(policy_sha256: str, verdicts: Sequence[Verdict]) -> Verdict | None:
    """The verdict of one policy among those of a robot; None where there is none."""
    return next((verdict for verdict in verdicts if verdict.policy_sha256 == policy_sha256), None)


def read_verdicts(text: str) -> tuple[Verdict, ...]:
    """What `with_verdict` wrote; nothing in an empty text.

    Raises:
        SafetyError: it is something else.
    """
    try:
        return msgspec.json.decode(text, type=tuple[Verdict, ...]) if text else ()
    except msgspec.DecodeError as error:
        raise SafetyError(f"the robot's parameter preflight cannot be read: {error}") from error


def with_verdict(verdicts: Sequence[Verdict], verdict: Verdict) -> str:
    """The verdicts with a newer one, as JSON."""
    others = [each for each in verdicts if each.policy_sha256 != verdict.policy_sha256]
    return msgspec.json.encode([verdict, *others][:_KEPT]).decode()


def check_requirement(requirement: str, verdicts: Sequence[Verdict], policy_sha256: str) -> None:
    """Refuse to start a controller on a robot whose preflight forbids it.

    Args:
        requirement: a Requirement.
        verdicts: what the robot keeps.
        policy_sha256: of the policy file that is to run.

    Raises:
        SafetyError: the preflight forbids it, or the requirement is none.
    """
    if requirement not in get_args(Requirement):
        raise SafetyError(
            f"require_preflight must be one of {', '.join(get_args(Requirement))}; it is {requirement!r}"
        )
    if requirement == "off":
        return
    found = verdict_on(policy_sha256, verdicts)
    advice = "repair it and run `gaitway preflight` again, or set require_preflight to off"
    if found is not None and found.failed:
        raise SafetyError(
            f"the preflight of this policy on this robot at {found.time} failed: {', '.join(found.failed)}; {advice}"
        )
    if found is None and requirement == "passed":
        raise SafetyError(
            "no preflight of this policy is known to this robot since its driver started; run `gaitway preflight`, or "
            "set require_preflight to off"
        )

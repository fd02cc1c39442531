"""How often a sensor speaks, how regularly, and how old what it says is."""

from __future__ import annotations

import numpy as np

from gaitway.safety.preflight.readings import Check, Stream, graded

_LEAST_RATE = 0.8
"""Of the control rate; the supervisor stops a robot whose sensors are slower."""
_GAP_S = 0.1
"""A robot without commands for so long stops by itself."""
_CLOCKS_AGREE_S = 1.0


def check_stream(sensor: str, stream: Stream, step_dt: float, trained_delay_s: float) -> list[Check]:
    """Rate, gaps and age of a sensor's messages.

    Args:
        sensor: what to call it.
        stream: its messages.
        step_dt: time of one control step [s].
        trained_delay_s: the longest latency that the policy was trained with [s].
    """
    if len(stream.arrival_s) < 3:
        advice = f"start what publishes {sensor}, and check the topic's name and the ROS domain"
        return [Check(f"{sensor} rate", "fail", f"{len(stream.arrival_s)} messages", advice)]
    intervals = np.diff(stream.arrival_s)
    rate_hz = 1.0 / float(intervals.mean())
    needed_hz = 1.0 / step_dt
    rate = graded(
        f"{sensor} rate",
        needed_hz / rate_hz,
        1.02,
        1.0 / _LEAST_RATE,
        f"{rate_hz:.1f} Hz; the policy runs at {needed_hz:g} Hz",
        f"publish at {2 * needed_hz:g} Hz or more, so that no control step waits",
    )
    p50, p99, longest = 1e3 * np.percentile(intervals, [50.0, 99.0, 100.0])
    gaps = graded(
        f"{sensor} jitter",
        longest * 1e-3,
        2.0 * step_dt,
        max(_GAP_S, 2.0 * step_dt),
        f"{p50:.1f} ms apart, p99 {p99:.1f} ms, longest {longest:.1f} ms",
        f"at {1e3 * _GAP_S:g} ms without sensors the robot stops: look for load on either computer, or a poor network",
    )
    return [rate, gaps, _age(sensor, stream, step_dt, trained_delay_s)]


def _age(sensor: str, stream: Stream, step_dt: float, trained_delay_s: float) -> Check:
    """How old messages are by their stamps."""
    name = f"{sensor} latency"
    if np.isnan(stream.stamp_s).any():
        advice = (
            "let the driver stamp each message when it is measured; until then nobody can tell how old it is"
        )
        return Check(name, "warn", "messages without stamp", advice)
    steps = np.diff(stream.stamp_s)
    if (steps < 0.0).any():
        advice = "messages come out of order, or the sender's clock jumps: look for two publishers, or a clock being set"
        return Check(name, "fail", f"{int((steps < 0.0).sum())} stamps go back", advice)
    if not steps.any():
        advice = (
            "the same reading is sent again and again: the driver lost its hardware, or never stamps anew"
        )
        return Check(name, "fail", "the stamp never changes", advice)
    ages = stream.clock_s - stream.stamp_s
    p50, p95, longest = np.percentile(ages, [50.0, 95.0, 100.0])
    if not -1e-3 <= p50 <= _CLOCKS_AGREE_S:
        spread = 1e3 * float(p95 - ages.min())
        advice = (
            "set both computers' clocks by the same source (chrony), or run this on the robot's own computer"
        )
        found = (
            f"the sender's clock differs by {-p50:+.3f} s, so only changes of latency show: {spread:.1f} ms"
        )
        return Check(name, "warn", found, advice)
    allowed_s = trained_delay_s + step_dt
    return graded(
        name,
        float(p95),
        allowed_s,
        2.0 * allowed_s,
        f"p50 {1e3 * p50:.1f} ms, p95 {1e3 * p95:.1f} ms, longest {1e3 * longest:.1f} ms old; up to {1e3 * allowed_s:g} "
        "ms is as in training",
        "shorten the way from sensor to controller (buffering in the driver, Wi-Fi), or train with this latency",
    )

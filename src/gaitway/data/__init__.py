"""Data: what was recorded of runs."""

from gaitway.data.recording import Recording

__all__ = ["Recording"]

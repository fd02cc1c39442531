"""The error of this package."""

from __future__ import annotations

from gaitway.errors import GaitwayError


class SimError(GaitwayError):
    """A simulation that cannot be set up or stepped as asked."""

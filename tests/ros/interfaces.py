"""Whether gaitway_msgs can be expected here."""

from __future__ import annotations

import os
import shutil

import pytest

from gaitway.ros.interfaces import interfaces_built, interfaces_missing


def require_interfaces() -> None:
    """Skip a test module where there is no compiler to build gaitway_msgs with; fail where it is only not built."""
    if interfaces_built():
        return
    if shutil.which(os.environ.get("CXX", "c++")) is None:
        pytest.skip(str(interfaces_missing()), allow_module_level=True)
    raise interfaces_missing()

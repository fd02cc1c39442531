"""What a measurement was made on."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
from pathlib import Path

_PACKAGES = (
    "gaitway",
    "mujoco",
    "gymnasium",
    "envpool",
    "numpy",
    "torch",
    "onnx",
    "onnxruntime",
    "ros-rclpy",
)


def describe_machine() -> dict[str, str]:
    """Processor, cores, memory, system and time of measurement."""
    pages, page_size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return {
        "processor": _processor(),
        "cores": str(os.cpu_count()),
        "memory": f"{pages * page_size / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "date": datetime.datetime.now(datetime.timezone.utc).date().isoformat(),
    }


def describe_versions() -> dict[str, str]:
    """Versions of Python and of the packages that figures depend on; absent packages are left out."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()

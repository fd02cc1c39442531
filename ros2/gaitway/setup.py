"""Gaitway as a package of a ROS 2 workspace. `pip install` uses the pyproject.toml two folders up instead."""

import sys
from pathlib import Path

from setuptools import find_namespace_packages, setup

sys.path.insert(0, str(Path(__file__).parent))
from gaitway import __version__
from gaitway.ros.nodes import NODES

setup(
    name="gaitway",
    version=__version__,
    packages=find_namespace_packages(include=["gaitway*"], exclude=["*__pycache__*"]),
    package_data={"": ["*"]},
    data_files=[
        ("share/ament_index/resource_index/packages", ["resource/gaitway"]),
        ("share/gaitway", ["package.xml"]),
        ("share/gaitway/launch", ["launch/walk.launch.py"]),
    ],
    entry_points={
        "console_scripts": [
            "gaitway = gaitway.cli.main:main",
            *(f"{name} = gaitway.cli.run:run_named_node" for name in NODES),
        ]
    },
    zip_safe=False,
)

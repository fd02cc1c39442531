"""Train humanoid policies in parallel simulation and run them on ROS 2 robots."""

__version__ = "0.1.0"

"""ROS 2: nodes over the packages of this project. Importing it imports no rclpy."""

from gaitway.ros.environment import RosError, RosInstallation, find_ros, require_ros

__all__ = ["RosError", "RosInstallation", "find_ros", "require_ros"]

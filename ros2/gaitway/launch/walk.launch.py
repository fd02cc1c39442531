"""A simulated humanoid that walks: robot, supervisor, controller, the services that let it go, and its frames.

The robot hangs on its gantry until somebody asks for a mode:

    ros2 launch gaitway walk.launch.py
    ros2 service call /set_mode gaitway_msgs/srv/SetMode "{mode: walk}"
    ros2 topic pub -r 10 /cmd_vel geometry_msgs/msg/Twist "{linear: {x: 0.4}}"
"""

from launch import LaunchDescription
from launch.actions import DeclareLaunchArgument
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node


def generate_launch_description():
    """The five processes; a process that dies is not restarted."""
    robot, policy = LaunchConfiguration("robot"), LaunchConfiguration("policy")
    given = {"robot": robot, "policy": policy}
    return LaunchDescription(
        [
            DeclareLaunchArgument("robot", default_value="h23", description="Robot to simulate."),
            DeclareLaunchArgument(
                "policy", default_value="h23_walk", description="Policy file, or the name of one in the box."
            ),
            Node(package="gaitway", executable="simulated_robot", parameters=[{"robot": robot}]),
            Node(package="gaitway", executable="safety_supervisor", parameters=[given]),
            Node(package="gaitway", executable="policy_controller", parameters=[given]),
            Node(package="gaitway", executable="robot_services"),
            Node(package="gaitway", executable="robot_state_publisher", parameters=[{"robot": robot}]),
        ]
    )

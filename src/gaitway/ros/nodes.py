"""The nodes that `gaitway run` starts, by name. Needs no ROS 2 to be asked."""

from __future__ import annotations

from gaitway.errors import UnknownNameError

NODES = {
    "simulated_robot": (
        "gaitway.ros.simulated_robot:SimulatedRobot",
        "a robot in MuJoCo, in place of a real one's driver",
    ),
    "ros2_control_bridge": (
        "gaitway.ros.ros2_control_bridge:Ros2ControlBridge",
        "the robot side of safety in front of ros2_control",
    ),
    "safety_supervisor": (
        "gaitway.ros.safety_supervisor:SafetySupervisor",
        "watches sensors and commands, and stops the robot",
    ),
    "flight_recorder": (
        "gaitway.ros.flight_recorder:FlightRecorder",
        "remembers the last 30 s of every topic, and writes them at a stop",
    ),
    "policy_controller": (
        "gaitway.ros.policy_controller:PolicyController",
        "runs a policy file on a robot, at the policy's rate",
    ),
    "robot_state_publisher": (
        "gaitway.ros.robot_state_publisher:RobotStatePublisher",
        "a robot's frames on /tf, and its URDF",
    ),
    "odometry_estimator": (
        "gaitway.ros.odometry_estimator:OdometryEstimator",
        "/odom from joints and IMU",
    ),
    "cmd_vel_mux": (
        "gaitway.ros.cmd_vel_mux:CmdVelMux",
        "lets the most important sender of velocities through",
    ),
    "behavior_tree_agent": (
        "gaitway.ros.agents.behavior_tree_agent:BehaviorTreeAgent",
        "goes to goals, wanders, avoids obstacles and stops, by a behaviour tree",
    ),
    "reactive_navigator": (
        "gaitway.ros.agents.reactive_navigator:ReactiveNavigator",
        "walks, and turns away from obstacles",
    ),
    "concurrent_agent": (
        "gaitway.ros.agents.concurrent_agent:ConcurrentAgent",
        "filters every joint state behind bounded queues",
    ),
    "joint_pid": ("gaitway.ros.agents.joint_pid:JointPid", "a PID controller for each joint"),
    "monitor": ("gaitway.ros.agents.monitor:Monitor", "memory, CPU, rates and losses, to /diagnostics"),
    "parameterised_agent": (
        "gaitway.ros.agents.parameterised_agent:ParameterisedAgent",
        "steps in place, by parameters that change while it runs",
    ),
    "async_agent": (
        "gaitway.ros.agents.async_agent:AsyncAgent",
        "asks the web and the machine while it goes on ticking",
    ),
    "robot_services": (
        "gaitway.ros.agents.robot_services:RobotServices",
        "modes, information and walks as services and an action",
    ),
    "ml_agent": (
        "gaitway.ros.agents.ml_agent:MlAgent",
        "runs a learned model of any of the usual libraries",
    ),
    "q_learning_agent": (
        "gaitway.ros.agents.q_learning_agent:QLearningAgent",
        "learns by Q-learning which way to walk so as to stay upright",
    ),
    "walk_to": ("gaitway.ros.walk_to:WalkTo", "walks to a point by sending /cmd_vel"),
}
"""Entry point and summary by name."""


def node_entry_point(name: str) -> tuple[str, str]:
    """Module and class of a node.

    Raises:
        UnknownNameError: there is no such node.
    """
    if name not in NODES:
        raise UnknownNameError("node", name, NODES)
    module, _, node_class = NODES[name][0].partition(":")
    return module, node_class

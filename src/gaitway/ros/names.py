"""Names of topics, services and nodes, and their quality of service, in one place."""

from __future__ import annotations

from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy

JOINT_STATES = "/joint_states"
IMU = "/imu/data"
JOINT_TEMPERATURES = "/joint_temperatures"
"""A Temperature for each motor, whose `header.frame_id` is the joint's name."""
ODOM = "/odom"
ODOM_TRUTH = "/odom/ground_truth"
"""Where a simulated robot publishes its true odometry while `/odom` is estimated."""
SCAN = "/scan"
CAMERA_IMAGE = "/camera/image_raw"
CAMERA_INFO = "/camera/camera_info"
CMD_VEL = "/cmd_vel"
JOINT_COMMANDS = "/joint_commands"
JOINT_TORQUES = "/joint_torques"
ACTIONS = ("/robot_actions", "/ml_actions", "/control_commands")
"""Arrays of joint targets or torques; the robot's parameters `action_joints` and `action_kind` say which."""
EMERGENCY_STOP = "/emergency_stop"
SAFETY_STATE = "/safety_state"
SAFETY_HEARTBEAT = "/safety_heartbeat"
DIAGNOSTICS = "/diagnostics"
FAULTS = "/faults"
"""A DiagnosticStatus for each injected fault, when it first acts."""

TF = "/tf"
TF_STATIC = "/tf_static"
ROBOT_DESCRIPTION = "/robot_description"

ODOM_FRAME = "odom"
BASE_FRAME = "base_link"
IMU_FRAME = "imu_link"
LIDAR_FRAME = "lidar_link"
CAMERA_FRAME = "camera_link"
"""x ahead, z up; images are in CAMERA_OPTICAL_FRAME, as REP-103 has it: z ahead, x to the right."""
CAMERA_OPTICAL_FRAME = "camera_optical_frame"

ROBOT = "robot"
"""Node that is the robot, simulated or bridged."""
ROBOT_STATE = "/robot/state"
ROBOT_COMMAND_LATENCY = "/robot/command_latency"
ROBOT_PUSH = "/robot/push"
ROBOT_ACTIVATE = "/robot/activate"
ROBOT_HOLD = "/robot/hold"
ROBOT_RESET = "/robot/reset_robot"
ROBOT_CLEAR_STOP = "/robot/clear_stop"

CONTROLLER = "policy_controller"
SUPERVISOR = "safety_supervisor"
ODOMETRY = "odometry_estimator"
WALK_TO = "walk_to"
FLIGHT_RECORDER = "flight_recorder"
FLIGHT_RECORDING = "/flight_recorder/recording"
"""Path of the newest recording of a stop."""
SUPERVISOR_RESET = "/safety_supervisor/reset"

SENSOR_OUT = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
"""Sensors are published reliable and subscribed best effort, so that both kinds of peers are heard."""
SENSOR_IN = QoSProfile(depth=1, reliability=ReliabilityPolicy.BEST_EFFORT)
WATCH_IN = QoSProfile(depth=50, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Who judges every message keeps more than the newest."""
RECORD_IN = QoSProfile(depth=200, reliability=ReliabilityPolicy.BEST_EFFORT)
"""Who records takes everything, and never makes a publisher send again."""
COMMAND = QoSProfile(depth=1, reliability=ReliabilityPolicy.RELIABLE)
EVENT = QoSProfile(depth=10, reliability=ReliabilityPolicy.RELIABLE)
STOP_IN = (EVENT, QoSProfile(depth=10, reliability=ReliabilityPolicy.BEST_EFFORT))
"""Robot and supervisor subscribe to stops twice: reliable, which loses nothing of a reliable publisher, and best effort,
since a reliable subscription does not hear a best-effort publisher at all. The supervisor says a stop again, reliable."""
LATCHED = QoSProfile(
    depth=1, reliability=ReliabilityPolicy.RELIABLE, durability=DurabilityPolicy.TRANSIENT_LOCAL
)

"""What a watch has heard of a robot, as messages of gaitway_msgs."""

from __future__ import annotations

import math

from builtin_interfaces.msg import Time
from gaitway_msgs.msg import RobotState, SafetyState, SensorData
from geometry_msgs.msg import Point, Pose

from gaitway.ros.names import ODOM_FRAME
from gaitway.ros.node_main import steady_s
from gaitway.ros.robot_watch import RobotWatch


def robot_state(watch: RobotWatch, mode: str, stamp: Time) -> RobotState:
    """How the robot is, and where.

    Args:
        watch: what has been heard of it.
        mode: one of RobotState's.
        stamp: now.
    """
    state = RobotState(mode=mode, on_gantry=watch.on_gantry())
    state.header.stamp, state.header.frame_id = stamp, ODOM_FRAME
    if watch.odometry.message is not None:
        state.header.frame_id = watch.odometry.message.header.frame_id
        state.pose, state.velocity = watch.odometry.message.pose.pose, watch.odometry.message.twist.twist
    else:
        state.pose = Pose(position=Point(x=math.nan, y=math.nan, z=math.nan))
    if watch.joints.message is not None:
        state.joints = watch.joints.message
    return state


def safety_state(watch: RobotWatch, stamp: Time) -> SafetyState:
    """Whether the robot is stopped, and why."""
    stop = watch.stop() or {}
    state = SafetyState(supervised=watch.supervised(), stopped=bool(stop))
    state.header.stamp = stamp
    state.check, state.reason = stop.get("check", ""), stop.get("reason", "")
    state.unit = stop.get("unit", "")
    state.value, state.limit = (float(stop.get(key, "nan")) for key in ("value", "limit"))
    return state


class SensorReport:
    """The newest values of every sensor, with rates since the report before."""

    def __init__(self, watch: RobotWatch):
        self._watch = watch
        self._reported_s = steady_s()
        self._counts = [0, 0, 0]

    def sensor_data(self, stamp: Time) -> SensorData:
        """The report of now."""
        heard = (self._watch.joints, self._watch.imu, self._watch.odometry)
        data = SensorData()
        data.header.stamp = stamp
        data.joints, data.imu, data.odometry = (
            each.message or default
            for each, default in zip(heard, (data.joints, data.imu, data.odometry), strict=True)
        )
        data.joints_age, data.imu_age, data.odometry_age = (each.age_s() for each in heard)
        now_s, counts = steady_s(), [each.count for each in heard]
        data.joints_rate, data.imu_rate, data.odometry_rate = (
            (count - before) / (now_s - self._reported_s)
            for count, before in zip(counts, self._counts, strict=True)
        )
        self._reported_s, self._counts = now_s, counts
        return data

"""Node `robot`: a simulated robot in real time, in place of a real one's driver.

It publishes what a robot measures, obeys `/joint_commands` and `/joint_torques`, and stops by itself: on
`/emergency_stop`, malformed or stale commands, or a lost supervisor heartbeat. With the parameter
`lockstep` it advances one control step for each command that answers its newest joint state, and publishes
`/clock`. Faults of its sensors and its body are injected by the parameter `faults`; `push.impulse` has it pushed again
and again.
"""

from __future__ import annotations

from collections import OrderedDict

import numpy as np
from geometry_msgs.msg import Vector3
from nav_msgs.msg import Odometry
from rosgraph_msgs.msg import Clock
from sensor_msgs.msg import Imu, JointState
from std_msgs.msg import Float64

from gaitway import rotation
from gaitway.robots import Robot
from gaitway.ros import messages, names
from gaitway.ros.injected_faults import InjectedFaults
from gaitway.ros.node_main import run_node, steady_s
from gaitway.ros.robot_bridge import RobotBridge, ServoCommand
from gaitway.ros.simulated_perception import SimulatedPerception
from gaitway.ros.simulated_pushes import SimulatedPushes
from gaitway.safety.faults import COMMANDS, IMU, JOINT_STATES, Fault, Messages, Motors, Push, Sample
from gaitway.sim import Simulation, get_world
from gaitway.sim.sensor_noise import Samples, SensorNoise

_REMEMBERED_STAMPS = 200
_ODOM_HZ = 50.0
_REPUBLISH_HZ = 50.0
_NOISES = {
    "joint_pos": "joint positions [rad]",
    "joint_vel": "joint velocities [rad/s]",
    "joint_effort": "joint torques [N m]",
    "tilt": "the IMU's orientation, about its x and y axes [rad]",
    "ang_vel": "the gyroscope [rad/s]",
}


class SimulatedRobot(RobotBridge):
    """One robot in MuJoCo behind the topics and services of a real one."""

    holds_home = True
    hangs_itself_up = True
    _perception: SimulatedPerception | None = None

    def __init__(self) -> None:
        super().__init__()
        physics_dt = self.fixed("physics_dt", 0.005, "Time of one physics step [s].")
        self._lockstep = self.fixed(
            "lockstep", False, "Advance one control step per command instead of in real time."
        )
        self._noise = SensorNoise(
            **{
                quantity: self.fixed(f"noise.{quantity}", 0.0, f"Half-width of the noise on {what}.")
                for quantity, what in _NOISES.items()
            }
        )
        noise_seed = self.fixed("noise.seed", -1, "Seed of the noise; -1 for another one at each start.")
        self._noise_rng = np.random.default_rng(None if noise_seed < 0 else noise_seed)
        world = get_world(
            self.fixed("world", "flat", "What stands around: flat, obstacles, or a .toml file.")
        )
        self.sim = Simulation(self.robot, 1, physics_dt=physics_dt, num_threads=1, world=world)
        self._lift = float(
            self.fixed(
                "gantry_lift", 0.0, "How far above its standing height the gantry holds the robot [m]."
            )
        )
        self.sim.set_gantry(True, self._lift)
        self._stiffness: np.ndarray | None = None
        self._damping: np.ndarray | None = None
        self._imu_message = Imu()
        self._imu_message.header.frame_id = names.IMU_FRAME
        self._imu_message.linear_acceleration_covariance[0] = -1.0  # not measured
        self._physics_steps = self.sim.decimation if self._lockstep else 0  # a stamp of zero is none
        self._slipped = 0
        self._tick_s: float | None = None
        self._strength = np.ones(self.robot.num_joints)
        self._witness = LimitWitness(self.robot)
        self._stamp_ns = 0
        self._measured: tuple[int, Samples] | None = None
        self._published: OrderedDict[int, float] = OrderedDict()
        self._joint_states = self.create_publisher(JointState, names.JOINT_STATES, names.SENSOR_OUT)
        self._imu = self.create_publisher(Imu, names.IMU, names.SENSOR_OUT)
        odom_topic = str(self.fixed("odom_topic", names.ODOM, "Topic of the ground-truth odometry."))
        self._odom = self.create_publisher(Odometry, odom_topic, names.SENSOR_OUT)
        self._latency = self.create_publisher(Float64, names.ROBOT_COMMAND_LATENCY, names.EVENT)
        self._perception = SimulatedPerception(self, self.sim, world)
        self._clock_out = self.create_publisher(Clock, "/clock", 1) if self._lockstep else None
        self.create_subscription(Vector3, names.ROBOT_PUSH, self._on_push, names.EVENT)
        self._pushes = SimulatedPushes(self, self.sim)
        self._faults = InjectedFaults(self, _can_inject, self._on_faults)
        self._faults.begin()
        if self._lockstep:
            self.start(1.0 / _REPUBLISH_HZ, self._publish_sensors)
        else:
            self.start(physics_dt, self._tick)

    # What a bridge provides

    def joint_pos(self) -> np.ndarray:
        """The simulated joint positions [rad]. Shape (num_joints,)."""
        return self.sim.joint_pos[0].copy()

    def apply(self, servos: ServoCommand) -> None:
        """Set the simulated servos."""
        self._witness.see(servos)
        if servos.stiffness is not self._stiffness or servos.damping is not self._damping:
            self._stiffness, self._damping = servos.stiffness, servos.damping
            self.sim.set_gains(self._strength * servos.stiffness, self._strength * servos.damping)
        self.sim.set_command(servos.target[None], self._strength * servos.effort)

    def let_go(self) -> None:
        """Let the robot off its gantry."""
        self.sim.set_gantry(False)

    def hang_up(self) -> None:
        """Put the robot back on its gantry, in its home pose."""
        self.sim.reset()
        self.sim.set_gantry(True, self._lift)

    def state_values(self) -> dict[str, object]:
        """How many physics steps were left out after stalls of the host, and commands outside limits at the joints."""
        return {"slipped_physics_steps": self._slipped, "commands_outside_limits": self._witness.outside}

    def destroy_node(self) -> None:
        """End the camera's process too."""
        if self._perception is not None:
            self._perception.close()
        super().destroy_node()

    # Commands

    def on_joint_command(self, message: JointState) -> None:
        """Measure how old the answered joint state is, obey, and in lockstep advance."""
        stamp_ns = messages.nanoseconds(message.header.stamp)
        sent_s = self._published.pop(stamp_ns, None)
        if sent_s is not None:
            self._latency.publish(Float64(data=steady_s() - sent_s))
        super().on_joint_command(message)
        if self._lockstep and stamp_ns == self._stamp_ns:
            self._advance(self.sim.decimation)
            self._publish_sensors()

    def _on_push(self, message: Vector3) -> None:
        impulse = np.array([[message.x, message.y, message.z]])
        if not np.isfinite(impulse).all():
            self.get_logger().warning("a push that is not finite is ignored")
            return
        self.sim.push(impulse)
        self.get_logger().info(f"pushed by ({message.x:.1f}, {message.y:.1f}, {message.z:.1f}) N s")

    # Faults

    def _on_faults(self, injected: list[Fault]) -> None:
        """Weaken motors and jam joints as the faults of now have it, and give the pushes that are new."""
        joints = self.robot.joint_names
        self._strength, self._stiffness = np.ones(len(joints)), None  # so that the gains are set anew
        drag = np.zeros(len(joints))
        for cause in self._faults.causes(Motors):
            hit = np.array([cause.joint in name for name in joints])
            self._strength[hit] *= cause.strength
            drag[hit] += cause.drag
        self.sim.set_drag(drag)
        for fault in injected:
            if isinstance(fault.cause, Push):
                self.sim.push(np.array([fault.cause.impulse]))
            if not isinstance(fault.cause, Messages):
                self._faults.say(fault.name, steady_s())

    # Physics

    def _tick(self) -> None:
        now_s = steady_s()
        if self._tick_s is not None:  # after a stall of the host physics slips, it never bursts
            self._slipped += max(0, int((now_s - self._tick_s) / self.sim.physics_dt) - 1)
        self._tick_s = now_s
        self._advance(1)
        self._publish_sensors()

    def _advance(self, physics_steps: int) -> None:
        self.drive()
        self._pushes.advance(physics_steps, self.modes.on_gantry)
        if self.sim.step(physics_steps)[0]:
            self.sim.reset()
            self.sim.set_gantry(self.modes.on_gantry, self._lift)
            self.trip("physics", "the simulation diverged")
        self._physics_steps += physics_steps

    # Publishing

    def _publish_sensors(self) -> None:
        """Publish the state; in lockstep, the same one again where nobody has answered it yet."""
        if self._lockstep:
            self._stamp_ns = round(self._physics_steps * self.sim.physics_dt * 1e9)
        else:
            self._stamp_ns = self.get_clock().now().nanoseconds
        stamp = messages.stamp_from(self._stamp_ns)
        sim = self.sim
        if self._clock_out is not None:
            self._clock_out.publish(Clock(clock=stamp))
        measured = self._measure()
        columns = {"orientation": measured.imu_quat_w, "angular_velocity": measured.imu_ang_vel}
        for sample in self._faults.through(IMU, Sample(stamp_ns=self._stamp_ns, columns=columns)):
            imu = self._imu_message
            imu.header.stamp = messages.stamp_from(sample.stamp_ns)
            imu.orientation = messages.quat_message(sample.columns["orientation"])
            imu.angular_velocity = messages.vector(sample.columns["angular_velocity"])
            self._imu.publish(imu)
        columns = {
            column: np.array(value)
            for column, value in zip(("position", "velocity", "effort"), measured[:3], strict=True)
        }
        joints = Sample(stamp_ns=self._stamp_ns, columns=columns, names=self.robot.joint_names)
        self._published[self._stamp_ns] = steady_s()
        for sample in self._faults.through(JOINT_STATES, joints):
            self._joint_states.publish(messages.joint_state_of(sample))
        if len(self._published) > _REMEMBERED_STAMPS:
            self._published.popitem(last=False)
        if self._physics_steps % max(1, round(1.0 / (_ODOM_HZ * sim.physics_dt))) == 0:
            self._publish_odom(stamp)
        if self._perception is not None:
            self._perception.publish_due(self._physics_steps, self._stamp_ns)

    def _measure(self) -> Samples:
        """What the sensors read; once for each stamp, so that a reading that is sent again is the same to the bit."""
        if self._measured is None or self._measured[0] != self._stamp_ns:
            sim = self.sim
            values = sim.joint_pos, sim.joint_vel, sim.joint_effort, sim.imu_quat_w, sim.imu_ang_vel
            samples = Samples(*(value[0].copy() for value in values))
            self._measured = self._stamp_ns, self._noise.added(samples, self._noise_rng)
        return self._measured[1]

    def _publish_odom(self, stamp) -> None:
        """Ground truth of the simulation; a real robot has to estimate it."""
        sim = self.sim
        to_base = rotation.conjugate(tuple(sim.base_quat_w[0].tolist()))
        lin_vel_b = np.array(rotation.rotate(to_base, tuple(sim.base_lin_vel_w[0].tolist())))
        self._odom.publish(
            messages.odometry(stamp, sim.base_pos_w[0], sim.base_quat_w[0], lin_vel_b, sim.base_ang_vel_b[0])
        )


class LimitWitness:
    """Counts what must never reach a joint, behind all layers of safety."""

    def __init__(self, robot: Robot):
        self.outside = 0
        """Control periods in which a joint had a target or a torque outside the robot's limits, or not finite."""
        self._lower, self._upper = robot.position_lower, robot.position_upper
        self._effort_limit = np.array(robot.effort_limit)

    def see(self, servos: ServoCommand) -> None:
        """Look at what the joints are told now."""
        in_range = (servos.target >= self._lower) & (servos.target <= self._upper)  # NaN is not
        allowed = np.abs(servos.effort) <= self._effort_limit
        self.outside += not bool(((in_range | (servos.stiffness == 0.0)) & allowed).all())


def _can_inject(fault: Fault) -> bool:
    if isinstance(fault.cause, Messages):
        return COMMANDS not in fault.cause.streams
    return isinstance(fault.cause, (Motors, Push))


if __name__ == "__main__":
    run_node(SimulatedRobot)

"""Run a policy file on one simulated robot, behind a Guard and without ROS, and push it.

This is the whole control loop: raw sensor values in, joint targets out. It needs no torch.

python examples/02_run_a_policy.py POLICY.onnx
"""

import math
import sys

import numpy as np

from gaitway import rotation
from gaitway.policy import check_binding, load_policy
from gaitway.robots import get_robot
from gaitway.safety import Guard, GuardLimits
from gaitway.sim import Simulation

policy = load_policy(sys.argv[1])  # replays the recorded traces
robot = get_robot(policy.spec.robot.name)
check_binding(policy.spec, robot)  # refuses a robot that it does not fit
guard = Guard(GuardLimits.from_robot(robot), policy.spec.step_dt)
sim = Simulation(robot, num_envs=1)

for step in range(500):
    if step == 100:
        sim.push(np.array([[5.0, 0.0, 0.0]]))  # [N s] forward
    joint_pos, joint_vel = sim.joint_pos[0], sim.joint_vel[0]
    wanted = policy.step(joint_pos, joint_vel, sim.imu_quat_w[0], sim.imu_ang_vel[0])
    result = guard.filter(wanted.joint_pos_target, joint_pos, joint_vel)
    if result.joint_pos_target is None:
        sys.exit(f"damping: {result.reason}")
    sim.set_command(result.joint_pos_target[None])
    sim.step()
    if step % 50 == 0:
        up_w = rotation.rotate(sim.base_quat_w[0], np.array([0.0, 0.0, 1.0]))
        print(f"{step * sim.step_dt:4.1f} s  tilt {math.degrees(math.acos(up_w[2])):4.1f} deg")
print("limits that acted:", {name: count for name, count in guard.counts.items() if count} or "none")

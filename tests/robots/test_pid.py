from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gaitway.robots import h23
from gaitway.robots.pid import Pid
from gaitway.sim import Simulation

pytest.importorskip("rclpy")

from gaitway.ros.agents.joint_pid import GAINS, largest_gains

STEP_DT = 0.01
ROBOT = dataclasses.replace(h23(), home_base_height=1.0)  # hung so high that its feet are free
angles = st.floats(-3.0, 3.0)


@given(st.lists(st.tuples(angles, angles, st.floats(-40.0, 40.0)), min_size=1, max_size=50))
def test_the_effort_never_leaves_its_limit(samples) -> None:
    pid = Pid(np.array([5.0]), kp=20.0, ki=60.0, kd=1.0)
    for target, position, velocity in samples:
        effort = pid.step(np.array([target]), np.array([position]), np.array([velocity]), STEP_DT)
        assert abs(effort[0]) <= 5.0


@given(st.floats(0.5, 3.0), st.integers(1, 2000))
def test_the_integral_does_not_wind_up_at_the_limit(error: float, steps: int) -> None:
    pid = Pid(np.array([4.0]), kp=10.0, ki=30.0, kd=0.0)
    for _ in range(steps):
        assert pid.step(np.array([error]), np.zeros(1), np.zeros(1), STEP_DT) == 4.0
    assert pid.saturated.all()
    assert abs(pid.step(np.zeros(1), np.zeros(1), np.zeros(1), STEP_DT)[0]) < 1e-12


@given(angles, angles, st.floats(-5.0, 5.0))
def test_a_jump_of_the_target_gives_no_derivative_kick(target: float, jump: float, velocity: float) -> None:
    pid = Pid(np.array([1e6]), kp=10.0, ki=0.0, kd=1.0)
    arguments = np.zeros(1), np.array([velocity]), STEP_DT
    before = pid.step(np.array([target]), *arguments)
    after = pid.step(np.array([target + jump]), *arguments)
    assert after - before == pytest.approx(10.0 * jump)


def test_a_lasting_error_is_integrated_and_a_new_ki_moves_nothing() -> None:
    pid = Pid(np.array([1e6]), kp=2.0, ki=3.0, kd=0.0)
    for _ in range(100):
        pid.step(np.array([0.5]), np.zeros(1), np.zeros(1), STEP_DT)
    pid.ki = 100.0
    assert pid.step(np.array([0.5]), np.zeros(1), np.zeros(1), STEP_DT) == pytest.approx(
        2.0 * 0.5 + 3.0 * 0.5 * 1.0
    )


def _hang(joint: str, gains: np.ndarray, delay: int, steps: int, load: float = 0.0) -> np.ndarray:
    """Positions of a joint after a step of its target by 0.3 rad, others held at home; 5 ms apart.

    Args:
        joint: under PID control at 100 Hz.
        gains: kp, ki, kd of each of n robots. Shape (n, 3).
        delay: physics steps between a measurement and the torque that answers it.
        steps: how many 5 ms steps.
        load: torque on the joint from half of the time on [N m].
    """
    index, count = ROBOT.joint_names.index(joint), len(gains)
    sim = Simulation(ROBOT, count, num_threads=2)
    sim.set_gantry(True)
    stiffness = np.array(ROBOT.stiffness)
    stiffness[index] = 0.0
    sim.set_gains(stiffness, np.array(ROBOT.damping))
    pid = Pid(np.full(count, ROBOT.effort_limit[index]), *gains.T)
    home, target = np.array(ROBOT.home_joint_pos), np.full(count, ROBOT.home_joint_pos[index] + 0.3)
    effort, underway, positions = np.zeros((count, ROBOT.num_joints)), [], []
    for step in range(steps):
        if step % 2 == 0:
            measured = sim.joint_pos[:, index].copy(), sim.joint_vel[:, index].copy()
            underway.append((step + delay, pid.step(target, *measured, STEP_DT)))
        while underway and underway[0][0] <= step:
            effort[:, index] = underway.pop(0)[1]
        loaded = effort.copy()
        loaded[:, index] += load * (step >= steps // 2)
        sim.set_command(np.tile(home, (count, 1)), loaded)
        sim.step(1)
        positions.append(sim.joint_pos[:, index].copy())
    return np.array(positions) - target


@pytest.mark.parametrize("joint", [name for name in ROBOT.joint_names if not name.startswith("right")])
def test_every_joint_settles_at_every_corner_of_the_range_of_gains(joint: str) -> None:
    largest = {name: float(value[0]) for name, value in largest_gains(ROBOT, [joint]).items()}
    corners = np.array(
        [
            (kp * largest["kp"], ki * kp * largest["ki"], kd * largest["kd"])
            for kp in (0.1, 1.0)
            for ki in (0.0, 1.0)
            for kd in (0.0, 1.0)
        ]
        + [[default for default, _ in GAINS.values()]]
    )
    for delay in (1, 3):
        error = _hang(joint, corners, delay, steps=1200)
        early, late = np.ptp(error[200:400], axis=0), np.ptp(error[-200:], axis=0)
        assert ((late < 0.02) | (late < 0.7 * early)).all(), f"{delay}: {corners[late > 0.02]} {late}"


def test_a_load_is_driven_out_by_the_integral_alone() -> None:
    gains = np.array([[20.0, 60.0, 0.5], [20.0, 0.0, 0.5]])
    error = _hang("left_elbow_joint", gains, delay=2, steps=1000, load=-2.0)
    with_integral, without = np.abs(error[-100:]).max(axis=0)
    assert with_integral < 0.02 * 0.3
    assert without > 0.05

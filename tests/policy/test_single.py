"""One robot, on memory used again in every step, beside the same in arrays of many robots."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from gaitway.policy import TERMS, ObservationBuilder, Sensors, TermSpec, load_policy
from gaitway.policy.gait import Gait, advance_phase, gait_clock
from gaitway.policy.shipped import find_policy
from gaitway.policy.single import SingleObservation

JOINTS = 3
MOUNTED = tuple(Rotation.from_euler("xyz", [0.3, -0.2, 0.9]).as_quat(scalar_first=True).tolist())
STRAIGHT = (1.0, 0.0, 0.0, 0.0)


def term(name: str, **changes) -> TermSpec:
    known = TERMS[name]
    return TermSpec(
        name=name, size=known.size or JOINTS, unit=known.unit, frame=known.frame, topic=known.topic, **changes
    )


def both_forms(rng: np.random.Generator, mounting: tuple[float, ...]) -> tuple[Sensors, Sensors]:
    def floats(size: int) -> tuple[float, ...]:
        return tuple(rng.normal(size=size).tolist())

    quat = rng.normal(size=4)
    short = Sensors(
        joint_pos=rng.normal(size=JOINTS),
        joint_vel=rng.normal(size=JOINTS),
        imu_quat_w=tuple((quat / np.linalg.norm(quat)).tolist()),
        imu_ang_vel=floats(3),
        last_action=rng.normal(size=JOINTS),
        home_joint_pos=np.array([0.1, -0.2, 0.3]),
        imu_mounting_quat=mounting,
        command=floats(3),
        gait_clock=floats(2),
        base_lin_vel_b=floats(3),
    )
    constants = {"home_joint_pos", "imu_mounting_quat"}
    full = {
        name: np.array(value) if name in constants else np.array([value])
        for name, value in vars(short).items()
    }
    return short, Sensors(**full)


@pytest.mark.parametrize("mounting", [MOUNTED, STRAIGHT], ids=["mounted", "straight"])
@pytest.mark.parametrize(
    "changes", [{}, {"scale": 0.3}, {"scale": 0.3, "clip": (-0.2, 0.1)}, {"scale": 0.3, "history": 3}]
)
def test_observes_to_the_bit_what_the_builder_observes(mounting: tuple[float, ...], changes: dict) -> None:
    terms = [term(name, **changes) for name in TERMS]
    builder = ObservationBuilder(terms)
    obs = np.zeros(builder.size, dtype=np.float32)
    single = SingleObservation(terms, obs)
    rng = np.random.default_rng(0)
    for step in range(12):
        if step == 7:
            builder.reset()
            single.reset()
        short, full = both_forms(rng, mounting)
        single.build(short)
        np.testing.assert_array_equal(obs, builder.build(full)[0])


@pytest.mark.parametrize("command", [(0.4, 0.0, 0.2), (0.05, 0.0, -0.05)], ids=["walk", "stand"])
def test_the_phase_of_one_robot_is_that_of_many(command: tuple[float, float, float]) -> None:
    gait = Gait(period_s=0.72, stance=0.55, swing_height=0.08)
    one, start = 0.4, 0.4
    many, starts, commands = np.array([one]), np.array([start]), np.array([command])
    for _ in range(100):
        assert gait_clock(one, command) == tuple(gait_clock(many, commands)[0])
        one = advance_phase(one, start, command, gait.period_s, 0.02)
        many = advance_phase(many, starts, commands, gait.period_s, 0.02)
        assert one == many[0]


def test_a_step_is_the_builder_and_the_network_of_many_robots() -> None:
    runtime = load_policy(find_policy("walk"))
    spec = runtime.spec
    trace = spec.golden_traces[0]
    steps = []
    for joint_pos, joint_vel, quat, ang_vel in zip(
        trace.joint_pos, trace.joint_vel, trace.imu_quat_w, trace.imu_ang_vel, strict=True
    ):
        command = [9.0, -0.1, 0.2]  # beyond the policy's range
        steps.append(
            runtime.step(*(np.array(value) for value in (joint_pos, joint_vel, quat, ang_vel, command)))
        )
    obs = np.array([step.obs for step in steps])
    assert spec.command is not None
    place = [t.name for t in spec.observation].index("command")
    start = sum(t.size for t in spec.observation[:place])
    scale = spec.observation[place].scale
    np.testing.assert_array_equal(
        obs[:, start], np.float32(scale * spec.command.lin_vel_x[1]), "clipped to the trained range"
    )
    np.testing.assert_array_equal(
        np.array([step.action for step in steps], dtype=np.float32), runtime.infer(obs)
    )


def test_not_a_number_stays_for_the_guard_to_see() -> None:
    runtime = load_policy(find_policy("walk"))
    trace = runtime.spec.golden_traces[0]
    columns = trace.joint_pos, trace.joint_vel, trace.imu_quat_w, trace.imu_ang_vel
    sensors = [np.array(column[0]) for column in columns]
    assert np.isnan(runtime.step(*sensors, command=np.array([np.nan, 0.0, 0.0])).joint_pos_target).all()

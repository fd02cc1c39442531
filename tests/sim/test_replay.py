from __future__ import annotations

import numpy as np

from gaitway.robots import h23
from gaitway.sim import Simulation
from gaitway.sim.replay import Replay
from gaitway.tasks import VectorEnv, get_task


def test_steps_the_same_states_with_the_same_controls_pushes_and_resets() -> None:
    """Robots that differ, with latency, pushed over and reset: each control step ends as the recorded one did."""
    env = VectorEnv(get_task("walk"), h23(), 8, seed=3)
    env.reset()
    replay = Replay(env.sim)
    rng = np.random.default_rng(0)
    falls = 0
    for step in range(100):
        if step == 5:
            env.sim.push(np.tile([80.0, 0.0, 0.0], (8, 1)))
        with replay.record():
            _, _, terminated, _, _ = env.step(rng.normal(size=(8, 23)))
        assert replay.run() > 0.0
        falls += terminated.sum()
        for name in ("qpos", "qvel"):
            after = env.sim._batch.bind(name)[~terminated]
            np.testing.assert_array_equal(replay.batch.bind(name)[~terminated], after)
    assert falls > 0


def test_recording_leaves_the_simulation_as_it_was() -> None:
    sim, other = Simulation(h23(), 2), Simulation(h23(), 2)
    with Replay(sim).record():
        sim.step()
    sim.step()
    other.step()
    other.step()
    np.testing.assert_array_equal(sim.joint_pos, other.joint_pos)

"""What `gaitway eval --changed-physics` changes."""

from __future__ import annotations

import mujoco
import numpy as np
import pytest

from gaitway.robots import h23
from gaitway.tasks import VectorEnv, get_task
from gaitway.tasks.changed_physics import CHANGES


def _env(change: str) -> VectorEnv:
    env = VectorEnv(CHANGES[change](get_task("walk")), h23(), 4, seed=0)
    env.reset(seed=0)
    return env


@pytest.mark.parametrize("change", CHANGES)
def test_robots_move_on_it_at_the_control_rate_of_the_task(change: str) -> None:
    env = _env(change)
    assert env.sim.step_dt == pytest.approx(0.02)
    for _ in range(10):
        obs, _, _, _, infos = env.step(np.zeros((4, 23)))
        assert np.isfinite(obs).all()
        assert not infos["diverged"].any()


def test_each_change_is_what_it_says() -> None:
    other = _env("CG solver, elliptic cones, 2 ms").sim.model.opt
    assert other.solver == mujoco.mjtSolver.mjSOL_CG
    assert other.cone == mujoco.mjtCone.mjCONE_ELLIPTIC
    assert other.timestep == 0.002
    assert (_env("friction 0.5").sim.draw.friction == 0.5).all()
    assert (_env("payload 3 kg").sim.draw.payload == 3.0).all()
    assert (_env("20 ms more latency").sim.delay_s >= 0.02).all()

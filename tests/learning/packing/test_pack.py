from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rsl_rl.runners import OnPolicyRunner
from tensordict import TensorDict
from torch import from_numpy

from gaitway.learning.packing import PackResult, make_contract, pack, read_contract, read_network
from gaitway.policy import PolicyError, adapted, check_binding, check_measured, differences, load_policy
from gaitway.policy.binding import home_distance
from gaitway.policy.file import replay_difference
from gaitway.robots import h23
from gaitway.safety import GuardLimits
from gaitway.tasks import Evaluation, InitialState, as_trained, evaluate, get_task

ROBOT = h23()
N = ROBOT.num_joints


def packed(network: Path, out: Path, tables: dict[str, Any], **options: Any) -> PackResult:
    options = {"num_robots": 4, "episode_s": 0.5, **options}
    return pack(read_network(network), make_contract(tables, "spec.toml"), out, **options)


@pytest.fixture
def stand(stand_spec: Path) -> dict[str, Any]:
    return read_contract(stand_spec)


def test_a_network_of_rsl_rls_becomes_a_policy_file(
    rsl_rl_runner: OnPolicyRunner, rsl_rl_network: Path, stand: dict[str, Any], tmp_path: Path
) -> None:
    result = packed(rsl_rl_network, tmp_path / "packed.onnx", {**stand, "source": "rsl_rl", "license": "MIT"})
    runtime = load_policy(tmp_path / "packed.onnx")
    assert runtime.spec == result.spec
    assert replay_difference(runtime) <= 1e-5
    assert differences(runtime.spec, ROBOT) == []
    assert (runtime.spec.origin.source, runtime.spec.origin.license) == ("rsl_rl", "MIT")
    assert runtime.spec.origin.evaluation["robots"] == 4.0
    assert max(runtime.spec.envelope.joint_vel) > 0.0

    infer = rsl_rl_runner.get_inference_policy("cpu")
    obs = np.concatenate([trace.obs for trace in runtime.spec.golden_traces]).astype(np.float32)
    obs = np.concatenate([obs, np.random.default_rng(0).normal(0.0, 0.2, (256, 75)).astype(np.float32)])
    expected = infer(TensorDict({"policy": from_numpy(obs)}, batch_size=[len(obs)])).detach().numpy()
    assert np.abs(expected).max() < 10.0
    np.testing.assert_allclose(runtime.infer(obs), expected, atol=1e-5)


def test_joints_in_the_networks_order_move_the_same_robot(
    linear, stand: dict[str, Any], tmp_path: Path
) -> None:
    """A damper on joint velocities, once in the robot's joint order and once in another."""
    weight = np.zeros((6 + 3 * N, N))
    weight[6 + N + np.arange(N), np.arange(N)] = np.linspace(-3.0, -1.0, N)
    order = np.random.default_rng(0).permutation(N)
    turned = np.zeros_like(weight)
    turned[6 + N + np.arange(N), np.arange(N)] = np.linspace(-3.0, -1.0, N)[order]
    packed(linear(weight), tmp_path / "a.onnx", stand)
    names = [ROBOT.joint_names[i] for i in order]
    packed(linear(turned), tmp_path / "b.onnx", {**stand, "joint_names": names})
    plain, other = load_policy(tmp_path / "a.onnx"), load_policy(tmp_path / "b.onnx")
    assert other.spec.robot.own == ()
    assert differences(other.spec, ROBOT) == []
    trace = plain.spec.golden_traces[0]
    for t, target in enumerate(trace.joint_pos_target):
        given = other.step(
            np.array(trace.joint_pos[t])[order], np.array(trace.joint_vel[t])[order],
            np.array(trace.imu_quat_w[t]), np.array(trace.imu_ang_vel[t]),
        )  # fmt: skip
        np.testing.assert_allclose(given.joint_pos_target, np.array(target)[order], atol=1e-6)
    a, b = (evaluate_packed(tmp_path / name) for name in ("a.onnx", "b.onnx"))
    assert a.survival == b.survival
    np.testing.assert_allclose(np.array(a.envelope.joint_vel)[order], b.envelope.joint_vel, rtol=1e-4)


def evaluate_packed(path: Path) -> Evaluation:
    """From the home pose, without noise and pushes."""
    runtime = load_policy(path)
    task, robot = as_trained(runtime.spec, get_task(runtime.spec.origin.task), ROBOT)
    quiet = tuple(replace(term, noise=0.0) for term in task.observation)
    task = replace(task, observation=quiet, initial_state=InitialState(), pushes=None)
    return evaluate(runtime.infer, task, robot, num_robots=4, episode_s=0.5)


def test_a_network_may_bring_gains_and_a_home_pose_of_its_own(
    linear, stand: dict[str, Any], tmp_path: Path
) -> None:
    home = np.array(ROBOT.home_joint_pos)
    bent = home + 0.1 * np.array([abs(pos) == 0.42 for pos in home]) - 0.1 * (home == -0.22)
    stiffness = [1.25 * kp for kp in ROBOT.stiffness]
    tables = {**stand, "home_joint_pos": bent.tolist(), "stiffness": stiffness}
    packed(linear(np.zeros((6 + 3 * N, N))), tmp_path / "own.onnx", tables)
    spec = load_policy(tmp_path / "own.onnx").spec
    assert spec.robot.own == ("home_joint_pos", "stiffness")
    assert spec.action.offset == tuple(bent)
    check_binding(spec, ROBOT)
    assert home_distance(ROBOT, spec.robot) == pytest.approx(0.1)
    np.testing.assert_array_equal(GuardLimits.from_robot(adapted(ROBOT, spec.robot)).stiffness, stiffness)
    _, robot = as_trained(spec, get_task("stand"), ROBOT)
    assert 0.002 < ROBOT.home_base_height - robot.home_base_height < 0.05, "bent knees stand lower"
    assert evaluate_packed(tmp_path / "own.onnx").survival == 1.0

    other = replace(ROBOT, damping=tuple(2.0 * kd for kd in ROBOT.damping))
    assert len(differences(spec, other)) == N, "what is not the policy's own must still be the robot's"
    narrow = replace(spec, robot=replace(spec.robot, home_joint_pos=(9.0, *bent[1:])))
    assert "home position 9 rad is outside its range" in differences(narrow, ROBOT)[0]
    for value in (0.0, -1.0, float("nan"), float("inf")):
        broken = replace(spec, robot=replace(spec.robot, stiffness=(value, *stiffness[1:])))
        assert "is no stiffness" in differences(broken, ROBOT)[0]


def test_a_network_that_follows_commands_is_measured_on_those_it_knows(linear, tmp_path: Path) -> None:
    tables = {
        "step_dt": 0.01,
        "observation": [{"term": "command"}, {"term": "joint_pos_rel", "history": 2}],
        "action": {"scale": 0.1},
        "command": {"lin_vel_x": [0.0, 0.3], "lin_vel_y": [0.0, 0.0], "ang_vel_z": [-0.2, 0.2]},
    }
    result = packed(linear(np.full((3 + 2 * N, N), 0.01)), tmp_path / "w.onnx", tables)
    commands = np.concatenate([trace.command for trace in result.spec.golden_traces if trace.command])
    assert (commands[:, 0].min() >= 0.0, commands[:, 0].max() <= 0.3, commands[:, 0].max() > 0.0) == (
        True,
    ) * 3
    assert (commands[:, 1] == 0.0).all()
    task, robot = as_trained(result.spec, get_task("walk"), ROBOT)
    assert task.step_dt == pytest.approx(0.01)
    assert task.for_evaluation().commands.lin_vel_x == (0.0, 0.3)  # type: ignore[union-attr]
    assert robot is ROBOT


def test_what_no_robot_measures_needs_a_word_and_stays_in_simulation(
    linear, stand: dict[str, Any], tmp_path: Path
) -> None:
    tables = {**stand, "observation": [{"term": "base_lin_vel"}, {"term": "last_action"}]}
    network = linear(np.full((3 + N, N), 0.01))
    with pytest.raises(PolicyError, match="(?s)base_lin_vel: use a history of .*--allow-unmeasured"):
        packed(network, tmp_path / "v.onnx", tables)
    packed(network, tmp_path / "v.onnx", tables, allow_unmeasured=True)
    spec = load_policy(tmp_path / "v.onnx").spec
    assert spec.golden_traces[0].base_lin_vel_b is not None
    with pytest.raises(PolicyError, match="no robot measures its observation base_lin_vel"):
        check_measured(spec)


def test_what_does_not_fit_is_refused_and_leaves_nothing(
    linear, stand: dict[str, Any], tmp_path: Path
) -> None:
    out = tmp_path / "out" / "p.onnx"

    def refused(network: Path, tables: dict[str, Any], message: str) -> None:
        with pytest.raises(PolicyError, match=message):
            packed(network, out, tables)
        assert not out.parent.exists()

    refused(
        linear(np.zeros((80, N))),
        stand,
        r"(?s)observes 80 values; .* make 75.*joint_vel +23 +1 +23  29 .. 51",
    )
    refused(linear(np.zeros((150, N))), stand, "2 times as many, so is there a history")
    refused(
        linear(np.zeros((75, 12))),
        stand,
        "gives 12 actions; its contract names 23 joints: left_hip_pitch_joint",
    )
    blinding = [{**term, "scale": 1e38} for term in stand["observation"]]
    refused(
        linear(np.full((75, N), 10.0)), {**stand, "observation": blinding},
        "output is not finite for 4 of 4 observations in simulation, whose largest value is 1",
    )  # fmt: skip
    wild = np.zeros((75, N))
    wild[5] = np.where(np.arange(N) % 2, 100.0, -100.0)
    refused(linear(wild), {**stand, "action": {"scale": 0.5}}, "robots fall within 32 control steps")


def test_a_policy_file_is_not_packed_again(linear, stand: dict[str, Any], tmp_path: Path) -> None:
    packed(linear(np.zeros((75, N))), tmp_path / "p.onnx", stand)
    with pytest.raises(PolicyError, match="is a Gaitway policy file already"):
        read_network(tmp_path / "p.onnx")

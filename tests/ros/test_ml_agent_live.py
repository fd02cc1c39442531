"""The agent `ml_agent` with a learned model, on the arm of a simulated robot in another process."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from std_msgs.msg import Bool, Float64MultiArray

from gaitway.robots import h23
from gaitway.ros import names
from gaitway.ros.agents.ml_agent import shrunk
from gaitway.ros.node_main import steady_s
from tests.ros.agent_process import GAITWAY, running_agent
from tests.ros.harness import WAIT_S, nodes

ROBOT = h23()
ARM = ["right_elbow_joint", "left_shoulder_roll_joint"]
PICTURE = 6 * 8


def write_model(path: Path, weight: np.ndarray, bias: np.ndarray) -> None:
    graph = helper.make_graph(
        [helper.make_node("Gemm", ["x", "w", "b"], ["y"])],
        "linear",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", weight.shape[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", weight.shape[1]])],
        [
            numpy_helper.from_array(weight.astype(np.float32), "w"),
            numpy_helper.from_array(bias.astype(np.float32), "b"),
        ],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), path)


def test_the_model_moves_the_arm_from_joints_and_picture_until_a_stop(tmp_path: Path) -> None:
    """The model wants the elbow at 1.1 rad; the shoulder at 0.3 rad, and more the brighter its picture is: so little
    that the arm's weight moves it by less than the tolerance."""
    weight = np.zeros((len(ARM) + PICTURE, 2))
    weight[-PICTURE:, 1] = 0.3 / PICTURE
    write_model(tmp_path / "arm.onnx", weight, np.array([1.1, 0.3]))
    robot = ["robot:=h23", f"action_joints:={ARM}", "world:=obstacles", "camera_hz:=5.0"]
    arguments = (
        "-p", f"model:={tmp_path / 'arm.onnx'}", "-p", f"joints:={ARM}", "-p", "features:=[joint_positions, picture]",
        "-p", "picture_height:=6", "-p", "picture_width:=8", "-p", "num_actions:=2",
    )  # fmt: skip
    with (
        nodes({"simulated_robot": robot}, tmp_path) as (launch, watch),
        running_agent(tmp_path / "agent.log", "ml_agent", *arguments),
    ):
        client = launch.client
        actions: list[tuple[float, list[float]]] = []
        client.node.create_subscription(
            Float64MultiArray,
            "/ml_actions",
            lambda message: actions.append((steady_s(), list(message.data))),
            50,
        )
        assert client.spin_until(lambda: len(actions) > 30, WAIT_S), (tmp_path / "agent.log").read_text()
        times, values = np.array([time for time, _ in actions]), np.array([value for _, value in actions])
        assert abs(np.median(np.diff(times)) - 0.1) < 0.02
        np.testing.assert_allclose(values[:, 0], 1.1, atol=1e-5)
        assert (values[:, 1] > 0.3 + 0.3 * 0.02).all()  # the picture is not black
        assert (values[:, 1] < 0.3 + 0.3).all()
        assert client.spin_until(
            lambda: bool(np.allclose(watch.joint_pos(ARM), actions[-1][1], atol=0.08)), WAIT_S
        )
        stop_out = client.node.create_publisher(Bool, names.EMERGENCY_STOP, names.EVENT)
        stop_out.publish(Bool(data=True))
        client.spin_for(0.5)
        actions.clear()
        client.spin_for(0.5)
        assert not actions


def test_a_model_that_does_not_fit_ends_the_agent_with_a_reason(tmp_path: Path) -> None:
    write_model(tmp_path / "arm.onnx", np.zeros((5, 2)), np.zeros(2))
    for given, said in (
        ((f"model:={tmp_path / 'arm.onnx'}",), "takes 5 values; it would be given 46"),
        ((f"model:={tmp_path / 'nowhere.onnx'}",), "no model at"),
        ((), "the parameter model names no file"),
    ):
        arguments = [part for one in given for part in ("-p", one)]
        done = subprocess.run(
            [*GAITWAY, "ml_agent", "--ros-args", *arguments], capture_output=True, text=True, check=False
        )
        assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_picture_is_shrunk_to_means() -> None:
    picture = np.zeros((5, 4, 3), dtype=np.uint8)
    picture[:2, :2], picture[2:, 2:] = 255, 51
    np.testing.assert_allclose(shrunk(picture, 2, 2), [[1.0, 0.0], [0.0, 0.2]])
    np.testing.assert_allclose(shrunk(np.full((7, 11, 1), 255, dtype=np.uint8), 3, 4), 1.0)

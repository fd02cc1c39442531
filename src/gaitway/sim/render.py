"""Pictures of a robot, drawn in a process of its own.

The OpenGL platform is chosen when MuJoCo is imported, and a missing one can abort the process; a child keeps
both away from the caller.
"""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Sequence

import numpy as np

from gaitway.sim.errors import SimError

_TIMEOUT_S = 60.0


def render_pictures(
    robot: str, qpos: Sequence[Sequence[float]] | np.ndarray, width: int = 480, height: int = 480
) -> list[bytes]:
    """Draw a robot in each of the given configurations.

    Args:
        robot: name of the robot.
        qpos: base position [m], base orientation wxyz and joint positions [rad]. Shape (n, nq).
        width: of each picture in pixels.
        height: of each picture in pixels.

    Returns:
        PNG files, one per configuration.

    Raises:
        SimError: nothing can be drawn here; the message says what is missing.
    """
    request = {
        "robot": robot,
        "qpos": np.asarray(qpos, dtype=float).tolist(),
        "width": width,
        "height": height,
    }
    platform = {"MUJOCO_GL": os.environ.get("MUJOCO_GL", "egl")} if sys.platform == "linux" else {}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "gaitway.sim.render"],
            input=json.dumps(request).encode(),
            capture_output=True,
            timeout=_TIMEOUT_S,
            env={**os.environ, **platform},
        )
    except subprocess.TimeoutExpired:
        raise SimError(f"drawing took more than {_TIMEOUT_S:g} s") from None
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise SimError(
            f"off-screen rendering does not work here ({lines[-1] if lines else 'no reason given'}); on Debian "
            "or Ubuntu `apt install libegl1 libgl1` provides it without a display"
        )
    pictures, data = [], io.BytesIO(done.stdout)
    while size := data.read(8):
        pictures.append(data.read(int.from_bytes(size, "big")))
    return pictures


def _draw() -> None:
    """The child: read a request, write each PNG after its length."""
    import mujoco
    from PIL import Image

    from gaitway.robots import get_robot
    from gaitway.sim.model import build_model

    request = json.load(sys.stdin)
    model = build_model(get_robot(request["robot"]), physics_dt=0.005)
    data = mujoco.MjData(model)
    camera = mujoco.MjvCamera()
    camera.azimuth, camera.elevation, camera.distance = 140.0, -12.0, 2.3
    with mujoco.Renderer(model, request["height"], request["width"]) as renderer:
        for qpos in request["qpos"]:
            data.qpos[:] = qpos
            mujoco.mj_forward(model, data)
            camera.lookat[:] = (qpos[0], qpos[1], 0.65)
            renderer.update_scene(data, camera)
            png = io.BytesIO()
            Image.fromarray(renderer.render()).save(png, "PNG")
            sys.stdout.buffer.write(len(png.getvalue()).to_bytes(8, "big") + png.getvalue())


if __name__ == "__main__":
    _draw()

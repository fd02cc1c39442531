"""Draws the README's picture from a demo: `python docs/picture.py [runs/demo]` writes docs/images/demo.png."""

import io
import sys
from pathlib import Path

import matplotlib.image
import numpy as np
from matplotlib.figure import Figure

from gaitway.sim import render_pictures

demo = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/demo")
with np.load(demo / "live.npz") as live:
    pictures = render_pictures("h23", live["picture_qpos"])
    figure = Figure(figsize=(9.0, 4.6), layout="constrained")
    axes = figure.subplot_mosaic([["0", "1", "2"], ["tilt", "tilt", "tilt"]], height_ratios=[2.2, 1.0])
    for index, (picture, time_s) in enumerate(zip(pictures, live["picture_time_s"], strict=True)):
        axes[str(index)].imshow(matplotlib.image.imread(io.BytesIO(picture), format="png"))
        axes[str(index)].set_title(f"{time_s:.1f} s, just after a push", fontsize=9.0)
        axes[str(index)].axis("off")
    axes["tilt"].plot(live["imu_time_s"], np.degrees(live["tilt"]), color="#1f6fb4", linewidth=1.0)
    for time_s in live["push_time_s"]:
        axes["tilt"].axvline(time_s, color="#8a919b", linestyle="--", linewidth=1.0)
    axes["tilt"].set(xlabel="time over ROS 2 [s]; pushes dashed", ylabel="tilt [deg]")
    axes["tilt"].spines[["top", "right"]].set_visible(False)
figure.savefig(Path(__file__).parent / "images" / "demo.png", dpi=130)

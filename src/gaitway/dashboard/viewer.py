"""The page that shows a policy at work: the robot in 3D, and what a person can ask of it.

The server's threads only note what was asked; the loop does it between two control steps, so that the simulation
belongs to one thread.
"""

from __future__ import annotations

import copy
import logging
import math
import queue
import time
from collections import deque
from collections.abc import Callable
from typing import Literal

import mujoco
import numpy as np
import numpy.typing as npt
import trimesh
import viser
from mjviser import ViserMujocoScene
from viser import uplot

from gaitway.dashboard.pacing import Pacing
from gaitway.dashboard.player import Player
from gaitway.dashboard.teleoperation import AXES, Key, Teleoperation
from gaitway.sim import Terrain

_Floats = npt.NDArray[np.float64]
_FRAME_S = 1.0 / 30.0
_READOUT_S = 0.2
_PLOTTED_S = 10.0
_MARGIN = 0.3  # of a plot beyond the range of the command [m/s, rad/s]
_PUSH = (0.0, 40.0, 10.0)  # least, most, at first [N s]
_HEADINGS = {"←": 0.5 * math.pi, "↑": 0.0, "↓": math.pi, "→": -0.5 * math.pi}  # from the robot's
_CAMERA = (-1.6, -1.45, 0.45)
_LOOK_AT = (0.0, 0.0, -0.12)
_SKY, _HORIZON = (176.0, 196.0, 218.0), (238.0, 242.0, 246.0)  # RGB
_GROUND = (150, 158, 168)
_ASKED, _DONE = "#8a919b", "#1f6fb4"


class Viewer:
    """Serves the page and runs the robot at real time.

    Attributes:
        player: the robot.
        teleoperation: what is asked of it; None for a policy that takes no command.
    """

    def __init__(self, player: Player, title: str, *, host: str = "127.0.0.1", port: int = 8080):
        """Start serving; the robot stands still until `run`.

        Args:
            player: the robot.
            title: line at the head of the page.
            host: address to serve on; the default is reached from this machine only.
            port: where to serve; the next free one is taken where it is not.
        """
        self.player = player
        spec = player.runtime.spec.command
        self.teleoperation = spec and Teleoperation(spec)
        self._closed = False
        self._asked: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self._ago_s: _Floats = np.linspace(-_PLOTTED_S, 0.0, round(_PLOTTED_S / player.sim.step_dt))
        self._history: _Floats = np.zeros((6, len(self._ago_s)))  # command and what was done; the newest last
        self._frames: deque[float] = deque(maxlen=60)
        # browsers open connections in advance, and one that is not used is no error
        logging.getLogger("websockets.server").setLevel(logging.CRITICAL)
        self._server = viser.ViserServer(host=host, port=port, label="Gaitway", verbose=False)
        self._server.initial_camera.position = _CAMERA
        self._server.initial_camera.look_at = _LOOK_AT
        self._server.scene.set_background_image(_sky())
        model = copy.copy(player.sim.model)  # the scene scales what is drawn of it
        if player.sim.terrain is not None:
            _add_terrain(self._server, model, player.sim.terrain)
        self._scene = ViserMujocoScene(self._server, model, num_envs=1)
        self._sliders: list[viser.GuiInputHandle[float]] = []
        self._plots: list[viser.GuiUplotHandle] = []
        self._build_page(title)
        self._draw()

    @property
    def url(self) -> str:
        """Where the page is."""
        host = self._server.get_host()
        return f"http://{'localhost' if host in ('127.0.0.1', '0.0.0.0') else host}:{self._server.get_port()}"

    def run(self, seconds: float | None = None) -> None:
        """Run the robot at real time, until `close`.

        Args:
            seconds: of simulated time to end after; default never.
        """
        player = self.player
        pacing = Pacing(player.sim.step_dt, time.perf_counter())
        steps = math.inf if seconds is None else round(seconds / player.sim.step_dt)
        next_frame = next_readout = 0.0
        while steps > 0 and not self._closed:
            steps -= 1
            self._do_what_was_asked()
            player.step(None if self.teleoperation is None else self.teleoperation.velocity)
            self._history = np.roll(self._history, -1, axis=1)
            self._history[:, -1] = *player.command, *player.measured
            now = time.perf_counter()
            if now >= next_frame and self._server.get_clients():
                next_frame = max(next_frame + _FRAME_S, now)
                self._frames.append(now)
                self._draw()
            if now >= next_readout:
                next_readout = now + _READOUT_S
                self._show_readout(pacing)
            time.sleep(pacing.stepped(time.perf_counter()))

    def close(self) -> None:
        """End `run` and stop serving."""
        self._closed = True
        self._server.stop()

    def _do_what_was_asked(self) -> None:
        while True:
            try:
                action = self._asked.get_nowait()
            except queue.Empty:
                return
            action()

    def _reset(self) -> None:
        self.player.reset()
        self._history[:] = 0.0
        self._stand()

    def _stand(self) -> None:
        if self.teleoperation is not None:
            self.teleoperation.stand()
            self._show_request()

    def _press(self, key: str) -> None:
        if self.teleoperation is not None:
            self.teleoperation.press(key)
            self._show_request()

    def _push(self, heading: float | None = None) -> None:
        self.player.push(self._push_size.value, heading)

    def _show_request(self) -> None:
        """Move the sliders to what keys and buttons asked for."""
        assert self.teleoperation is not None
        for slider, value in zip(self._sliders, self.teleoperation.velocity.tolist(), strict=True):
            if slider.value != value:
                slider.value = value

    def _draw(self) -> None:
        self._scene.update_from_mjdata(self.player.sim.data())

    def _show_readout(self, pacing: Pacing) -> None:
        frames = self._frames
        rate = (len(frames) - 1) / (frames[-1] - frames[0]) if len(frames) > 1 else 0.0
        state = "fallen: reset it (R)" if self.player.fallen else "on its feet"
        self._status.content = _table(
            ("robot", state),
            ("time", f"{self.player.time_s:.1f} s"),
            ("real-time factor", f"{pacing.real_time_factor:.2f} ({pacing.slips} slips)"),
            ("frames", f"{rate:.0f} per second"),
        )
        for index, plot in enumerate(self._plots):
            plot.data = (self._ago_s, self._history[index], self._history[3 + index])

    def _build_page(self, title: str) -> None:
        gui = self._server.gui
        gui.configure_theme(
            control_width="medium", show_logo=False, show_share_button=False, brand_color=(31, 111, 180)
        )
        gui.set_panel_label("Gaitway")
        gui.add_markdown(title)
        self._status = gui.add_html("")
        if self.teleoperation is None:
            gui.add_markdown("This policy takes no velocity command: it stands.")
        else:
            self._add_velocity(self.teleoperation)
        with gui.add_folder("Robot"):
            self._push_size = gui.add_slider(
                "push [N s]", min=_PUSH[0], max=_PUSH[1], step=1.0, initial_value=_PUSH[2]
            )
            pushes = gui.add_button_group("push (P: any)", tuple(_HEADINGS))
            pushes.on_click(lambda event: self._asked.put(lambda: self._push(_HEADINGS[event.target.value])))
            reset = gui.add_button("Reset (R)", icon=viser.Icon.REFRESH)
            reset.on_click(lambda _: self._asked.put(self._reset))
        self._add_key("Push from anywhere", "P", self._push)
        self._add_key("Reset", "R", self._reset)
        if self.teleoperation is not None:
            with gui.add_folder("Asked (grey) and done (blue)"):
                for index, axis in enumerate(AXES):
                    limits = float(self.teleoperation.lower[index]), float(self.teleoperation.upper[index])
                    self._plots.append(_add_plot(gui, f"{axis.label} [{axis.unit}]", self._ago_s, limits))

    def _add_velocity(self, teleoperation: Teleoperation) -> None:
        gui = self._server.gui
        with gui.add_folder("Velocity"):
            for index, axis in enumerate(AXES):
                self._add_slider(teleoperation, index)
                self._add_key(f"More {axis.label}", axis.more, lambda key=axis.more: self._press(key))
                self._add_key(f"Less {axis.label}", axis.less, lambda key=axis.less: self._press(key))
            keys = " · ".join(f"{axis.more} {axis.less} {axis.label}" for axis in AXES)
            gui.add_html(f'<div style="font-size:0.8em;color:{_ASKED};margin:0 1em">{keys}</div>')
            stand = gui.add_button("Stand (space)", icon=viser.Icon.HAND_STOP)
            stand.on_click(lambda _: self._asked.put(self._stand))
            self._add_key("Stand", "space", self._stand)

    def _add_slider(self, teleoperation: Teleoperation, index: int) -> None:
        axis = AXES[index]
        slider = self._server.gui.add_slider(
            f"{axis.label} [{axis.unit}]",
            min=float(teleoperation.lower[index]),
            max=float(teleoperation.upper[index]),
            step=0.01,
            initial_value=0.0,
            hint=f"keys {axis.more} and {axis.less}",
        )

        @slider.on_update
        def _(event: viser.GuiEvent) -> None:
            if event.client is not None:  # a person moved it, not `_show_request`
                self._asked.put(lambda: teleoperation.set(index, event.target.value))

        self._sliders.append(slider)

    def _add_key(self, label: str, key: Key | Literal["P", "R", "space"], action: Callable[[], None]) -> None:
        command = self._server.gui.add_command(label, hotkey=key)
        command.on_trigger(lambda _: self._asked.put(action))


def _add_plot(
    gui: viser.GuiApi, title: str, ago_s: _Floats, limits: tuple[float, float]
) -> viser.GuiUplotHandle:
    """A curve of what was asked for and one of what was done, over the newest seconds."""
    nothing = np.zeros_like(ago_s)
    return gui.add_uplot(
        (ago_s, nothing, nothing),
        (
            uplot.Series(label="time [s]"),
            uplot.Series(label="asked", stroke=_ASKED, width=2),
            uplot.Series(label="done", stroke=_DONE, width=2),
        ),
        title=title,
        scales={
            "x": uplot.Scale(time=False, range=(-_PLOTTED_S, 0.0)),
            "y": uplot.Scale(auto=False, range=(limits[0] - _MARGIN, limits[1] + _MARGIN)),
        },
        legend=uplot.Legend(show=False),
        height=105,
    )


def _add_terrain(server: viser.ViserServer, model: mujoco.MjModel, terrain: Terrain) -> None:
    """Draw the ground in squares of a metre, darker where it is steep, in place of the scene's own drawing of it."""
    model.geom_rgba[model.geom_type == mujoco.mjtGeom.mjGEOM_HFIELD.value, 3] = 0.0
    rows, columns = terrain.config.shape
    x, y = np.meshgrid(
        *(np.linspace(-h, h, n) for h, n in zip(terrain.half_size, (columns, rows), strict=True))
    )
    z = terrain.lowest + terrain.extent * terrain.field
    index = np.arange(rows * columns).reshape(rows, columns)
    near, far = index[:-1, :-1].ravel(), index[1:, 1:].ravel()
    below, above = index[:-1, 1:].ravel(), index[1:, :-1].ravel()
    along_y, along_x = np.gradient(z, terrain.config.resolution)
    squares = (np.floor(x) + np.floor(y)) % 2
    shade = (1.0 - 0.12 * squares) * (1.0 - 0.6 * np.minimum(np.hypot(along_x, along_y), 1.0))
    mesh = trimesh.Trimesh(
        vertices=np.stack([x, y, z], axis=-1).reshape(-1, 3),
        faces=np.concatenate([np.stack([near, below, far], axis=1), np.stack([near, far, above], axis=1)]),
        vertex_colors=(shade.reshape(-1, 1) * np.array(_GROUND)).astype(np.uint8),
        process=False,
    )
    server.scene.add_mesh_trimesh("/fixed_bodies/terrain", mesh, cast_shadow=False, receive_shadow=0.2)


def _sky() -> np.ndarray:
    """A background: sky above, the colour of the horizon from the middle down. Shape (256, 1, 3), uint8."""
    share = np.minimum(np.linspace(0.0, 2.0, 256), 1.0)[:, None, None]
    return ((1.0 - share) * np.array(_SKY) + share * np.array(_HORIZON)).astype(np.uint8)


def _table(*rows: tuple[str, str]) -> str:
    """Rows of HTML."""
    cells = "".join(
        f'<tr><td style="color:{_ASKED};padding-right:1em">{name}</td><td>{value}</td></tr>'
        for name, value in rows
    )
    return f'<table style="font-size:0.85em;margin:0 1em 0.5em">{cells}</table>'

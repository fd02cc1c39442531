"""`gaitway play`: a policy in simulation, in the browser."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import tyro
from rich.console import Console

from gaitway.errors import GaitwayError
from gaitway.policy import load_policy
from gaitway.policy.shipped import find_policy
from gaitway.robots import get_robot
from gaitway.sim import Rough, Slopes, Stairs, TerrainConfig

_GROUNDS = {"rough": Rough(), "slopes": Slopes(), "stairs": Stairs()}


@dataclass(frozen=True, kw_only=True)
class PlayCommand:
    """Show a policy on a simulated robot in the browser, to steer and to push it.

    Keys: I and K forward and back, J and L turn, U and O sidestep, space to stand, P to push, R to reset. W, A, S, D,
    Q, E and the arrows move the camera.
    """

    policy: tyro.conf.Positional[str]
    """Policy file, or the name of one in the box."""
    ground: Literal["flat", "rough", "slopes", "stairs"] = "flat"
    """What it walks on."""
    level: float = 0.5
    """How hard the ground is, from 0 to 1."""
    host: str = "127.0.0.1"
    """Address to serve on; the default is reached from this machine only, 0.0.0.0 from everywhere."""
    port: int = 8080
    """Port to serve on; the next free one is taken where it is not."""
    seconds: float | None = None
    """End after this time [s]; default never."""

    def run(self) -> None:
        """Serve until told to end."""
        seconds = 1.0 if self.seconds is None else self.seconds
        if not 0.0 <= self.level <= 1.0 or not 0 < self.port < 65536 or not seconds > 0.0:
            raise GaitwayError(
                f"--level must be from 0 to 1, --port from 1 to 65535 and --seconds above 0; got {self.level}, "
                f"{self.port} and {self.seconds}"
            )
        path = find_policy(self.policy)
        runtime = load_policy(path)
        spec = runtime.spec
        terrain = None
        if self.ground != "flat":
            terrain = TerrainConfig(kinds=(_GROUNDS[self.ground],), levels=5)
        from gaitway.dashboard.player import Player  # an optional extra
        from gaitway.dashboard.viewer import Viewer

        player = Player(runtime, get_robot(spec.robot.name), terrain=terrain, level=self.level)
        survival = spec.origin.evaluation.get("survival", float("nan"))
        title = (
            f"**{path.stem}**: {spec.origin.task} on {spec.robot.name}, survival {survival:.2f} in evaluation"
        )
        viewer = Viewer(player, title, host=self.host, port=self.port)
        Console().print(f"{viewer.url}  (Ctrl-C ends it)")
        try:
            viewer.run(self.seconds)
        finally:
            viewer.close()


COMMAND = PlayCommand

"""`gaitway pack`: make a policy file of a network that was trained elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import tyro
from rich.console import Console

from gaitway.learning.packing import (
    Contract,
    Network,
    is_mjlab,
    make_contract,
    mjlab_contract,
    pack,
    read_contract,
    read_network,
)
from gaitway.policy import PolicyError
from gaitway.progress import progress_bar
from gaitway.robots import get_robot


@dataclass(frozen=True, kw_only=True)
class PackCommand:
    """Measure any ONNX network in simulation and write it as a policy file, or say why that cannot be.

    What its inputs and outputs mean stands in a TOML file, in the metadata that mjlab writes, or in both: then the file
    has the last word.
    """

    network: tyro.conf.Positional[Path]
    """ONNX file of the network, its normaliser inside."""
    out: Path
    """The policy file to write."""
    spec: Path | None = None
    """TOML file that describes the network."""
    source: Annotated[Literal["auto", "mjlab", "spec"], tyro.conf.arg(name="from")] = "auto"
    """Where the description comes from; auto takes mjlab's metadata where the network has it."""
    robot: str | None = None
    """Robot that the network is for; default the description's, else h23."""
    task: str | None = None
    """What to measure it on; default the description's, else walk for a network that observes a command, or stand."""
    episodes: int = 64
    """Episodes of the evaluation whose figures go into the file."""
    episode_s: float | None = None
    """Length of an episode [s]; default the task's."""
    allow_unmeasured: bool = False
    """Accept observations that no robot measures; the policy then runs in simulation only."""

    def run(self) -> None:
        """Pack, and say how the network did."""
        if self.episodes < 1 or (self.episode_s is not None and not self.episode_s > 0.0):
            raise PolicyError("--episodes must be at least 1 and --episode-s above 0")
        network = read_network(self.network)
        contract = self._contract(network)
        with progress_bar("evaluate", 1.0) as bar:
            result = pack(
                network, contract, self.out, num_robots=self.episodes, episode_s=self.episode_s,
                allow_unmeasured=self.allow_unmeasured, on_step=lambda step, steps: bar.update(step / steps),
            )  # fmt: skip
        console = Console()
        console.print(
            f"{self.out}: {100 * result.evaluation.survival:.1f} % of {self.episodes} robots upright to the end of "
            f"{result.spec.origin.task}"
        )
        if result.spec.robot.own:
            console.print(f"it brings its own {', '.join(result.spec.robot.own)}")
        console.print(f"next: gaitway inspect {self.out}")

    def _contract(self, network: Network) -> Contract:
        """The description of the network: mjlab's, with the spec file's and the options' values over it."""
        given = {} if self.spec is None else read_contract(self.spec)
        given |= {
            key: value for key, value in (("robot", self.robot), ("task", self.task)) if value is not None
        }
        if self.source == "mjlab" or (self.source == "auto" and is_mjlab(network.metadata)):
            theirs = mjlab_contract(network.metadata, get_robot(str(given.get("robot", "h23"))))
            return make_contract(_over(theirs, given), str(self.spec or "mjlab's metadata"))
        if self.spec is None:
            raise PolicyError(
                f"nothing says what the inputs and outputs of {self.network} mean: it has no metadata of mjlab's, so "
                "give a description with --spec"
            )
        return make_contract(given, str(self.spec))


def _over(below: dict[str, Any], above: dict[str, Any]) -> dict[str, Any]:
    """The tables of both; where both have a value, that of `above`."""
    merged = {**below, **above}
    if isinstance(above.get("action"), dict):
        merged["action"] = {**below["action"], **above["action"]}
    return merged


COMMAND = PackCommand

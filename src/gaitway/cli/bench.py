"""`gaitway bench WHAT`: speed against a stated limit, measured in one run."""

from __future__ import annotations

import inspect

import tyro

from gaitway.cli.bench_sim import BenchSim
from gaitway.cli.bench_train import BenchTrain

BENCHES = {"sim": BenchSim(), "train": BenchTrain()}
"""What can be measured: the options of each, with a method `run` that measures and prints."""

COMMAND = tyro.extras.subcommand_type_from_defaults(
    BENCHES, descriptions={name: inspect.getdoc(bench) or "" for name, bench in BENCHES.items()}
)

"""Packing: a policy file of a network that was trained elsewhere."""

from gaitway.learning.packing.contract import Contract, make_contract, read_contract
from gaitway.learning.packing.mjlab import is_mjlab, mjlab_contract
from gaitway.learning.packing.network import Network, read_network
from gaitway.learning.packing.pack import PackResult, pack

__all__ = [
    "Contract",
    "Network",
    "PackResult",
    "is_mjlab",
    "make_contract",
    "mjlab_contract",
    "pack",
    "read_contract",
    "read_network",
]

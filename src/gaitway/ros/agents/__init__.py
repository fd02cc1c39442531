"""Agents: nodes that each show one way to be a node, on the simulated robot or a real one.

Each is a module that ends with `run_node(ItsClass)` under `__main__`, and a line in `gaitway.ros.nodes.NODES`.
"""

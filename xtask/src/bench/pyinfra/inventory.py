"""The nodes of the benchmark: pairs of an address and its data."""

import json

with open("nodes.json") as file:
    nodes = [tuple(node) for node in json.load(file)]

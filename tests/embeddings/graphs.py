# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Graphs and trained networks for tests."""

from __future__ import annotations

import nnabla as nn
import numpy as np

from nnabla_compress.embeddings import Adjacency
from nnabla_compress.embeddings.blocks import blocks_for
from nnabla_compress.embeddings.pinsage import normalized


def random_graph(nodes=60, edges=150, seed=0, items=None):
    """A graph whose last two nodes nothing is linked to."""
    ends = np.random.RandomState(seed).randint(nodes - 2, size=(edges, 2))
    return Adjacency.checked(ends[ends[:, 0] != ends[:, 1]], nodes, "random graph", items)


def random_parameters(network, inputs, seed=0):
    """Parameters of a network, all of them drawn."""
    rng = np.random.RandomState(seed)
    sizes = {}
    rows = inputs
    for number in range(1, network.layers + 1):
        sizes[f"layer{number}/neighbours"] = rows, network.hidden
        sizes[f"layer{number}/together"] = rows + network.hidden, network.width
        rows = network.width
    sizes["output1"], sizes["output2"] = (rows, rows), (rows, network.output)
    found = {}
    for scope, (height, width) in sizes.items():
        found[f"{scope}/affine/W"] = (rng.randn(height, width) / height**0.5).astype(np.float32)
        if scope != "output2":
            found[f"{scope}/affine/b"] = (0.1 * rng.randn(width)).astype(np.float32)
    return found


def recursive(network, parameters, features, graph, how, rows, seed=0, pooling="importance"):
    """Embeddings of some items by NNabla, each from its own neighbourhood of neighbourhoods."""
    nodes, blocks = blocks_for(graph, how, rows, network.layers, seed, pooling)
    with nn.parameter_scope("", {}), nn.auto_forward(False):
        for path, values in parameters.items():
            nn.parameter.set_parameter(path, nn.Variable.from_numpy_array(values))
        z = normalized(network(nn.Variable.from_numpy_array(features[nodes]), blocks))
        z.forward()
        return np.array(z.d)


def planted(groups=6, each=50, inputs=16, within=8.0, between=0.5, noise=1.0, seed=0):
    """A graph whose nodes are in groups: features say little of them, edges more."""
    rng = np.random.RandomState(seed)
    nodes = groups * each
    labels = rng.permutation(np.repeat(np.arange(groups), each))
    same = labels[:, None] == labels[None]
    chance = np.where(same, within / each, between / (nodes - each))
    linked = np.triu(rng.rand(nodes, nodes) < chance, 1)
    means = rng.randn(groups, inputs)
    features = (means[labels] + noise * rng.randn(nodes, inputs)).astype(np.float32)
    features /= np.sqrt((features**2).sum(axis=1, keepdims=True))
    graph = Adjacency.checked(np.argwhere(linked), nodes, "planted groups")
    return graph, features, labels

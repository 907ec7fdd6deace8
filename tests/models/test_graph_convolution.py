# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.models import build
from nnabla_compress.models.graph_convolution import graph_convolution
from nnabla_compress.node_graph import NodeGraph

RNG = np.random.RandomState(0)
GRAPH = NodeGraph.checked(RNG.randn(5, 3), [[0, 1], [1, 2], [2, 3], [3, 4]], "path")


@pytest.mark.parametrize("layers", [1, 2, 3])
def test_it_computes_what_numpy_does(layers):
    x = nn.Variable.from_numpy_array(np.float32([[4], [1]]))
    y = graph_convolution(x, 2, GRAPH, test=True, layers=layers, hidden=6)
    y.forward()
    matrix, h = GRAPH.propagation(True).toarray(), GRAPH.features.toarray()
    values = {name: p.d for name, p in nn.get_parameters().items()}
    for number in range(1, layers + 1):
        h = np.maximum(matrix @ h @ values[f"layer{number}/affine/W"], 0)
    np.testing.assert_allclose(
        y.d, (h @ values["classifier/affine/W"])[[4, 1]], rtol=1e-4, atol=1e-5
    )
    assert len(values) == layers + 1


def test_the_network_on_cora_has_23296_parameters():
    graph = NodeGraph.checked(np.ones((4, 1433)), [[0, 1]], "as wide as Cora")
    graph_convolution(nn.Variable((1, 1)), 7, graph)
    assert sum(p.size for p in nn.get_parameters().values()) == 23296


def test_weights_start_within_one_by_the_root_of_the_inputs():
    graph_convolution(nn.Variable((1, 1)), 2, GRAPH, hidden=400)
    first = nn.get_parameters()["layer1/affine/W"].d
    assert 0.9 / np.sqrt(3) < np.abs(first).max() <= 1 / np.sqrt(3)


@pytest.mark.parametrize("options", [{"layers": 0}, {"hidden": 0}, {"hidden": True}])
def test_numbers_below_one_are_refused(options):
    with pytest.raises(ConfigError, match="must be a whole number from 1"):
        graph_convolution(nn.Variable((1, 1)), 2, GRAPH, **options)


def test_networks_of_graphs_take_nodes_and_others_do_not():
    with pytest.raises(ConfigError, match="takes nodes of a graph, the data has features"):
        build("graph_convolution", nn.Variable((2, 3)), 2)
    with pytest.raises(ConfigError, match="takes features, the data has nodes of a graph"):
        build("mlp", nn.Variable((2, 1)), 2, graph=GRAPH)

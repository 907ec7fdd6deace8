# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import nnabla as nn
import nnabla.parametric_functions as PF
import numpy as np
import pytest

from nnabla_compress.errors import ConfigError
from nnabla_compress.functions.propagation import propagation
from nnabla_compress.graph.network import Network
from nnabla_compress.graph.propagated import layers_of, propagations, side_by_side, with_classifier
from nnabla_compress.models.graph_convolution import graph_convolution
from nnabla_compress.node_graph import NodeGraph

RNG = np.random.RandomState(0)
GRAPH = NodeGraph.checked(RNG.randn(5, 3), [[0, 1], [1, 2], [2, 3], [3, 4]], "path")


def network(layers=3):
    x = nn.Variable((5, 1))
    x.d = np.arange(5)[:, np.newaxis]
    return Network({"x": x}, {"y": graph_convolution(x, 2, GRAPH, True, layers, hidden=4)})


def run(layer, x):
    given = nn.Variable.from_numpy_array(np.asarray(x, np.float32))
    made = layer.on({"x": given}).all_outputs
    nn.forward_all(made)
    return [np.array(y.d) for y in made]


def test_layers_with_propagations_between_are_the_network():
    whole = network()
    whole.output.forward()
    matrix, h = GRAPH.propagation(True), GRAPH.features.toarray()
    for layer in layers_of(whole):
        (h,) = run(layer, matrix @ h)
    np.testing.assert_allclose(h, whole.output.d, rtol=1e-5, atol=1e-6)


def test_the_classifier_is_put_behind_each_layer():
    layers = layers_of(network())
    w = nn.get_parameters()
    x = RNG.randn(5, 3).astype(np.float32)
    (y,) = run(with_classifier(layers, 0), x)
    expected = np.maximum(x @ w["layer1/affine/W"].d, 0) @ w["classifier/affine/W"].d
    np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-5)
    assert with_classifier(layers, 2) is layers[2]


def test_side_by_side_layers_have_inputs_and_outputs_of_their_own():
    layers = layers_of(network())
    both = side_by_side(layers)
    assert list(both.inputs) == ["x1", "x2", "x3"] and list(both.outputs) == ["h1", "h2", "y"]
    assert not propagations(both.all_outputs)
    assert side_by_side(layers[:1]) is layers[0]


def test_layers_of_other_widths_and_without_an_activation_have_no_common_classifier():
    whole = network(2)
    layers = layers_of(whole)
    h = nn.Variable((1, 3))
    wider = Network({"x": h}, {"h": PF.affine(h, 9, name="wide")})
    with pytest.raises(ConfigError, match="layer 1 gives 9 features, the classifier takes 4"):
        with_classifier([wider, layers[1]], 0)
    x = nn.Variable((1, 1))
    linear = propagation(x, GRAPH, True, propagation(x, GRAPH, True, of_all=True))
    with pytest.raises(ConfigError, match="has no ReLU"):
        with_classifier(layers_of(Network({"x": x}, {"y": PF.affine(linear, 2)})), 0)

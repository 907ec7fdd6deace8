# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import gc

import nnabla as nn
import numpy as np
import pytest

from nnabla_compress.errors import DataError, unwrapped
from nnabla_compress.functions import propagation as module
from nnabla_compress.functions.propagation import propagation
from nnabla_compress.graph.rewrite import rebuild
from nnabla_compress.node_graph import NodeGraph

RNG = np.random.RandomState(0)
EDGES = [[0, 1], [1, 2], [2, 3], [3, 0], [3, 4]]
KNOWN = np.array([0, 2, 3])
GRAPH = NodeGraph.checked(RNG.randn(5, 3), EDGES, "graph", known=KNOWN)


def numbers(*nodes):
    return nn.Variable.from_numpy_array(np.float32(nodes)[:, np.newaxis])


@pytest.mark.parametrize(
    "test, nodes, places", [(True, (4, 0, 4), (4, 0, 4)), (False, (3, 0), (2, 0))]
)
def test_it_gives_rows_of_the_propagated_features(test, nodes, places):
    whole = GRAPH.propagated(test).toarray()
    rows = propagation(numbers(*nodes), GRAPH, test)
    rows.forward()
    np.testing.assert_array_equal(rows.d, whole[list(places)])
    every = propagation(numbers(*nodes), GRAPH, test, of_all=True)
    every.forward()
    np.testing.assert_array_equal(every.d, whole)


@pytest.mark.parametrize("of_all", [False, True])
def test_gradients_go_back_to_the_neighbours(of_all):
    matrix = GRAPH.propagation(True).toarray()
    rows = matrix if of_all else matrix[[3, 3, 1]]
    features = nn.Variable.from_numpy_array(RNG.randn(5, 2))
    features.need_grad = True
    made = propagation(numbers(3, 3, 1), GRAPH, True, features, of_all)
    made.forward()
    np.testing.assert_allclose(made.d, rows @ features.d, rtol=1e-5, atol=1e-6)
    features.g = 1  # what is there is added to
    slope = RNG.randn(*made.shape)
    made.backward(slope)
    np.testing.assert_allclose(features.g, 1 + rows.T @ slope, rtol=1e-5, atol=1e-6)
    doubled = made * 2 + propagation(numbers(3, 3, 1), GRAPH, True, features, of_all)
    features.grad.zero()
    doubled.forward()
    doubled.backward(slope)
    np.testing.assert_allclose(features.g, 3 * rows.T @ slope, rtol=1e-5, atol=1e-5)


def test_a_copy_computes_the_same_for_another_number_of_nodes():
    x = numbers(0)
    made = propagation(x, GRAPH, True)
    (copy,) = rebuild([made], inputs={x: numbers(1, 2)})
    copy.forward()
    np.testing.assert_array_equal(copy.d, GRAPH.propagated(True).toarray()[[1, 2]])


@pytest.mark.parametrize("node, test", [(5, True), (-1, True), (0.5, True), (1, False)])
def test_a_number_of_no_node_is_refused(node, test):
    rows = propagation(numbers(0, node), GRAPH, test)
    with pytest.raises(DataError, match=f"there is no node {node:g} in the graph"), unwrapped():
        rows.forward()


def test_a_graph_is_held_once_however_many_functions_there_are_and_goes_with_them():
    gc.collect()
    before = len(module._living)
    made = propagation(numbers(0), GRAPH, True)
    copies = [rebuild([made], inputs={})[0] for _ in range(3)]
    held = {id(copy.parent.info.args["graph"]) for copy in [made, *copies]}
    assert len(held) == 1 and made.parent.info.args["graph"].graph is GRAPH
    del made, copies
    gc.collect()
    assert len(module._living) == before

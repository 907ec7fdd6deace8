# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sparse

from nnabla_compress.errors import DataError
from nnabla_compress.node_graph import NodeGraph

PATH = [[0, 1], [1, 2]]


def test_the_propagation_counts_each_node_twice_and_divides_by_column_sums():
    found = NodeGraph.checked(np.eye(3), PATH, "path").propagation(test=True).toarray()
    expected = [[1.5, 0.5, 0], [1 / 3, 4 / 3, 1 / 3], [0, 0.5, 1.5]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_propagated_features_are_the_product_with_it():
    rng = np.random.RandomState(0)
    features = rng.randn(6, 4).astype(np.float32)
    edges = np.array([[0, 1], [1, 2], [4, 3], [0, 5]])
    a = np.zeros((6, 6))
    a[edges[:, 0], edges[:, 1]] = a[edges[:, 1], edges[:, 0]] = 1
    met = a + np.eye(6)
    expected = (met / met.sum(axis=0)[:, None] + np.eye(6)) @ features
    graph = NodeGraph.checked(features, edges, "graph")
    np.testing.assert_allclose(graph.propagated(True).toarray(), expected, rtol=1e-5, atol=1e-6)


def test_an_edge_named_twice_or_both_ways_is_one():
    once = NodeGraph.checked(np.eye(3), PATH, "path")
    again = NodeGraph.checked(np.eye(3), [*PATH, [1, 0], [0, 1]], "path")
    assert (once.propagation(True) != again.propagation(True)).nnz == 0


def test_a_node_without_links_keeps_twice_its_features():
    graph = NodeGraph.checked(np.eye(3), [[0, 1]], "graph")
    assert graph.propagation(True).toarray()[2].tolist() == [0, 0, 2]
    none = NodeGraph.checked(np.eye(2), np.zeros((0, 2), int), "no links")
    assert none.propagated(True).toarray().tolist() == [[2, 0], [0, 2]]


def test_a_training_sees_the_links_between_its_own_nodes_only():
    graph = NodeGraph.checked(np.eye(3), PATH, "path", known=np.array([0, 1]))
    assert graph.nodes(False).tolist() == [0, 1] and graph.nodes(True).tolist() == [0, 1, 2]
    assert graph.propagation(False).toarray().tolist() == [[1.5, 0.5], [0.5, 1.5]]
    assert graph.propagation(True).shape == (3, 3)


def test_a_sub_graph_is_numbered_anew():
    graph = NodeGraph.checked(np.eye(4), [[0, 1], [1, 3]], "graph").of(np.array([1, 3]))
    assert graph.propagation(True).toarray().tolist() == [[1.5, 0.5], [0.5, 1.5]]
    assert graph.features.toarray().tolist() == [[0, 1, 0, 0], [0, 0, 0, 1]]


@pytest.mark.parametrize(
    "edges, said",
    [
        ([[0, 3]], "edge 0 names node 3, outside 0..2"),
        ([[0, 1], [1, -1]], "edge 1 names node -1, outside 0..2"),
        ([[0, 2**31]], "node 2147483648, beyond the largest, 2,147,483,647"),
        ([[0, 1], [2, 2]], "edge 1 links node 2 to itself"),
        ([[0.0, 1.0]], "of float64"),
        ([[0, 1, 2]], r"the shape \(1, 3\)"),
    ],
)
def test_edges_that_lead_nowhere_are_refused_by_their_number(edges, said):
    with pytest.raises(DataError, match=f"where: .*{said}"):
        NodeGraph.checked(np.eye(3), edges, "where")


@pytest.mark.parametrize(
    "features, said",
    [
        (np.zeros((0, 3)), "the graph is empty"),
        (np.zeros(3), r"the shape \(3,\)"),
        (np.array([["a"]]), "of <U1"),
        (np.array([[0.0], [np.nan], [1.0]]), "node 1 is NaN"),
        (sparse.csr_matrix((2**24 + 1, 2)), "16,777,217 nodes, the most are 16,777,216"),
    ],
)
def test_features_that_are_no_finite_numbers_are_refused(features, said):
    with pytest.raises(DataError, match=said):
        NodeGraph.checked(features, np.zeros((0, 2), int), "where")

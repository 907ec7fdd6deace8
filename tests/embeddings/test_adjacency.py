# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings import Adjacency
from nnabla_compress.errors import DataError
from nnabla_compress.node_graph import NodeGraph


def test_edges_go_both_ways_and_one_named_twice_is_one():
    once = Adjacency.checked([[0, 1], [2, 1]], 3, "path")
    again = Adjacency.checked([[0, 1], [1, 0], [2, 1], [2, 1]], 3, "path")
    for found in (once, again):
        assert found.indptr.tolist() == [0, 1, 3, 4]
        assert found.indices.tolist() == [1, 0, 2, 1]


def test_it_is_that_of_the_node_graph_of_the_same_edges():
    rng = np.random.RandomState(0)
    edges = rng.randint(50, size=(200, 2))
    edges = edges[edges[:, 0] != edges[:, 1]]
    one = Adjacency.checked(edges, 50, "graph")
    other = Adjacency.of_links(NodeGraph.checked(np.eye(50), edges, "graph").links)
    np.testing.assert_array_equal(one.indptr, other.indptr)
    np.testing.assert_array_equal(one.indices, other.indices)


def test_nodes_without_edges_have_no_neighbours():
    found = Adjacency.checked(np.zeros((0, 2), int), 2, "no edges")
    assert found.degrees.tolist() == [0, 0]
    assert Adjacency.checked([[1, 3]], 5, "one edge").degrees.tolist() == [0, 1, 0, 1, 0]


@pytest.mark.parametrize(
    "edges, nodes, items, said",
    [
        ([[0, 5]], 3, None, "edge 0 names node 5, outside 0..2"),
        ([[0, -1]], 3, None, "edge 0 names node -1"),
        ([[0, 2**31]], 2**31 - 1, None, "names node 2147483648, beyond the largest"),
        ([[0, 1]], 2**31, None, "2,147,483,648 nodes, there may be 1 to 2,147,483,647"),
        ([[0, 1], [2, 2]], 3, None, "edge 1 links node 2 to itself"),
        ([[0.5, 1]], 3, None, "edges have the shape"),
        ([[0, 1]], 3, 4, "4 items of 3 nodes"),
        ([[0, 1]], 0, None, "0 nodes"),
        ([[0, 1]], 3.5, None, "the number of nodes is 3.5"),
    ],
)
def test_edges_that_make_no_graph_are_refused_with_their_place(edges, nodes, items, said):
    with pytest.raises(DataError, match=said) as caught:
        Adjacency.checked(np.array(edges), nodes, "edges.npz", items)
    assert caught.value.message.startswith("edges.npz") and caught.value.help

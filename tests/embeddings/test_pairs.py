# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings import Adjacency, Walks, linked_pairs, split_pairs, without
from nnabla_compress.embeddings.pairs import hard_candidates
from nnabla_compress.errors import ConfigError, DataError
from tests.embeddings.graphs import random_graph


def test_pairs_are_shared_out_each_once():
    pairs = linked_pairs(random_graph())
    parts = split_pairs(pairs, (0.1, 0.2), seed=1)
    every = np.concatenate([parts.train, parts.validation, parts.test])
    assert sorted(map(tuple, every)) == sorted(map(tuple, pairs))
    assert len(parts.validation) == round(0.1 * len(pairs))
    assert len(parts.test) == round(0.2 * len(pairs))


def test_a_graph_without_some_pairs_is_that_of_the_others():
    graph = random_graph()
    parts = split_pairs(linked_pairs(graph))
    left = without(graph, np.concatenate([parts.validation, parts.test]))
    again = Adjacency.checked(parts.train, len(graph), "train")
    np.testing.assert_array_equal(left.indptr, again.indptr)
    np.testing.assert_array_equal(left.indices, again.indices)


def test_edges_to_boards_are_no_pairs_of_items():
    boards = Adjacency.checked([[0, 2], [1, 2], [0, 1]], 3, "boards", items=2)
    assert linked_pairs(boards).tolist() == [[0, 1]]
    with pytest.raises(DataError, match="no edge links two items"):
        split_pairs(linked_pairs(Adjacency.checked([[0, 2]], 3, "boards", items=2)))


def test_pairs_too_few_to_train_on_are_refused():
    with pytest.raises(ConfigError, match="of 1 pairs, 0 validate and 1 test: none is left"):
        split_pairs(np.array([[0, 1]]), (0.1, 0.6))


@pytest.mark.parametrize("shares", [(0.5, 0.5), (-0.1, 0.2)])
def test_shares_that_leave_nothing_are_refused(shares):
    with pytest.raises(ConfigError, match="shares of validation and test"):
        split_pairs(np.array([[0, 1]]), shares)


def test_ranks_that_are_none_are_refused():
    with pytest.raises(ConfigError, match="ranks 5 to 3"):
        hard_candidates(random_graph(), (5, 3), Walks())

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings import Adjacency, Neighbourhoods, Walks, neighbourhoods
from nnabla_compress.errors import ConfigError


def test_weights_are_shares_of_the_visits_and_pooling_is_their_mean():
    found = Neighbourhoods(np.array([9]), np.int32([[0, 1, 2]]), np.int32([[5, 3, 2]]))
    h = np.float32([[1, 0], [0, 2], [1, 1]])
    np.testing.assert_allclose(found.weights[0] @ h, [0.7, 0.8], rtol=1e-6)
    np.testing.assert_allclose(found.equal_weights, 1 / 3, rtol=1e-6)


def test_places_that_no_visit_filled_count_nothing():
    found = Neighbourhoods(np.array([4]), np.int32([[7, 4]]), np.int32([[3, 0]]))
    assert found.weights.tolist() == found.equal_weights.tolist() == [[1, 0]]


def test_boards_are_walked_through_and_never_neighbours():
    # Items 0 and 1 are on board 3, items 1 and 2 on board 4.
    pins = Adjacency.checked([[0, 3], [1, 3], [1, 4], [2, 4]], 5, "boards", items=3)
    found = neighbourhoods(pins, Walks(neighbours=3, walks=200, length=4, restart=0.2))
    assert len(found) == 3 and found.neighbours.max() < 3
    assert found.neighbours[0, 0] == 1 and set(found.neighbours[1, :2]) == {0, 2}


@pytest.mark.parametrize(
    "options, said",
    [
        ({"neighbours": 0}, "neighbours is 0"),
        ({"walks": True}, "walks is True"),
        ({"length": 2.5}, "length is 2.5"),
        ({"restart": 1.5}, "restart is 1.5"),
        ({"walks": 2**20, "length": 2**12}, "visits are counted up to"),
    ],
)
def test_options_out_of_range_are_refused(options, said):
    with pytest.raises(ConfigError, match=said):
        Walks(**options)


def test_a_node_that_is_not_there_is_refused():
    with pytest.raises(ConfigError, match="there is no node 3 to walk from"):
        neighbourhoods(Adjacency.checked([[0, 1]], 2, "pair"), Walks(), np.array([3]))

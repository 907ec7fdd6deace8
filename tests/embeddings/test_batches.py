# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings import Walks, linked_pairs
from nnabla_compress.embeddings.batches import PairBatches
from nnabla_compress.embeddings.pairs import hard_candidates
from tests.embeddings.graphs import random_graph

HOW = Walks(neighbours=3, walks=10, length=3)
GRAPH = random_graph()


def batches(seed=0, hard=3, size=20):
    candidates = hard_candidates(GRAPH, (2, 6), HOW)
    return PairBatches(GRAPH, linked_pairs(GRAPH), candidates, HOW, 2, size, 5, hard, seed=seed)


def test_epoch_n_has_n_minus_1_hard_negatives_up_to_the_most():
    made = batches()
    found = [made.batch(epoch * made.an_epoch).hard for epoch in range(6)]
    assert found == [0, 1, 2, 3, 3, 3]


def test_rows_are_those_that_the_loss_wants():
    made = batches()
    batch = made.batch(2 * made.an_epoch)
    rows = 20 + 20 + 5 + 20 * 2
    assert [len(block.own) for block in batch.blocks][-1] == rows
    for block, below in zip(batch.blocks, [len(batch.nodes), len(batch.blocks[0].own)]):
        assert max(block.own.max(), block.neighbours.max()) < below


def test_each_pair_is_taken_once_an_epoch():
    made, pairs = batches(size=len(linked_pairs(GRAPH)) // 4), linked_pairs(GRAPH)
    seen = []
    for number in range(made.an_epoch):
        batch = made.batch(number)
        top, first = batch.blocks[1], batch.blocks[0]
        nodes = batch.nodes[first.own][top.own]
        seen += [tuple(sorted(p)) for p in zip(nodes[: batch.pairs], nodes[batch.pairs :])][
            : batch.pairs
        ]
    assert len(set(seen)) == len(seen) and set(seen) <= {tuple(p) for p in pairs}


def test_a_batch_depends_on_the_seed_and_its_number_only():
    one, other = batches().batch(7), batches().batch(7)
    np.testing.assert_array_equal(one.nodes, other.nodes)
    for a, b in zip(one.blocks, other.blocks):
        assert a.weights.tobytes() == b.weights.tobytes()
    assert (
        len(batches(seed=1).batch(7).nodes) != len(one.nodes)
        or (batches(seed=1).batch(7).nodes != one.nodes).any()
    )


def test_the_last_layer_does_not_pool_the_partner_that_it_is_to_be_near_to():
    batch = batches().batch(0)
    top, first = batch.blocks[1], batch.blocks[0]
    of = batch.nodes[first.own]
    rows, pairs = of[top.own], batch.pairs
    partners = np.concatenate([rows[pairs : 2 * pairs], rows[:pairs]])
    pooled = of[top.neighbours[: 2 * pairs]]
    assert (top.weights[: 2 * pairs][pooled == partners[:, None]] == 0).all()


def test_hard_negatives_are_of_the_ranks_that_were_asked_for():
    wide, narrow = (hard_candidates(GRAPH, ranks, HOW) for ranks in ((1, 6), (3, 6)))
    np.testing.assert_array_equal(wide[:, 2:], narrow)
    assert wide.shape == (60, 6) and wide.min() == -1, "some nodes reach fewer"


@pytest.mark.parametrize("hard", [0, 2])
def test_items_without_candidates_get_any(hard):
    none = np.full((60, 1), -1, np.int32)
    made = PairBatches(GRAPH, linked_pairs(GRAPH), none, HOW, 1, 20, 5, hard)
    assert made.batch(5 * made.an_epoch).hard == hard

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.embeddings import scores
from nnabla_compress.errors import DataError

TABLE = np.random.RandomState(0).randn(40, 5).astype(np.float32)


def test_the_nearest_are_those_of_a_plain_sort_and_never_the_item_itself():
    unit = TABLE / np.linalg.norm(TABLE, axis=1, keepdims=True)
    near = unit @ unit.T
    np.fill_diagonal(near, -2)
    expected = np.argsort(-near, axis=1)[:, :7]
    np.testing.assert_array_equal(scores.nearest(TABLE, 7), expected)
    np.testing.assert_array_equal(scores.nearest(TABLE, 7, [3, 9]), expected[[3, 9]])


@pytest.mark.parametrize("seed", range(5))
def test_the_highest_are_those_of_a_stable_sort_with_ties_by_place(seed):
    values = np.random.RandomState(seed).randint(4, size=(30, 9)).astype(np.float32)
    expected = np.argsort(-values, axis=1, kind="stable")
    for count in (1, 4, 9, 12):
        np.testing.assert_array_equal(scores.highest(values, count), expected[:, :count])


def test_rows_of_zeros_are_near_to_nothing_and_harm_nobody():
    found = scores.nearest(np.float32([[0, 0], [1, 0], [0.9, 0.1]]), 1)
    assert found[1:].tolist() == [[2], [1]]


def test_hits_are_ranks_among_all_others():
    pairs = np.array([[0, 1], [5, 30]])
    ranks = [int(np.flatnonzero(scores.nearest(TABLE, 39)[q] == p)[0]) + 1 for q, p in pairs]
    for count in (1, 10, 39):
        found = scores.of_pairs(TABLE, pairs, count)
        assert found["hit_rate"] == 100 * np.mean([rank <= count for rank in ranks])
        np.testing.assert_allclose(found["mrr"], np.mean([1 / rank for rank in ranks]))


def test_recall_of_itself_is_all_and_of_noise_little():
    assert scores.recall(TABLE, TABLE) == 100
    assert scores.recall(TABLE, np.random.RandomState(1).randn(40, 5), 4) < 40


def test_a_table_that_holds_nan_is_refused():
    table = TABLE.copy()
    table[5, 0] = np.nan
    with pytest.raises(DataError, match="row 5 of the table is NaN"):
        scores.nearest(table, 2)


@pytest.mark.parametrize("count", [0, 40])
def test_more_neighbours_than_there_are_others_are_refused(count):
    with pytest.raises(DataError, match="of 39 other items"):
        scores.nearest(TABLE, count)
    with pytest.raises(DataError, match="of 0 other items"):
        scores.nearest(TABLE[:1], 1)

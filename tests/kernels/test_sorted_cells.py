# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Sorted cells: running sums are those of the values, and merging keeps within its bounds."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels import sorted_cells as module
from nnabla_compress.kernels.sorted_cells import merged, sorted_cells


def distances(values, dictionary):
    values, dictionary = np.asarray(values, np.float64).ravel(), np.asarray(dictionary, np.float64)
    return np.square(values[:, None] - dictionary).min(axis=1)


def test_cells_are_the_distinct_values_with_their_numbers():
    cells = sorted_cells(np.float32([[3, -1, 3], [0.5, 3, -1]]))
    assert cells.values.tolist() == [-1, 0.5, 3]
    assert np.diff(cells.weight).tolist() == [2, 1, 3]
    assert cells.total == 6 and cells.within == 0
    assert cells.means(np.array([0, 1, 1, 3])).tolist() == pytest.approx(
        [-1, np.nan, 2.375], nan_ok=True
    )


@pytest.mark.parametrize("offset", [0, 1000, -3e4])
def test_the_error_of_a_dictionary_is_the_summed_squared_distance(offset, rng):
    values = (rng.randn(5000) + offset).astype(np.float32)
    dictionary = np.sort(rng.randn(7) + offset)
    cells = sorted_cells(values)
    assert cells.error(dictionary) == pytest.approx(distances(values, dictionary).sum(), rel=1e-9)
    weights = rng.uniform(0.1, 3, 5000)
    weighted = sorted_cells(values, weights)
    expected = np.dot(weights, distances(values, dictionary))
    assert weighted.error(dictionary) == pytest.approx(expected, rel=1e-9)
    assert weighted.total == pytest.approx(weights.sum())


def test_no_values_are_no_cells():
    cells = sorted_cells(np.empty((0, 3), np.float32))
    assert cells.values.size == 0 and cells.total == 0 and cells.error(np.array([1.0])) == 0


@pytest.mark.parametrize("kind", ["normal", "outlier", "two heaps", "repeated"])
def test_more_values_than_cells_move_by_no_more_than_is_stated(kind, rng, monkeypatch):
    monkeypatch.setattr(module, "FINE", 256)
    values = {
        "normal": rng.randn(20000),
        "outlier": np.append(rng.randn(20000), 1e4),
        "two heaps": np.append(rng.randn(10000), 1e-3 * rng.randn(10000) + 50),
        "repeated": np.append(rng.randn(10000), np.full(10000, 0.25)),
    }[kind].astype(np.float32)
    cells = sorted_cells(values)
    assert 128 < len(cells.values) <= 2 * 256
    assert (np.diff(cells.values) > 0).all() and cells.total == values.size
    spread = np.sqrt(cells.within / values.size)
    assert spread <= np.ptp(values.astype(np.float64)) / 128
    # Each value in the cell whose mean is nearest: no more than the cells' own deviation.
    assert distances(values, cells.values).sum() <= cells.within * (1 + 1e-9)
    assert cells.means(np.array([0, len(cells.values)]))[0] == pytest.approx(
        values.mean(), abs=1e-4
    )


def test_merged_cells_keep_the_sums_and_are_closest_where_values_are_dense(rng):
    values = rng.standard_t(3, 30000).astype(np.float32)
    cells = sorted_cells(values)
    few = merged(cells, 1000)
    assert 500 < len(few.values) <= 1000 and few.total == cells.total
    assert few.second[-1] == cells.second[-1] and few.first[-1] == cells.first[-1]
    assert few.within == pytest.approx(distances(values, few.values).sum(), rel=0.1)
    assert merged(cells, 10**6) is cells
    # As many cells of equal width, or of equal number, deviate many times as much.
    edges = np.linspace(values.min(), values.max(), 1001)
    number = np.sort(values.astype(np.float64)).reshape(1000, 30)
    uniform = sum(
        np.square(part - part.mean()).sum()
        for part in np.split(np.sort(values), np.searchsorted(np.sort(values), edges[1:-1]))
        if part.size
    )
    assert few.within < 0.5 * uniform
    assert few.within < 0.5 * np.square(number - number.mean(axis=1, keepdims=True)).sum()

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Exact k-means against all partitions of a few values; merged cells against the optimum."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from nnabla_compress.kernels import exact_k_means as module
from nnabla_compress.kernels.exact_k_means import best_entries
from nnabla_compress.kernels.sorted_cells import merged, sorted_cells
from tests.properties import examples


def cost(values, weights):
    mean = np.dot(values, weights) / weights.sum()
    return np.dot(weights, np.square(values - mean))


def least_error(values, weights, count):
    """The least error of all partitions of sorted values into at most ``count`` runs."""
    if not len(values):
        return 0.0
    if not count:
        return np.inf
    return min(
        sum(cost(v, w) for v, w in zip(np.split(values, cuts), np.split(weights, cuts)))
        for cuts in itertools.combinations(range(1, len(values)), min(count, len(values)) - 1)
    )


def least_error_beside_zero(values, weights, count):
    """The same where one more run goes to zero."""
    found = [np.inf]
    for start, stop in itertools.combinations_with_replacement(range(len(values) + 1), 2):
        to_zero = np.dot(weights[start:stop], np.square(values[start:stop]))
        for left in range(count + 1):
            found.append(
                to_zero
                + least_error(values[:start], weights[:start], left)
                + least_error(values[stop:], weights[stop:], count - left)
            )
    return min(found)


few_values = hnp.arrays(
    np.float32,
    st.integers(1, 8),
    elements=st.one_of(st.floats(-100, 100, width=32), st.sampled_from([0.0, 1.0, -1.0, 2.5])),
)


@examples(150)
@given(
    values=few_values,
    count=st.integers(1, 5),
    seed=st.integers(0, 99),
    offset=st.sampled_from([0, 512]),
)
def test_no_partition_of_the_values_has_a_smaller_error(values, count, seed, offset):
    values = np.sort(values + np.float32(offset))
    weights = np.random.RandomState(seed).uniform(0.5, 2, len(values)) if seed % 2 else None
    cells = sorted_cells(values, weights)
    ones = np.ones(len(values)) if weights is None else weights
    exact = values.astype(np.float64)
    scale = 1e-9 * (1 + np.square(exact).sum())
    entries = best_entries(cells, count)
    assert len(entries) == min(count, len(np.unique(values)))
    assert abs(cells.error(entries) - least_error(exact, ones, count)) < scale
    beside = best_entries(cells, count, zero=True)
    every = np.sort(np.append(beside, 0))
    assert len(beside) <= count
    assert abs(cells.error(every) - least_error_beside_zero(exact, ones, count)) < scale


def test_entries_are_the_means_of_the_values_nearest_to_them(rng):
    values = rng.randn(3000).astype(np.float32)
    entries = best_entries(sorted_cells(values), 32)
    nearest = np.abs(values.astype(np.float64)[:, None] - entries).argmin(axis=1)
    means = np.bincount(nearest, values.astype(np.float64)) / np.bincount(nearest)
    np.testing.assert_allclose(entries, means, atol=1e-12)


def test_values_far_from_zero_lose_no_digits(rng):
    near = (np.round(rng.randn(500) * 64) / 64).astype(np.float32)
    far = near + np.float32(4096)
    assert (far - np.float32(4096) == near).all()
    found = best_entries(sorted_cells(far), 16) - 4096
    np.testing.assert_allclose(found, best_entries(sorted_cells(near), 16), atol=1e-9)


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("count", [8, 64])
@pytest.mark.parametrize("kind", ["randn", "standard_cauchy"])
def test_merged_cells_come_within_their_bound_of_the_optimum(kind, count, zero, rng, monkeypatch):
    cells = sorted_cells(getattr(rng, kind)(6000).astype(np.float32))

    def root_error():
        entries = best_entries(cells, count, zero)
        return np.sqrt(cells.error(np.sort(np.append(entries, 0)) if zero else entries))

    optimum = root_error()
    most = 16 * count
    monkeypatch.setattr(module, "LARGEST", most * count)
    few = merged(cells, most)
    assert len(few.values) < len(cells.values)
    assert optimum <= root_error() * (1 + 1e-12)
    assert root_error() <= optimum + 2 * np.sqrt(few.within)
    # What is stated is far more than what is lost.
    assert root_error() < 1.01 * optimum


def test_less_than_no_entries_and_no_values_give_nothing():
    assert best_entries(sorted_cells(np.float32([1, 2])), 0).size == 0
    assert best_entries(sorted_cells(np.empty(0, np.float32)), 4).size == 0


def test_sides_without_values_leave_all_entries_to_the_other():
    cells = sorted_cells(np.float32([0, 0, 1, 2, 5]))
    assert best_entries(cells, 3, zero=True).tolist() == pytest.approx([1, 2, 5])
    assert best_entries(
        sorted_cells(np.float32([-4, -1, 0])), 2, zero=True
    ).tolist() == pytest.approx([-4, -1])
    assert best_entries(sorted_cells(np.float32([0, 0])), 2, zero=True).size == 0

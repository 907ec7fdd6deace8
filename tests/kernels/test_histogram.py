# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The one-pass histogram against NumPy's, however often its range doubles."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.kernels.histogram import BINS, extremes, observe
from tests.properties import examples


@examples(40)
@given(st.integers(1, 9000), st.floats(0.01, 100), st.integers(0, 2**31 - 1))
def test_counts_equal_numpys_at_the_final_range(size, spread, seed):
    rng = np.random.RandomState(seed)
    x = (rng.randn(size) * spread * rng.choice([0, 1, 3], size)).astype(np.float32)
    histogram = np.zeros(BINS, np.int64)
    low, high, limit = observe(x, histogram, 0.01)
    assert (low, high) == (x.min(), x.max()) == extremes(x)
    doublings = np.log2(limit / 0.01)
    assert doublings == round(doublings) and limit >= np.abs(x).max()
    assert limit == 0.01 or limit < 2 * np.abs(x).max()
    expected, _ = np.histogram(x.astype(np.float64), BINS, (-limit, limit))
    assert histogram.sum() == size
    # A value on the border of two bins may fall to either.
    assert np.abs(np.cumsum(histogram) - np.cumsum(expected)).max() <= max(3, size // 500)


def test_batches_of_growing_values_keep_every_count():
    histogram, limit = np.zeros(BINS, np.int64), 0.0
    for scale in (0.0, 1.0, 5.0, 1000.0):
        _, _, limit = observe(np.float32([-scale, 0, scale]), histogram, limit)
    assert histogram.sum() == 12
    assert histogram[BINS // 2 :].sum() >= 8


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("position", [0, 5, 2500, 4999])
def test_values_that_are_not_finite_are_told(bad, position):
    x = np.ones(5000, np.float32)
    x[position] = bad
    assert all(np.isnan(value) for value in observe(x, np.zeros(BINS, np.int64), 1.0))
    assert all(np.isnan(value) for value in extremes(x))

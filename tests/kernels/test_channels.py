# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The passes over channels against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels.channels import (
    by_channel,
    cut_off_before,
    extremes,
    layer_counts,
    level_counts,
)

RANDOM = np.random.RandomState(0)
VALUES = RANDOM.randn(3, 5, 4099).astype(np.float32)
BIAS = RANDOM.randn(5).astype(np.float32)


def before_the_bias(low):
    return (VALUES - BIAS[:, None])[VALUES > low].astype(np.float64)


@pytest.mark.parametrize("window", [(-np.inf, np.inf), (0.0, np.inf), (-1.0, 1.5)])
def test_a_layer_is_counted_with_and_without_its_bias(window):
    found = layer_counts(VALUES, BIAS, *window)
    clipped, before = np.clip(VALUES, *window).astype(np.float64), before_the_bias(window[0])
    np.testing.assert_allclose(found.sums, clipped.sum(axis=2), rtol=1e-9)
    assert (found.largest, found.largest_before) == (np.abs(clipped).max(), np.abs(before).max())
    assert found.count_before == before.size
    np.testing.assert_allclose(found.squares, np.square(clipped).sum(), rtol=1e-6)
    np.testing.assert_allclose(found.squares_before, np.square(before).sum(), rtol=1e-6)


def test_channels_that_are_never_above_the_window_do_not_matter():
    found = layer_counts(np.float32([[[-1, -2], [-1, 3]]]), np.float32([5, 1]), 0.0, np.inf)
    assert found.matters.tolist() == [False, True]
    assert (found.count_before, found.largest_before) == (1, 2)


def test_what_is_cut_off_before_the_bias_is_measured_beyond_each_limit():
    limits = np.float32([2, 1, 0.5])
    size = np.abs(before_the_bias(0.25))
    expected = [np.square(np.maximum(size - limit, 0)).sum() for limit in limits]
    np.testing.assert_allclose(cut_off_before(VALUES, BIAS, 0.25, limits), expected, rtol=1e-6)


def test_extremes_are_those_of_each_channel():
    largest, squares = extremes(VALUES)
    assert largest.tolist() == np.abs(VALUES).max(axis=(0, 2)).tolist()
    np.testing.assert_allclose(squares, np.square(VALUES).sum(axis=(0, 2)), rtol=1e-5)


def test_what_is_no_number_stays_none():
    values = np.float32([[[1, np.nan], [2, 3]], [[1, 1], [4, 1]]])
    assert np.isnan(layer_counts(values, np.float32([0, 0]), 0.0, 6.0).largest)
    largest, squares = extremes(values)
    assert np.isnan([largest[0], squares[0]]).all() and largest[1] == 4


def test_levels_are_counted_by_channel():
    whole = np.clip(np.rint(VALUES * 3), -8, 7)
    counts = level_counts(whole, 7)
    assert counts.sum(axis=1).tolist() == [3 * 4099] * 5
    assert counts[2, 8 + 1] == np.count_nonzero(whole[:, 2] == 1)


def test_axes_before_and_behind_the_channels_are_one_each():
    assert by_channel(np.zeros((2, 3, 4, 5, 6)), 2, 2).shape == (6, 20, 6)
    assert by_channel(np.zeros((7, 3)), 1).shape == (7, 3, 1)

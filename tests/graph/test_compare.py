# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.graph.compare import difference, same_class, same_values


def test_differences_are_parts_of_the_output():
    apart = difference([np.float32([3, -4])], [np.float32([3, -3])])
    assert apart.largest == pytest.approx(0.25)
    assert apart.root_mean_square == pytest.approx(0.2)


def test_the_worst_output_counts_and_equal_ones_are_zero():
    assert difference([np.ones(2), np.ones(2)], [np.ones(2), np.zeros(2)]).largest == 1
    assert difference([np.zeros(2)], [np.zeros(2)]).largest == 0


def test_numbers_that_are_not_finite_must_be_so_in_both():
    nan = np.float32([np.nan, 1])
    assert difference([nan], [nan]).largest == 0
    assert difference([nan], [np.float32([1, 1])]).largest == np.inf
    assert difference([np.ones(2)], [np.ones(3)]).largest == np.inf


def test_infinities_and_nan_are_values_that_differ():
    infinite = np.float32([np.inf, 1])
    assert difference([infinite], [infinite]).largest == 0
    for other in (-np.inf, np.nan, 3e38):
        assert difference([infinite], [np.float32([other, 1])]).largest == np.inf


def test_same_values_are_those_that_count_the_same():
    expected = np.float32([0.0, -0.0, np.nan, np.inf, -np.inf, np.inf, np.nan, 1.0])
    got = np.float32([-0.0, 0.0, np.nan, np.inf, -np.inf, np.nan, 0.0, np.nextafter(1, 2)])
    assert same_values(expected, got).tolist() == [True] * 5 + [False] * 2 + [True]
    assert not same_values(expected[-1:], np.nextafter(got[-1:], np.float32(2))).any()


def test_classes_are_compared_where_there_are_any():
    expected, got = np.float32([[0, 1], [1, 0], [0, 2]]), np.float32([[0, 3], [0, 1], [1, 2]])
    assert same_class(expected, got) == pytest.approx(2 / 3)
    assert same_class(expected[:, :1], got[:, :1]) is None
    assert same_class(expected[:0], got[:0]) is None
    assert same_class(expected[0], got[0]) is None

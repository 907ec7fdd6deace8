# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far two computations agree."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.agreement import agreement, decibels, same_class, same_values


def one(expected, got):
    return agreement([expected], [got])


def test_equal_arrays_agree_in_everything():
    values = np.float32([[1, np.nan], [np.inf, -0.0]])
    found = one(values, values.copy())
    assert (found.equal, found.bit_equal) == (1.0, 1.0)
    assert (found.largest, found.root_mean_square) == (0.0, 0.0)


def test_zeros_of_two_signs_and_nan_of_two_signs_are_equal_but_not_their_bits():
    found = one(np.float32([0.0, 1, np.nan]), np.float32([-0.0, 1, -np.float32(np.nan)]))
    assert (found.equal, found.bit_equal) == (1.0, 1 / 3)
    assert (found.largest, found.root_mean_square) == (0.0, 0.0)


def test_infinities_of_two_signs_are_not_equal():
    found = one(np.float32([np.inf, 1]), np.float32([-np.inf, 1]))
    assert found.equal == 0.5 and np.isinf(found.largest)


def test_the_largest_difference_is_a_part_of_the_largest_magnitude():
    found = one(np.float32([[4, -8]]), np.float32([[4, -6]]))
    assert found.largest == 0.25
    assert found.same_class == 1.0


def test_other_shapes_agree_in_nothing():
    found = one(np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    assert (
        found.equal == found.bit_equal == 0 and np.isinf(found.largest) and found.same_class is None
    )


def test_maps_and_single_numbers_have_no_class():
    assert one(np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, 4))).same_class is None
    assert one(np.zeros((2, 1), np.float32), np.zeros((2, 1))).same_class is None


def test_differences_are_parts_of_the_output():
    apart = agreement([np.float32([3, -4])], [np.float32([3, -3])])
    assert apart.largest == pytest.approx(0.25)
    assert apart.root_mean_square == pytest.approx(0.2)


def test_the_worst_output_counts_and_equal_ones_are_zero():
    assert agreement([np.ones(2), np.ones(2)], [np.ones(2), np.zeros(2)]).largest == 1
    assert agreement([np.zeros(2)], [np.zeros(2)]).largest == 0


def test_numbers_that_are_not_finite_must_be_so_in_both():
    nan = np.float32([np.nan, 1])
    assert agreement([nan], [nan]).largest == 0
    assert agreement([nan], [np.float32([1, 1])]).largest == np.inf
    assert agreement([np.ones(2)], [np.ones(3)]).largest == np.inf


def test_infinities_and_nan_are_values_that_differ():
    infinite = np.float32([np.inf, 1])
    assert agreement([infinite], [infinite]).largest == 0
    for other in (-np.inf, np.nan, 3e38):
        assert agreement([infinite], [np.float32([other, 1])]).largest == np.inf


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


def test_several_outputs_are_measured_together_and_classes_by_the_first():
    classes, numbers = np.float32([[3, 4], [4, 3]]), np.zeros((2, 5), np.float32)
    found = agreement([classes, numbers], [classes[::-1], numbers])
    assert found.equal == found.bit_equal == 10 / 14
    assert found.snr == decibels(50, 4) and found.same_class == 0 and found.kl is None


def test_the_divergence_is_that_of_the_softmax_of_one_row_a_sample():
    logits = np.log(np.float32([[0.5, 0.5]]))
    assert one(logits, logits + 3).kl == pytest.approx(0, abs=1e-7)
    other = np.log(np.float32([[0.25, 0.75]]))
    assert one(logits, other).kl == pytest.approx(0.5 * np.log(0.5 / 0.25 * 0.5 / 0.75), rel=1e-5)
    assert one(logits[:, :1], other[:, :1]).kl is None


@pytest.mark.filterwarnings("error")
def test_scores_that_are_not_finite_have_no_divergence_but_a_ratio_of_the_others():
    found = one(np.float32([[1, -np.inf]]), np.float32([[1, -np.inf]]))
    assert np.isnan(found.kl) and found.snr == 300 and found.largest == 0
    found = one(np.float32([[10, np.inf]]), np.float32([[9, 0]]))
    assert found.snr == 20 and np.isinf(found.root_mean_square)
    assert np.isnan(one(np.zeros((1, 2)), np.zeros((2, 1))).snr)


def test_large_outputs_are_compared_in_parts(monkeypatch, rng):
    expected = rng.randn(9, 40).astype(np.float32)
    got = (expected + 0.1 * rng.randn(9, 40)).astype(np.float32)
    got[3] = expected[3]
    whole = one(expected, got)
    monkeypatch.setattr("nnabla_compress.agreement._AT_ONCE", 50)
    parts = one(expected, got)
    assert (parts.equal, parts.largest, parts.same_class) == (
        whole.equal,
        whole.largest,
        whole.same_class,
    )
    np.testing.assert_allclose(
        [parts.snr, parts.kl, parts.root_mean_square], [whole.snr, whole.kl, whole.root_mean_square]
    )
    got[8, 39] = np.nan
    assert one(expected, got).largest == np.inf

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""How far two computations agree."""

from __future__ import annotations

import numpy as np

from nnabla_compress.verification import agreement


def test_equal_arrays_agree_in_everything():
    values = np.float32([[1, np.nan], [np.inf, -0.0]])
    found = agreement("y", values, values.copy())
    assert (found.equal, found.bit_equal) == (1.0, 1.0)
    assert (found.largest, found.root_mean_square) == (0.0, 0.0)


def test_zeros_of_two_signs_and_nan_of_two_signs_are_equal_but_not_their_bits():
    found = agreement("y", np.float32([0.0, 1, np.nan]), np.float32([-0.0, 1, -np.float32(np.nan)]))
    assert (found.equal, found.bit_equal) == (1.0, 1 / 3)
    assert (found.largest, found.root_mean_square) == (0.0, 0.0)


def test_infinities_of_two_signs_are_not_equal():
    found = agreement("y", np.float32([np.inf, 1]), np.float32([-np.inf, 1]))
    assert found.equal == 0.5 and np.isinf(found.largest)


def test_the_largest_difference_is_a_part_of_the_largest_magnitude():
    found = agreement("y", np.float32([[4, -8]]), np.float32([[4, -6]]))
    assert found.largest == 0.25
    assert found.same_class == 1.0


def test_other_shapes_agree_in_nothing():
    found = agreement("y", np.zeros((2, 3), np.float32), np.zeros((3, 2), np.float32))
    assert (
        found.equal == found.bit_equal == 0 and np.isinf(found.largest) and found.same_class is None
    )


def test_maps_and_single_numbers_have_no_class():
    assert agreement("y", np.zeros((2, 3, 4), np.float32), np.zeros((2, 3, 4))).same_class is None
    assert agreement("y", np.zeros((2, 1), np.float32), np.zeros((2, 1))).same_class is None

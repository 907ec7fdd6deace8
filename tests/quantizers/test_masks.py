# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Masks against sorting by hand."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.quantizers.masks import count_of, largest, of_pattern, parse_pattern


@pytest.mark.parametrize("removed", range(8))
def test_exactly_so_many_go_and_of_equal_ones_the_first(removed):
    values = np.float32([2, 1, 1, 3, 1, 2, 0])
    order = sorted(range(7), key=lambda i: (values[i], i))
    expected = [i not in order[:removed] for i in range(7)]
    assert largest(values, removed).tolist() == expected


def test_a_count_divided_by_a_size_gives_the_count_again():
    assert all(count_of(n / size, size) == n for size in (7, 49, 997, 270896) for n in range(7))
    assert count_of(0.5, 9) == 4


def test_a_matrix_has_its_input_channels_along_the_first_axis():
    assert of_pattern(np.float32([[1, 4], [2, 3]]), 1, 2).tolist() == [[False, True], [True, False]]


def test_a_pattern_is_read():
    assert parse_pattern("2:4") == (2, 4)

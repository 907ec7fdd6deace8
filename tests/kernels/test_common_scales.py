# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The scale of each row: the one that trying all of them finds."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels.common_scales import common_scales


def tried(row, largest):
    """The first of all scales beside the quotients of the largest value that gives the row."""
    peak = float(np.abs(row).max())
    if peak == 0:
        return 1.0
    for divisor in range(1, largest + 1):
        nearest = np.float32(peak / divisor)
        for scale in (nearest, *(np.nextafter(nearest, np.float32(end)) for end in (0, np.inf))):
            if scale == 0 or not np.isfinite(scale):
                continue
            whole = np.rint(row.astype(np.float64) / np.float64(scale)).astype(np.float32)
            if np.array_equal(whole * scale, row):
                return float(scale)
    return None


@pytest.mark.parametrize("largest", [7, 127, 255])
@pytest.mark.parametrize("size", [1.0, 1e-20, 1e-38, 1e-43, 1e38])
def test_scales_are_those_that_trying_finds(rng, largest, size):
    integers = rng.randint(-largest, largest + 1, (40, 5)).astype(np.float32)
    scales = (rng.uniform(0.5, 1, (40, 1)) * size / largest).astype(np.float32)
    rows = integers * scales
    expected = [tried(row, largest) for row in rows]
    assert None not in expected
    assert common_scales(rows, largest).tolist() == expected


def test_a_row_without_a_scale_is_told(rng):
    rows = np.tile(np.float32([1, 2, 3]), (4, 1))
    rows[2] = rng.randn(3)
    assert tried(rows[2], 127) is None and common_scales(rows, 127) is None


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_has_no_scale(bad):
    assert common_scales(np.float32([[1, bad]]), 127) is None


def test_rows_of_zeros_have_the_scale_one():
    assert common_scales(np.zeros((2, 3), np.float32), 127).tolist() == [1, 1]
    assert common_scales(np.zeros((2, 0), np.float32), 127).tolist() == [1, 1]

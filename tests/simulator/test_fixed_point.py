# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The arithmetic for all pairs of 8-bit numbers, against Python's own integers."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.errors import UnsupportedFunctionError
from nnabla_compress.simulator import c_math, fixed_point
from tests.simulator import integer_oracle as oracle

INT8, ALL = np.dtype(np.int8), np.arange(-128, 128).astype(np.int8)
PAIRS = [array.ravel() for array in np.meshgrid(ALL, ALL)]


def test_sums_and_differences_of_all_pairs():
    for ours, theirs in (
        (fixed_point.saturating_add, oracle.satadd),
        (fixed_point.saturating_subtract, oracle.satsub),
    ):
        expected = [theirs(a, b, 8) for a, b in zip(PAIRS[0].tolist(), PAIRS[1].tolist())]
        np.testing.assert_array_equal(ours(*PAIRS), expected)


def test_quotients_go_toward_zero():
    a, b = (array.astype(np.int64)[PAIRS[1] != 0] for array in PAIRS)
    expected = [oracle.quotient(x, y) for x, y in zip(a.tolist(), b.tolist())]
    np.testing.assert_array_equal(fixed_point.divide(a, b), expected)


def test_all_formats():
    for p in range(16):
        for q in range(16):
            if p - q >= 8:
                with pytest.raises(UnsupportedFunctionError, match="by zero .trap 7"):
                    fixed_point.rescale(ALL, p, q)
            else:
                expected = [oracle.rescale(v, p, q, 8) for v in ALL.tolist()]
                np.testing.assert_array_equal(fixed_point.rescale(ALL, p, q), expected)


@pytest.mark.parametrize("bits", [8, 16])
def test_constants(bits, rng):
    dtype = np.dtype(f"i{bits // 8}")
    for value in np.float32([0, 0.5, -0.5, 1, -1, 4.25, 127, 128, -128, -129, *rng.randn(200) * 9]):
        for fraction in range(bits):
            expected = oracle.constant(float(value), fraction, bits)
            assert fixed_point.constant(float(value), fraction, dtype) == expected
        expected = oracle.scalar_bits(float(value), bits)
        assert fixed_point.scalar_fraction_bits(float(value), dtype) == expected


def test_halves_are_rounded_away_from_zero_and_their_neighbours_are_not():
    below = np.nextafter(np.float32(0.5), np.float32(0))
    x = np.float32([0.5, -0.5, 1.5, 2.5, -2.5, below, -below, 8388609, -0.0, 3.2])
    expected = np.float32([1, -1, 2, 3, -3, 0, -0.0, 8388609, -0.0, 3])
    got = c_math.round_half_away(x)
    np.testing.assert_array_equal(got, expected)
    np.testing.assert_array_equal(np.signbit(got), np.signbit(expected))


def test_functions_of_the_c_library_stay_in_float32_and_know_their_limits():
    x = np.float32([-80, -1, 0, 1, 80])
    np.testing.assert_allclose(c_math.exp(x), np.exp(x.astype(np.float64)), rtol=2e-7)
    np.testing.assert_array_equal(c_math.log(np.float32([0, 1]))[:2], [-np.inf, 0])
    assert np.isnan(c_math.log(np.float32([-1]))[0])
    assert c_math.tanh(x).dtype == c_math.power(np.float32(2), x).dtype == np.float32
    np.testing.assert_array_equal(
        c_math.power(np.float32(2), np.float32([-3, 0, 5])), [0.125, 1, 32]
    )

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Bounds and grids of values are never tighter than the values."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.analysis import value_sets
from nnabla_compress.analysis.value_sets import ANY, Values, union

EXPONENTS = st.integers(-6, 6)
WHOLE = st.lists(st.integers(-5000, 5000), min_size=1, max_size=5)


def tensors():
    return st.builds(lambda whole, e: np.float32(np.array(whole) * 2.0**e), WHOLE, EXPONENTS)


def holds(values, array):
    assert (array >= values.low).all() and (array <= values.high).all()
    if values.exponent is not None:
        steps = array.astype(np.float64) / 2.0**values.exponent
        np.testing.assert_array_equal(steps, np.rint(steps))


@given(a=tensors(), b=tensors())
def test_what_is_computed_lies_in_what_was_foretold(a, b):
    x, y = Values.of(a), Values.of(b)
    b = np.resize(b, a.shape)
    holds(x + y, a + b)
    holds(x * y, a * b)
    holds(x + y.negative(), a - b)
    holds(x.at_least(y), np.maximum(a, b))
    holds(x.at_most(y), np.minimum(a, b))
    holds(x.magnitude(), np.abs(a))
    holds(union([x, y]), np.concatenate([a, b]))
    holds(x.to_integers(), np.copysign(np.floor(np.abs(a) + np.float32(0.5)), a))


def test_the_grid_is_the_coarsest_one():
    assert Values.of(np.float32([3, 6, -12])) == Values(-12.0, 6.0, 0)
    assert Values.of(np.float32([4, 8])) == Values(4.0, 8.0, 2)
    assert Values.of(np.float32([0.1])).exponent < -20


def test_what_needs_more_than_24_bits_is_rounded_and_on_no_grid():
    large, small = Values(0.0, 2.0**24, 0), Values(0.0, 0.5, -1)
    assert large.exact
    assert (large + small).exponent is None
    assert (large + large).exponent is None
    assert (small + small).exponent == -1


def test_anything_and_what_is_not_finite_have_no_bounds():
    assert Values.of(np.float32([1, np.nan])) == ANY
    assert Values.of(np.zeros(0)) == ANY
    assert math.isinf((ANY * Values(0.0, 1.0, 0)).high)
    assert (ANY + ANY.negative()).exponent is None
    assert ANY.to_integers().exponent == 0
    assert ANY.at_least(Values(0.0, 0.0, 0)).low == 0


def test_values_that_are_looked_at_in_pieces_are_those_of_the_whole(monkeypatch):
    array = np.float32([[12, -4, 0, 0], [0, 0, 0, 0], [0.5, 6, 2, 100]])
    for piece in (1, 2, 4, 7, 100):
        monkeypatch.setattr(value_sets, "_PIECE", piece)
        assert Values.of(array) == Values(-4, 100, -1)
        assert Values.of(array.T) == Values(-4, 100, -1)
        assert Values.of(np.append(array, np.inf)) == ANY
        assert Values.of(np.zeros((2, 3))) == Values(0, 0, 0)

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The power-of-two kernels against the paper's formula in float64."""

from __future__ import annotations

import itertools

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.kernels import threads
from nnabla_compress.kernels.power_of_two import gradients, quantize
from tests.properties import examples

SEVERAL_CHUNKS = 2 * (1 << 15) + 77
FORMS = list(itertools.product([True, False], [True, False]))


def formula(x, q_min, q_max, signed, zero):
    x = np.asarray(x, np.float64)
    x = x if signed else np.maximum(x, 0)
    with np.errstate(divide="ignore"):
        powers = 2 ** np.floor(0.5 + np.log2(np.abs(x)))
    size = np.clip(powers, q_min, q_max)
    return np.where(x >= 0, 1, -1) * (np.where(powers < q_min, 0, size) if zero else size)


def run(x, q_min, q_max, signed=True, zero=False):
    out = np.empty_like(x)
    quantize(x, q_min, q_max, signed, zero, out)
    return out


@pytest.mark.parametrize("signed, zero", FORMS)
def test_values_over_all_magnitudes_equal_the_formula(signed, zero):
    rng = np.random.RandomState(1)
    x = (rng.randn(SEVERAL_CHUNKS) * np.exp(5 * rng.randn(SEVERAL_CHUNKS))).astype(np.float32)
    np.testing.assert_array_equal(
        run(x, 2.0**-4, 8.0, signed, zero), formula(x, 2.0**-4, 8.0, signed, zero)
    )


@examples(60)
@given(st.integers(-40, 40), st.integers(0, 8), st.integers(-3, 3), st.booleans())
def test_values_next_to_the_boundaries_equal_the_formula(exponent, levels, ulps, zero):
    boundary = np.float32(np.sqrt(2.0) * 2.0 ** (exponent + np.arange(-2, levels + 2)))
    x = (boundary.view(np.int32) + np.int32(ulps)).view(np.float32)
    x = np.concatenate([x, -x])
    q_min, q_max = 2.0**exponent, 2.0 ** (exponent + levels)
    np.testing.assert_array_equal(
        run(x, q_min, q_max, True, zero), formula(x, q_min, q_max, True, zero)
    )


@pytest.mark.parametrize("signed, zero", FORMS)
def test_special_values_are_kept_clipped_or_zero(signed, zero):
    x = np.array([0.0, -0.0, np.inf, -np.inf, 1e-42, np.nan], np.float32)
    out = run(x, 0.5, 4, signed, zero)
    least = 0 if zero else 0.5
    np.testing.assert_array_equal(out[:5], [least, least, 4, -4 if signed else least, least])
    assert np.isnan(out[5])
    assert not np.signbit(out[:2]).any()


@pytest.mark.parametrize("signed, zero", FORMS)
@pytest.mark.parametrize("size", [1, 2049, SEVERAL_CHUNKS])
def test_gradients_equal_a_numpy_oracle(size, signed, zero):
    rng = np.random.RandomState(size)
    x, dy = (rng.randn(size).astype(np.float32) for _ in range(2))
    x[::5] = 0
    q_min, q_max = 0.25, 1.0
    dx = np.empty_like(x)
    sums = gradients(x, dy, q_min, q_max, signed, zero, dx, accumulate=False)
    x64, dy64 = x.astype(np.float64), dy.astype(np.float64)
    size64 = np.abs(x64) if signed else np.maximum(x64, 0)
    value = formula(x, q_min, q_max, signed, zero)
    middle = (size64 > q_min) & (size64 <= q_max)
    sign = np.where(x64 >= 0, 1.0, -1.0 if signed else 0.0)
    ratio = np.abs(value) / np.where(middle, size64, 1)
    np.testing.assert_allclose(dx, np.where(middle, dy64 * ratio, 0), rtol=1e-6)
    low = (size64 <= q_min) & (value != 0)
    want = [np.sum((dy64 * sign)[low]), np.sum((dy64 * sign)[size64 > q_max])]
    np.testing.assert_allclose(sums, want, rtol=1e-6, atol=1e-6)


def test_no_gradient_is_nan_at_zero_or_infinity():
    x, dx = np.array([0.0, np.inf, -np.inf], np.float32), np.empty(3, np.float32)
    for signed, zero in FORMS:
        sums = gradients(x, np.ones_like(x), 0.5, 4.0, signed, zero, dx, False)
        assert np.isfinite(sums).all()
        np.testing.assert_array_equal(dx, 0)


def test_the_gradient_is_added_or_left_out_as_asked():
    x, dy = np.array([1.6, -9, 0.1], np.float32), np.ones(3, np.float32)
    dx = np.full(3, 5, np.float32)
    sums = gradients(x, dy, 0.25, 4.0, True, False, dx, accumulate=True)
    np.testing.assert_array_equal(dx, [6.25, 5, 5])
    assert gradients(x, dy, 0.25, 4.0, True, False, None, accumulate=False) == sums == (1, -1)


def test_the_sums_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "PARALLEL_FROM", 0)
    rng = np.random.RandomState(3)
    x, dy = (rng.randn(SEVERAL_CHUNKS).astype(np.float32) for _ in range(2))
    arguments = (x, dy, 0.5, 1.0, True, False, np.empty_like(x), False)
    before = numba.get_num_threads()
    many = gradients(*arguments)
    try:
        numba.set_num_threads(1)
        one = gradients(*arguments)
    finally:
        numba.set_num_threads(before)
    assert many == one

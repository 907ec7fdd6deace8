# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The uniform kernels against NNabla's own functions and a NumPy oracle in float64."""

from __future__ import annotations

import nnabla as nn
import nnabla.functions as F
import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnabla_compress.kernels import threads
from nnabla_compress.kernels.uniform import gradients, quantize
from tests.properties import examples

SEVERAL_CHUNKS = 3 * (1 << 15) + 77


def run(x, step, limit, signed=True):
    out = np.empty((1, x.size), np.float32)
    quantize(x.reshape(1, -1), np.float32([step]), np.float32([limit]), signed, out)
    return out.reshape(x.shape)


def composite(x, step, limit, signed):
    inverse = np.float32(1) / np.float32(step)
    h = nn.NdArray.from_numpy_array(x)
    h = F.round(F.mul_scalar(h if signed else F.relu(h), float(inverse)))
    h = F.minimum_scalar(F.maximum_scalar(h, -limit), limit)
    return F.mul_scalar(h, float(np.float32(step))).data


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("step", [0.25, 0.1, 0.3337, 3.0])
def test_ties_round_as_nnabla_rounds(step, signed):
    ties = (np.arange(-40, 41) * np.float32(step) / np.float32(2)).astype(np.float32)
    up, down = (np.nextafter(ties, np.float32(end)) for end in (np.inf, -np.inf))
    x = np.concatenate([ties, up, down])
    np.testing.assert_array_equal(run(x, step, 15, signed), composite(x, step, 15, signed))


@examples(60)
@given(
    st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=50),
    st.floats(2.0**-10, 100, width=32),
    st.sampled_from([1, 3, 7, 127]),
    st.booleans(),
)
def test_any_values_equal_nnablas_functions(values, step, limit, signed):
    x = np.array(values, np.float32)
    np.testing.assert_array_equal(run(x, step, limit, signed), composite(x, step, limit, signed))


def test_half_is_rounded_away_from_zero_and_the_float_below_half_is_not():
    below = np.nextafter(np.float32(0.5), np.float32(0))
    x = np.array([-2.5, -1.5, -0.5, -below, below, 0.5, 1.5, 2.5], np.float32)
    np.testing.assert_array_equal(run(x, 1, 7), [-3, -2, -1, 0, 0, 1, 2, 3])


def test_nan_stays_nan_infinity_is_clipped_and_zero_has_no_sign():
    out = run(np.array([np.nan, np.inf, -np.inf, -0.1, -0.0], np.float32), 0.5, 3)
    assert np.isnan(out[0])
    np.testing.assert_array_equal(out[1:], [1.5, -1.5, 0, 0])
    assert not np.signbit(out[3:]).any()


def oracle(x, dy, step, limit, signed):
    x64, dy64 = x.astype(np.float64), dy.astype(np.float64)
    q = np.float64(np.float32(step) * np.float32(limit))
    inside = np.abs(x64) <= q if signed else (x64 > 0) & (x64 <= q)
    outside = np.abs(x64) > q if signed else x64 > q
    error = run(x, step, limit, signed).astype(np.float64) - x64
    return (
        np.where(inside, dy, 0),
        np.sum(dy64[inside] * error[inside]),
        np.sum(dy64[outside] * np.sign(x64[outside])),
    )


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("size", [1, 2049, SEVERAL_CHUNKS])
def test_gradients_equal_a_numpy_oracle(size, signed):
    rng = np.random.RandomState(size)
    x, dy = (rng.randn(1, size).astype(np.float32) for _ in range(2))
    x[0, ::7] = 0
    dx = np.empty_like(x)
    step, limit = np.float32([0.3]), np.float32([3])
    inside, outside = gradients(x, dy, step, limit, signed, dx, accumulate=False)
    want_dx, want_inside, want_outside = oracle(x, dy, 0.3, 3, signed)
    np.testing.assert_array_equal(dx, want_dx)
    scale = np.sqrt(size)
    np.testing.assert_allclose(inside, [want_inside], rtol=1e-6, atol=1e-7 * scale)
    np.testing.assert_allclose(outside, [want_outside], rtol=1e-6, atol=1e-7 * scale)


def test_the_gradient_at_the_end_of_the_range_is_one_and_just_above_is_zero():
    end = np.float32(0.3) * np.float32(7)
    x = np.array([[end, np.nextafter(end, np.float32(9)), -end, 0]], np.float32)
    dx = np.empty_like(x)
    gradients(x, np.ones_like(x), np.float32([0.3]), np.float32([7]), True, dx, False)
    np.testing.assert_array_equal(dx, [[1, 0, 1, 1]])


def test_each_channel_has_its_own_step_and_sums():
    rng = np.random.RandomState(0)
    x, dy = (rng.randn(3, 500).astype(np.float32) for _ in range(2))
    step, limit = np.float32([0.1, 0.5, 2]), np.float32([7, 3, 1])
    out, dx = np.empty_like(x), np.empty_like(x)
    quantize(x, step, limit, True, out)
    inside, outside = gradients(x, dy, step, limit, True, dx, False)
    for c in range(3):
        np.testing.assert_array_equal(out[c], run(x[c], step[c], limit[c]))
        want_dx, want_inside, want_outside = oracle(x[c], dy[c], step[c], limit[c], True)
        np.testing.assert_array_equal(dx[c], want_dx)
        np.testing.assert_allclose([inside[c], outside[c]], [want_inside, want_outside], rtol=1e-5)


def test_the_gradient_is_added_or_left_out_as_asked_and_infinite_values_do_no_harm():
    x = np.array([[0.2, np.inf, -np.inf]], np.float32)
    dy, dx = np.ones_like(x), np.full_like(x, 5)
    one = np.float32([1])
    sums = gradients(x, dy, one, one, True, dx, accumulate=True)
    np.testing.assert_array_equal(dx, [[6, 5, 5]])
    assert gradients(x, dy, one, one, True, None, accumulate=False) == sums
    np.testing.assert_allclose(sums, [[-0.2], [0]], rtol=1e-6)


def test_the_sums_do_not_depend_on_the_number_of_threads(monkeypatch):
    monkeypatch.setattr(threads, "PARALLEL_FROM", 0)
    rng = np.random.RandomState(3)
    x, dy = (rng.randn(1, SEVERAL_CHUNKS).astype(np.float32) for _ in range(2))
    arguments = (x, dy, np.float32([0.2]), np.float32([7]), True, np.empty_like(x), False)
    before = numba.get_num_threads()
    many = gradients(*arguments)
    try:
        numba.set_num_threads(1)
        one = gradients(*arguments)
    finally:
        numba.set_num_threads(before)
    assert many == one

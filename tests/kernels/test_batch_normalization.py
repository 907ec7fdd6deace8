# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The batch normalization kernels against NumPy float64."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels.batch_normalization import gradient_sums, moments, scale_and_shift

shapes = pytest.mark.parametrize(
    "shape", [(1, 1, 1), (4, 3, 5), (8, 1, 1), (1, 7, 6), (5, 4, 1), (9, 3, 80007)]
)


@shapes
def test_moments_are_the_mean_and_the_biased_variance_of_each_channel(shape, rng):
    x = (rng.randn(*shape) * 3 + 100).astype(np.float32)
    mean, variance = moments(x)
    exact = x.astype(np.float64)
    np.testing.assert_allclose(mean, exact.mean(axis=(0, 2)), rtol=1e-6)
    np.testing.assert_allclose(variance, exact.var(axis=(0, 2)), rtol=1e-5, atol=1e-6)
    assert mean.dtype == variance.dtype == np.float32


def test_the_variance_of_values_far_from_zero_does_not_cancel():
    x = np.float32([[[4096, 4097, 4098]]])
    assert moments(x)[1].tolist() == [np.float32(2 / 3)]


@shapes
def test_each_channel_is_scaled_and_shifted_by_its_own_numbers(shape, rng):
    x = rng.randn(*shape).astype(np.float32)
    scale, shift = rng.randn(2, shape[1]).astype(np.float32)
    out = np.empty_like(x)
    scale_and_shift(x, scale, shift, out)
    np.testing.assert_allclose(out, x * scale[:, None] + shift[:, None], rtol=1e-5, atol=1e-6)


@shapes
def test_gradient_sums_follow_their_definition(shape, rng):
    dy, x = rng.randn(2, *shape).astype(np.float32)
    mean, inverse = rng.randn(2, shape[1]).astype(np.float32)
    beta, gamma = gradient_sums(dy, x, mean, inverse)
    np.testing.assert_allclose(beta, dy.astype(np.float64).sum(axis=(0, 2)), atol=1e-6)
    normalized = (x.astype(np.float64) - mean[:, None]) * inverse[:, None]
    np.testing.assert_allclose(gamma, (dy * normalized).sum(axis=(0, 2)), rtol=1e-5, atol=1e-5)

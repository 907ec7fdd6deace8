# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The ranges that calibration methods find, against plain NumPy over all the values."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.calibration import METHODS, Statistics
from nnabla_compress.calibration.moving_average import moving_average
from nnabla_compress.calibration.percentile import percentile
from nnabla_compress.errors import DataError
from nnabla_compress.quantizers import Affine


def statistics_of(*batches):
    statistics = Statistics("x")
    for batch in batches:
        statistics.update(np.asarray(batch, np.float32))
    return statistics


def squared_error(quantizer, values, ends):
    grid = quantizer.grid(*quantizer.scale_and_zero_point(*ends))
    codes = np.clip(np.rint(values / grid.scale), grid.lower, grid.upper)
    return float(np.square(codes * grid.scale - values).mean())


def test_min_max_is_the_range_of_all_batches():
    assert METHODS["min_max"](statistics_of([1, 2], [-3, 0]), Affine()) == (-3, 2)


def test_a_moving_average_is_right_from_the_first_batch_on():
    assert moving_average(statistics_of([-2, 4]), Affine()) == pytest.approx((-2, 4))
    low, high = moving_average(statistics_of([0, 1], [0, 3]), Affine(), decay=0.5)
    assert (low, high) == pytest.approx((0, (0.25 * 1 + 0.5 * 3) / 0.75))


@pytest.mark.parametrize("percent", [90, 99, 99.9])
def test_a_percentile_is_that_of_the_values(percent, rng):
    x = rng.randn(50000).astype(np.float32)
    low, high = percentile(statistics_of(x[:20000], x[20000:]), Affine(), percent)
    expected = np.percentile(x, [100 - percent, percent])
    np.testing.assert_allclose([low, high], expected, atol=0.01)


@pytest.mark.parametrize("bits", [4, 8])
@pytest.mark.parametrize("symmetric", [True, False])
def test_the_least_squared_error_is_that_of_a_search_over_the_values(bits, symmetric, rng):
    x = np.append(rng.randn(20000), [6, 9]).astype(np.float32)
    quantizer = Affine(bits=bits, symmetric=symmetric)
    found = METHODS["mse"](statistics_of(x), quantizer)
    clips = [(max(float(x.min()), -c), min(float(x.max()), c)) for c in np.linspace(1, 9, 161)]
    least = min(squared_error(quantizer, x, ends) for ends in clips)
    assert squared_error(quantizer, x, found) <= 1.05 * least
    assert squared_error(quantizer, x, found) <= squared_error(quantizer, x, (x.min(), x.max()))


def test_divergence_clips_a_lone_outlier_and_keeps_an_even_range(rng):
    quantizer = Affine(bits=8, symmetric=False)
    even = rng.rand(50000).astype(np.float32)
    assert METHODS["kl"](statistics_of(even), quantizer)[1] > 0.95
    assert METHODS["kl"](statistics_of(np.append(even, 40)), quantizer)[1] < 5


@pytest.mark.parametrize("name", METHODS)
def test_every_method_bears_zeros_constants_and_single_values(name):
    for values in ([0, 0, 0], [2.5] * 4, [-1], [1e-30, 0], [3e37, -3e37]):
        statistics = statistics_of(values)
        low, high = METHODS[name](statistics, Affine(bits=4, symmetric=False))
        assert np.isfinite([low, high]).all() and low <= high
        scale, zero_point = Affine(bits=4, symmetric=False).scale_and_zero_point(low, high)
        assert np.isfinite(scale).all() and (scale > 0).all() and 0 <= zero_point <= 15
    assert statistics_of([0, 0]).dead and not statistics_of([0, 1]).dead


@pytest.mark.parametrize("batches", [([1, np.nan],), ([1, 2], [np.inf, 1])])
def test_values_that_are_not_finite_name_the_tensor(batches):
    with pytest.raises(DataError, match="1 of 2 values of x are NaN or infinite"):
        statistics_of(*batches)

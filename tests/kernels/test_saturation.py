# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""The passes over calibration data against NumPy in float64."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels.saturation import cut_off, magnitudes, saturated

VALUES = np.concatenate([np.random.RandomState(0).randn(10_001).astype(np.float32), [7.5, -9.25]])
WINDOWS = [(-np.inf, np.inf), (0.0, np.inf), (-1.0, 6.0)]


@pytest.mark.parametrize("window", WINDOWS)
def test_magnitudes_are_those_of_the_clipped_values(window):
    values = VALUES.astype(np.float32)
    expected = np.clip(values, *window).astype(np.float64)
    largest, squares = magnitudes(values, *window)
    assert largest == np.abs(expected).max()
    np.testing.assert_allclose(squares, np.square(expected).sum(), rtol=1e-6)


@pytest.mark.parametrize("window", WINDOWS)
def test_what_is_cut_off_is_measured_beyond_each_limit(window):
    values = VALUES.astype(np.float32)
    limits = np.float32([127 / 16, 127 / 32, 127 / 64])
    size = np.abs(np.clip(values, *window).astype(np.float64))
    expected = [np.square(np.maximum(size - limit, 0)).sum() for limit in limits]
    np.testing.assert_allclose(cut_off(values, *window, limits), expected, rtol=1e-6)
    assert cut_off(values, *window, limits[:0]).size == 0


def test_what_is_no_number_stays_none():
    values = np.float32([1, np.nan, 3])
    assert np.isnan(magnitudes(values, 0.0, 6.0)).all()


def test_saturation_cuts_toward_zero_and_keeps_the_shape():
    values = np.float32([[1.9, -1.9, 0.49], [300, -300, -0.26]])
    assert saturated(values, 4.0, 127).tolist() == [[7, -7, 1], [127, -128, -1]]
    assert saturated(values.T, 1.0, 127).shape == (3, 2)


def test_saturated_values_can_take_the_place_of_the_others():
    values = np.float32([[1.9, -300]])
    assert saturated(values, 1.0, 127, out=values) is values
    assert values.tolist() == [[1, -128]]

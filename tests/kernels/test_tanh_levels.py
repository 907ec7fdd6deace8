# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights through tanh to odd integers, against float64, and what does not depend on threads."""

from __future__ import annotations

import numba
import numpy as np
import pytest

from nnabla_compress.kernels import threads
from nnabla_compress.kernels.tanh_levels import (
    gradient,
    largest_magnitude,
    quantize,
    squeezed_peak,
)


def odd_integers(w, n):
    t = np.tanh(w.astype(np.float64))
    return 2 * np.floor(n / 2 * t / np.abs(t).max()) + 1


@pytest.mark.parametrize("n", [1, 3, 7, 255])
def test_odd_integers_are_those_of_float64_but_for_ties(n, rng):
    w = rng.randn(50001).astype(np.float32)
    out = np.empty_like(w)
    quantize(w, squeezed_peak(largest_magnitude(w)), n, np.float32(1), out)
    expected = np.minimum(odd_integers(w, n), n)
    assert (out != expected).mean() < 1e-4
    assert np.abs(out - expected).max() <= 2
    assert np.abs(out).max() == n


def test_the_largest_magnitude_is_found_wherever_it_stands(rng):
    for place in (0, 32767, 32768, 70000):
        w = rng.uniform(-1, 1, 70001).astype(np.float32)
        w[place] = -1.5
        assert largest_magnitude(w) == 1.5
    assert largest_magnitude(np.zeros(3, np.float32)) == 0
    assert largest_magnitude(np.zeros(0, np.float32)) == 0


def test_no_bit_depends_on_the_number_of_threads(rng, monkeypatch):
    w, dy = rng.randn(2, 100003).astype(np.float32)
    found = []
    for least in (1 << 30, 1):
        monkeypatch.setattr(threads, "PARALLEL_FROM", least)
        before = numba.get_num_threads()
        largest = largest_magnitude(w)
        out, dw = np.empty_like(w), np.empty_like(w)
        quantize(w, squeezed_peak(largest), 7, np.float32(0.1), out)
        gradient(w, dy, largest, squeezed_peak(largest), np.float32(2), dw, False)
        assert numba.get_num_threads() == before
        found.append((out.tobytes(), dw.tobytes()))
    assert found[0] == found[1]


def test_the_share_of_the_maximum_is_divided_among_ties():
    w, dy = np.float32([0.5, -0.5, 0.1]), np.float32([0, 0, 1])
    largest, dw = largest_magnitude(w), np.zeros(3, np.float32)
    gradient(w, dy, largest, squeezed_peak(largest), np.float32(1), dw, True)
    t, m = np.tanh(0.1), np.tanh(0.5)
    share = (1 - m**2) * t / m**2 / 2
    np.testing.assert_allclose(dw, [-share, share, (1 - t**2) / m], rtol=1e-6)


def test_nan_stays_nan():
    out = np.zeros(2, np.float32)
    quantize(np.float32([np.nan, 1]), np.float32(1), 3, np.float32(1), out)
    assert np.isnan(out[0])
    assert out[1] == 3

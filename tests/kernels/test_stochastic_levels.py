# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.kernels import threads
from nnabla_compress.kernels.stochastic_levels import round_stochastically


def rounded(gradient, levels, key):
    out = np.empty_like(gradient)
    round_stochastically(gradient, levels, key, out, False)
    return out


@pytest.mark.parametrize("levels", [1, 3, 255])
def test_values_are_odd_multiples_next_to_the_gradient(levels, rng):
    g = rng.randn(4, 1000).astype(np.float32)
    found = rounded(g, levels, 7)
    peaks = np.abs(g).max(axis=1, keepdims=True)
    odd = found * levels / peaks
    np.testing.assert_allclose(odd, np.rint(odd), atol=1e-3 * levels)
    assert (np.rint(odd) % 2 == 1).all()
    assert (np.abs(found) <= peaks * 1.000001).all()
    assert (np.abs(found - g) <= 2 * peaks / levels * 1.0001).all()


def test_on_average_it_is_the_gradient(rng):
    g = np.append(rng.uniform(-0.9, 0.9, 20), 1).astype(np.float32)[None]
    draws = np.mean([rounded(g, 3, key) for key in range(4000)], axis=0)
    # The largest keeps its value only in half of the draws' steps: it is clipped.
    assert np.abs(draws - g)[0, :-1].max() < 0.04
    assert draws[0, -1] == 1


def test_the_noise_is_uniform_and_differs_by_element_sample_and_key():
    g = np.zeros((64, 1024), np.float32)
    g[:, 0] = 1
    first, second = rounded(g, 1, 1)[:, 1:], rounded(g, 1, 2)[:, 1:]
    beside, below = first[:, 1:] * first[:, :-1], first[:-1] * first[1:]
    for draw in (first, second, first * second, beside, below):
        assert abs(draw.mean()) < 5 / np.sqrt(draw.size)


def test_no_bit_depends_on_the_number_of_threads(rng, monkeypatch):
    g = rng.randn(37, 501).astype(np.float32)
    found = []
    for least in (1 << 30, 1):
        monkeypatch.setattr(threads, "PARALLEL_FROM", least)
        found.append(rounded(g, 15, 3))
    np.testing.assert_array_equal(*found)


def test_it_adds_where_it_is_asked_to_and_samples_of_zeros_stay_zero(rng):
    g = rng.randn(3, 5).astype(np.float32)
    g[1] = 0
    out = np.ones_like(g)
    round_stochastically(g, 7, 1, out, True)
    np.testing.assert_allclose(out - 1, rounded(g, 7, 1), atol=1e-6)
    assert not rounded(g, 7, 1)[1].any()

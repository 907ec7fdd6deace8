# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.parsimonious.draws import polya_gamma, positive_poisson, shared_out, tables

MANY = 200000


def rng():
    return np.random.RandomState(1)


@pytest.mark.parametrize("b", [0.1, 1.0, 4.0])
@pytest.mark.parametrize("c", [0.0, 0.7, -3.0, 20.0])
def test_polya_gamma_variables_have_their_mean_and_variance(b, c):
    drawn = polya_gamma(np.full(MANY, b), np.full(MANY, c), rng())
    # A sum of many more terms than are drawn.
    n = np.arange(1, 20000) - 0.5
    factors = 1 / (2 * np.pi**2 * n**2 + c**2 / 2)
    assert drawn.mean() == pytest.approx(b * factors.sum(), rel=0.02)
    assert drawn.var() == pytest.approx(b * np.square(factors).sum(), rel=0.06)
    if c:
        assert b * factors.sum() == pytest.approx(b / (2 * c) * np.tanh(c / 2), rel=1e-3)


@pytest.mark.parametrize("rate", [1e-9, 0.3, 12.0])
def test_cut_off_poisson_variables_have_their_distribution(rate):
    drawn = positive_poisson(np.full(MANY, rate), rng())
    ones = rate * np.exp(-rate) / -np.expm1(-rate)
    assert drawn.min() >= 1
    assert (drawn == 1).mean() == pytest.approx(ones, abs=0.005)
    assert drawn.mean() == pytest.approx(rate / -np.expm1(-rate), rel=0.01)


def test_what_is_shared_out_adds_up_and_follows_the_weights():
    counts = np.full(5000, 7)
    found = shared_out(counts, np.tile([3.0, 0.0, 1.0], (5000, 1)), rng())
    assert (found.sum(axis=1) == 7).all() and not found[:, 1].any()
    assert found[:, 0].mean() == pytest.approx(7 * 0.75, rel=0.02)


def test_tables_have_their_mean_and_stay_below_the_customers():
    drawn = tables(np.full(20000, 30), np.array(2.0), rng())
    expected = sum(2.0 / (2.0 + j) for j in range(30))
    assert drawn.mean() == pytest.approx(expected, rel=0.02) and drawn.max() <= 30


def test_nothing_is_drawn_for_nobody():
    assert tables(np.zeros((2, 2), int), np.array(1.0), rng()).tolist() == [[0, 0], [0, 0]]

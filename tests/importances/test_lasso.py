# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.importances.lasso import largest_penalty, lasso


def planted(noise=0.05):
    """200 samples of 6 gated channels, two of which say something: the worked example."""
    rng = np.random.RandomState(0)
    gates = (rng.rand(200, 6) < 0.5).astype(float)
    z = gates * (rng.rand(6) + 0.5)
    g = z @ np.array([2.0, 0, 0, -1.5, 0, 0]) + noise * rng.randn(200)
    return z.T @ z, z.T @ g


def test_planted_channels_are_found_with_the_worked_weights():
    found = lasso(*planted(), 2.0)
    expected = [1.962072, 0, 0, -1.475548, 0, 0]
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert (found != 0).tolist() == [True, False, False, True, False, False]


@pytest.mark.parametrize("penalty", [0.0, 0.3, 5.0])
def test_no_small_step_lowers_what_is_minimized(penalty):
    gram, moments = planted(noise=1.0)
    weights = lasso(gram, moments, penalty)

    def value(w):
        return 0.5 * w @ gram @ w - moments @ w + penalty * np.abs(w).sum()

    rng = np.random.RandomState(1)
    for _ in range(50):
        assert value(weights + 1e-3 * rng.randn(6)) > value(weights)


def test_it_agrees_with_scikit_learn():
    linear_model = pytest.importorskip("sklearn.linear_model")
    rng = np.random.RandomState(2)
    z, g = rng.randn(50, 8), rng.randn(50)
    other = linear_model.Lasso(alpha=3.0 / 50, fit_intercept=False, tol=1e-10).fit(z, g)
    np.testing.assert_allclose(lasso(z.T @ z, z.T @ g, 3.0), other.coef_, atol=1e-7)


def test_from_the_largest_penalty_on_all_weights_are_zero():
    gram, moments = planted()
    most = largest_penalty(moments)
    assert not lasso(gram, moments, most).any()
    assert lasso(gram, moments, 0.999 * most).any()


def test_a_channel_that_is_never_seen_gets_nothing():
    gram, moments = planted()
    gram[0], gram[:, 0], moments[0] = 0, 0, 0
    assert lasso(gram, moments, 2.0)[0] == 0

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np

from nnabla_compress.parsimonious.hyperplanes import Hyperplanes, log_likelihood


def test_together_they_are_a_noisy_or_of_each_alone():
    rng = np.random.RandomState(0)
    some = Hyperplanes(rng.randn(5, 3), rng.rand(3))
    x = rng.randn(50, 4)
    left = np.ones(50)
    for k in range(3):
        left *= 1 - Hyperplanes(some.beta[:, [k]], some.rates[[k]]).probability(x)
    np.testing.assert_allclose(some.probability(x), 1 - left, atol=1e-12)


def test_the_likelihood_is_that_of_the_probabilities():
    rng = np.random.RandomState(0)
    some = Hyperplanes(rng.randn(3, 2), rng.rand(2))
    x, y = rng.randn(20, 2), rng.randint(0, 2, 20)
    p = some.probability(x)
    expected = np.log(np.where(y == 1, p, 1 - p)).sum()
    np.testing.assert_allclose(some.log_likelihood(x, y), expected)


def test_a_sample_that_nothing_supports_has_a_finite_likelihood():
    assert np.isfinite(log_likelihood(np.zeros(1), np.ones(1)))

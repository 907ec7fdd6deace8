# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.data.two_classes import two_classes
from nnabla_compress.parsimonious.gibbs import sample_hyperplanes
from nnabla_compress.parsimonious.settings import ParsimoniousSettings

SHORT = ParsimoniousSettings(sweeps=250, burn_in=100)


def wedge(seed=0):
    """Class 1 is what two half-planes cover together."""
    x = np.random.RandomState(seed).uniform(-1, 1, (200, 2))
    return x, ((x[:, 0] > 0.2) | (x[:, 1] > 0.2)).astype(int)


@pytest.mark.long
def test_two_half_planes_take_few_hyperplanes():
    x, y = wedge()
    found = sample_hyperplanes(x, y, SHORT)
    assert 2 <= found.count <= 10  # of 20
    assert ((found.probability(x) > 0.5) == y).mean() > 0.97


def test_the_same_seed_draws_the_same_and_another_one_does_not():
    x, y = wedge()
    short = ParsimoniousSettings(sweeps=12, burn_in=4)
    first, same, other = (sample_hyperplanes(x, y, short, seed) for seed in (3, 3, 4))
    np.testing.assert_array_equal(first.beta, same.beta)
    assert first.beta.shape != other.beta.shape or not np.array_equal(first.beta, other.beta)


def test_there_are_never_more_hyperplanes_than_allowed():
    data = two_classes("rings", samples=80).split("train")
    short = ParsimoniousSettings(sweeps=12, burn_in=4, hyperplanes=3)
    assert sample_hyperplanes(data.x, data.y.ravel(), short).count <= 3


def test_classes_that_a_line_separates_leave_the_weights_finite():
    x = np.linspace(-1, 1, 40)[:, None]
    short = ParsimoniousSettings(sweeps=80, burn_in=40)
    found = sample_hyperplanes(x, (x[:, 0] > 0).astype(int), short)
    assert np.isfinite(found.beta).all()
    assert ((found.probability(x) > 0.5) == (x[:, 0] > 0)).mean() >= 0.95

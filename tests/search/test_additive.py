# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Accuracies as sums over layers."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from nnabla_compress.search.additive import AdditiveModel
from tests.search.oracles import published

CHOICES = ((2, 4, 8), (2, 8), (4, 8))


def test_sums_over_layers_are_found_again_from_a_part_of_them(rng):
    parts = [dict(zip(own, rng.uniform(0, 10, len(own)))) for own in CHOICES]
    every = [*product(*CHOICES)]
    sums = {bits: 50 + sum(part[w] for part, w in zip(parts, bits)) for bits in every}
    known = [bits for number, bits in enumerate(every) if number % 4]
    model = AdditiveModel(CHOICES, known, [sums[bits] for bits in known], penalty=1e-9)
    assert np.allclose([model(bits) for bits in every], [sums[bits] for bits in every])
    assert model.error() < 1e-6


def test_the_error_is_that_of_what_no_sum_holds(rng):
    every = [*product(*CHOICES)] * 50
    noise = rng.normal(0, 2.0, len(every))
    assert AdditiveModel(CHOICES, every, 70 + noise).error() == pytest.approx(2.0, rel=0.1)


def test_bits_never_seen_get_no_number_of_their_own():
    model = AdditiveModel(((2, 4), (2, 4)), [(2, 2), (2, 4)], [40.0, 60.0])
    assert model((4, 2)) == pytest.approx(model((2, 2)))


def test_the_table_of_a_deep_network_is_a_sum_within_its_noise():
    table, _ = published("resnet20", "modelled")
    assert table.model.error() < 0.7

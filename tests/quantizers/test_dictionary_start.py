# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Dictionaries start from the best that their options allow."""

from __future__ import annotations

import itertools

import nnabla as nn
import numpy as np
import pytest
from nnabla.parameter import get_parameter_or_create

import nnabla_compress.quantizers as Q
from nnabla_compress.quantizers.dictionaries import nearest_on_grid
from nnabla_compress.quantizers.dictionary_start import initial_dictionary


def error(values, entries, weights=1.0):
    exact = values.astype(np.float64).ravel()
    nearest = np.square(exact[:, None] - np.asarray(entries, np.float64)).min(axis=1)
    return float(np.sum(weights * nearest))


def started(values, **options):
    """The signal-to-noise ratio of a weight of these values as its quantizer starts, in dB."""
    nn.clear_parameters()
    weight = get_parameter_or_create("W", values.shape, values.astype(np.float32))
    q = Q.LUT(**options)(weight)
    q.forward()
    noise = weight.d.astype(np.float64) - q.d
    return 10 * np.log10(np.square(weight.d.astype(np.float64)).sum() / np.square(noise).sum())


@pytest.mark.parametrize("bits, least", [(4, 20.8), (6, 33.2), (8, 46.7)])
def test_a_layer_of_2304_weights_starts_from_the_optimum_at_all_bits(bits, least):
    # The optimum that exact one-dimensional k-means has for these values.
    values = np.random.RandomState(0).standard_normal(2304)
    assert started(values, bits=bits) > least
    assert started(values, bits=bits, zero=True) > least - 0.05


def test_more_bits_are_better_and_heavy_tails_are_no_harm(rng):
    values = rng.standard_t(2, 5000)
    ratios = [started(values, bits=bits) for bits in range(1, 9)]
    assert (np.diff(ratios) > 2.5).all() and ratios[-1] > 45


@pytest.mark.parametrize("zero", [False, True])
@pytest.mark.parametrize("bits", [1, 2])
@pytest.mark.parametrize("kind", ["randn", "standard_cauchy"])
def test_powers_of_two_start_from_the_best_of_all(kind, bits, zero, rng):
    values = getattr(rng, kind)(60).astype(np.float32)
    start = initial_dictionary(Q.LUT(bits=bits, dictionary="pow2", zero=zero), values)
    powers = 2.0 ** np.arange(-6, 9)
    candidates = np.concatenate([-powers, powers])
    best = min(
        error(values, [*chosen, 0] if zero else chosen)
        for chosen in itertools.combinations(candidates, 2**bits - zero)
    )
    assert error(values, start) <= best * (1 + 1e-9)
    assert (np.abs(np.frexp(start[start != 0])[0]) == 0.5).all() and (0 in start) == zero


def test_pruned_powers_of_two_are_the_best_for_the_weights_that_are_left(rng):
    values = rng.randn(80).astype(np.float32)
    start = initial_dictionary(Q.LUT(bits=2, dictionary="pow2", prune=0.5), values)
    left = values[np.argsort(np.abs(values))[40:]]
    powers = 2.0 ** np.arange(-6, 4)
    every = itertools.combinations(np.concatenate([-powers, powers]), 3)
    assert np.sum(start == 0) == 1
    assert error(left, start[start != 0]) <= min(error(left, e) for e in every) * (1 + 1e-9)


@pytest.mark.parametrize("prune", [0.0, 0.3])
def test_the_scale_of_ternary_starts_from_the_best(prune, rng):
    values = rng.laplace(size=300).astype(np.float32)
    start = initial_dictionary(Q.LUT(dictionary="ternary", prune=prune), values)
    assert start[1] == 0 and start[0] == -start[2]
    magnitudes = np.sort(np.abs(values.astype(np.float64)))[round(prune * 300) :]
    entries = (lambda a: [a]) if prune else (lambda a: [0, a])
    tried = np.linspace(0.1, 4, 2000)
    assert error(magnitudes, entries(start[2])) <= min(
        error(magnitudes, entries(a)) for a in tried
    ) * (1 + 1e-6)


@pytest.mark.parametrize("bits, grid_bits, gain", [(4, 4, 0.3), (4, 8, -0.03), (8, 8, 0.0)])
def test_a_grid_starts_from_the_best_whole_numbers_of_a_good_scale(bits, grid_bits, gain, rng):
    values = rng.laplace(size=3000)
    free = initial_dictionary(Q.LUT(bits=bits), values.astype(np.float32))
    rounded = nearest_on_grid(free, grid_bits)
    before = 10 * np.log10(np.square(values).sum() / error(values, rounded))
    assert started(values, bits=bits, grid_bits=grid_bits) > before + gain


def test_weights_that_count_more_are_closer_to_their_entries(rng):
    values = np.concatenate([rng.randn(500), 4 * rng.randn(500)]).astype(np.float32)
    counts = np.repeat([1.0, 0.01], 500)
    alike, weighted = (initial_dictionary(Q.LUT(bits=3), values, w) for w in (None, counts))
    assert error(values, weighted, counts) < 0.5 * error(values, alike, counts)
    assert error(values, weighted) > error(values, alike)
    twice = initial_dictionary(Q.LUT(bits=3), values, np.full(1000, 2.0))
    np.testing.assert_allclose(twice, alike, rtol=1e-5)


@pytest.mark.parametrize("kind", ["free", "pow2", "grid"])
def test_a_start_is_not_changed_by_the_order_of_the_weights(kind, rng):
    options = {"pow2": {"dictionary": "pow2"}, "grid": {"grid_bits": 6}}.get(kind, {})
    values = rng.randn(2000).astype(np.float32)
    one, other = (
        initial_dictionary(Q.LUT(bits=4, **options), v) for v in (values, rng.permutation(values))
    )
    np.testing.assert_allclose(one, other, rtol=1e-6)

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.simulator.convolution_kernels import convolve, convolve_integers
from nnabla_compress.simulator.geometry import Taps

MAPS, CHANNELS, POSITIONS, TAPS, LANES = 6, 3, 6, 4, 9


def taps(rng):
    """Two rows of three numbers each."""
    rows = rng.choice([-1, 0, 3], (2, 2)).astype(np.int32)
    return Taps(rows, rng.randint(-1, 3, (4, 2)).astype(np.int32))


@pytest.mark.parametrize("weight", [1, np.inf])
@pytest.mark.parametrize("coefficient", [0, 0.25])
@pytest.mark.filterwarnings("ignore:invalid value")
def test_samples_at_once_and_maps_at_once_give_the_bits_of_one_by_one(coefficient, weight):
    rng = np.random.RandomState(0)
    x = rng.randn(1, 2, CHANNELS, POSITIONS, LANES).astype(np.float32)
    x = np.where(x > 0, x, x.dtype.type(-0.0))  # half of them, as behind a ReLU
    w = rng.randn(2, MAPS, CHANNELS, TAPS).astype(np.float32)
    w[0, 1, 0] = weight
    alpha, bias = rng.randn(2, 2, MAPS).astype(np.float32)
    places = taps(rng)

    def run(x, w, alpha, bias):
        out = np.empty((1, 2, w.shape[1], places.positions, x.shape[-1]), np.float32)
        numbers = np.float32(coefficient), -128, 127
        convolve(x, np.ascontiguousarray(w), places, alpha, bias, *numbers, out)
        return out

    samples = run(x, w, alpha, bias)  # more samples than maps
    for lane in range(LANES):
        maps = run(np.ascontiguousarray(x[..., lane : lane + 1]), w, alpha, bias)
        np.testing.assert_array_equal(samples[..., lane : lane + 1], maps)
        np.testing.assert_array_equal(np.signbit(samples[..., lane : lane + 1]), np.signbit(maps))
        for m in range(MAPS):
            one = slice(m, m + 1)
            single = run(
                np.ascontiguousarray(x[..., lane : lane + 1]),
                w[:, one],
                *(np.ascontiguousarray(factor[:, one]) for factor in (alpha, bias)),
            )
            np.testing.assert_array_equal(maps[:, :, one], single)


@pytest.mark.parametrize(("kind", "work"), [(np.int8, np.int32), (np.int16, np.int64)])
def test_integers_saturate_alike_by_samples_and_by_maps(kind, work):
    rng = np.random.RandomState(1)
    limits = np.iinfo(kind)
    x = rng.randint(limits.min, limits.max, (1, 1, CHANNELS, POSITIONS, LANES)).astype(kind)
    x[rng.rand(*x.shape) < 0.5] = 0
    w = rng.randint(limits.min, limits.max, (1, MAPS, CHANNELS, TAPS)).astype(work)
    places = taps(rng)

    def run(x):
        out = np.empty((1, 1, MAPS, places.positions, x.shape[-1]), kind)
        convolve_integers(x, w, places, 7 if kind == np.int8 else 15, limits.min, limits.max, out)
        return out

    samples = run(x)
    assert limits.max in samples
    for lane in range(LANES):
        maps = run(np.ascontiguousarray(x[..., lane : lane + 1]))
        np.testing.assert_array_equal(samples[..., lane : lane + 1], maps)

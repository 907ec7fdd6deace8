# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Weights as integers of 8 bits with a scale for each output map."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.c_kernels.int8 import int8_weights
from nnabla_compress.c_kernels.layout import FLOAT_BITS, PackedWeights

MAPS = np.repeat(np.arange(4), 25).reshape(4, 25)


def close(found, expected, steps=0.5):
    """Whether values differ by half a step of their map at most."""
    scales = np.broadcast_to(found.scales, 4).reshape(4, 1)
    return (abs(found.values(MAPS) - expected) <= steps * abs(scales) * (1 + 1e-5)).all()


def test_floats_become_8_bits_with_a_scale_for_each_map(rng):
    weight = rng.normal(size=(4, 25)).astype(np.float32) * np.float32([[1], [100], [0], [1e-4]])
    found = int8_weights(PackedWeights(weight, FLOAT_BITS), MAPS)
    assert found.bits == 8 and found.scales.size == 4 and close(found, weight)


@pytest.mark.parametrize("shape", [(16,), (4, 16)], ids=["one", "one for each map"])
@pytest.mark.parametrize("scales", [None, np.float32([0.5, -2, 1, 3])], ids=["", "scales"])
def test_dictionaries_are_rounded_and_codes_stay(rng, shape, scales):
    codes, dictionary = rng.randint(0, 16, (4, 25)), rng.normal(size=shape).astype(np.float32)
    packed = PackedWeights(codes, 4, dictionary, scales)
    found = int8_weights(packed, MAPS)
    assert found.bits == 4 and found.codes is codes
    assert (found.dictionary == np.rint(found.dictionary)).all()
    assert np.abs(found.dictionary).max() <= 127 and close(found, packed.values(MAPS))


@pytest.mark.parametrize(
    "packed",
    [
        PackedWeights(np.zeros((4, 25), int), 2, np.float32([-3, 0, 127, 1]), np.float32([0.3])),
        PackedWeights(np.zeros((4, 25), int), 8, None, np.float32([0.3]), 128),
    ],
    ids=["dictionary", "integers"],
)
def test_integers_of_8_bits_stay_as_they_are(packed):
    found = int8_weights(packed, MAPS)
    np.testing.assert_array_equal(found.values(MAPS), packed.values(MAPS))
    assert found.bits == packed.bits


def test_integers_beyond_8_bits_are_rounded(rng):
    packed = PackedWeights(rng.randint(0, 256, (4, 25)), 8, None, np.float32([0.1]), 0)
    found = int8_weights(packed, MAPS)
    assert found.dictionary.max() <= 127 and close(found, packed.values(MAPS))


def test_a_grid_of_a_dictionary_is_found():
    packed = PackedWeights(np.zeros((4, 25), int), 2, np.float32([-1.0, 0.5, 0.25, 0.015625]))
    found = int8_weights(packed, MAPS)
    table = found.dictionary * found.scales
    np.testing.assert_array_equal(table, packed.dictionary)

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Which packed form a weight takes."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.encodings import Encoding
from nnabla_compress.lowering.packed_weights import choose_packing, packed_bytes, with_form

MAPS = np.broadcast_to(np.arange(8)[:, None], (8, 64))


@pytest.mark.parametrize("bits", range(1, 9))
def test_free_dictionaries_are_found_from_the_values(rng, bits):
    maps = np.broadcast_to(np.arange(8)[:, None], (8, 2000))
    dictionary = rng.normal(size=2**bits).astype(np.float32)
    weight = dictionary[rng.randint(0, 2**bits, maps.shape)]
    packed, reason = choose_packing(weight, maps)
    assert (packed.bits, reason) == (bits, "")
    assert packed.scales is None and set(packed.dictionary) == set(dictionary)
    np.testing.assert_array_equal(packed.values(maps), weight)


@pytest.mark.parametrize("largest", [1, 7, 127])
def test_integers_times_a_scale_for_each_map_are_found_from_the_values(rng, largest):
    integers = rng.randint(-largest, largest + 1, MAPS.shape)
    weight = integers.astype(np.float32) * rng.uniform(0.01, 1, (8, 1)).astype(np.float32)
    packed, _ = choose_packing(weight, MAPS)
    assert packed.dictionary is None and packed.scales.size == 8
    assert packed.bits <= (2 * largest).bit_length()
    np.testing.assert_array_equal(packed.values(MAPS), weight)


def test_dictionaries_for_each_map_are_found_from_the_values(rng):
    maps = np.broadcast_to(np.arange(8)[:, None], (8, 600))
    tables = rng.normal(size=(8, 64)).astype(np.float32)
    weight = np.take_along_axis(tables, rng.randint(0, 64, maps.shape), 1)
    packed, _ = choose_packing(weight, maps)
    assert packed.dictionary.shape == (8, 64) and packed.bits == 6
    np.testing.assert_array_equal(packed.values(maps), weight)


def test_powers_of_two_stay_a_dictionary(rng):
    weight = np.float32([-0.5, 0, 0.25, 1])[rng.randint(0, 4, MAPS.shape)]
    encoding = Encoding((weight * 4).astype(int), 4, scale=np.float32(0.25))
    for known in (None, encoding):
        packed, _ = choose_packing(weight, MAPS, known)
        assert packed.scales is None
        assert packed.dictionary.tolist() == [-0.5, 0, 0.25, 1]


def test_an_encoding_with_scales_of_another_axis_is_found_otherwise(rng):
    codes = rng.randint(-8, 8, (8, 8))
    scale = rng.uniform(0.1, 1, 8).astype(np.float32)
    encoding = Encoding(codes, 4, scale=scale, axis=1)
    maps = np.broadcast_to(np.arange(8)[:, None], (8, 8))
    packed, reason = choose_packing(encoding.decode(), maps, encoding)
    assert packed is None and "as many bytes" in reason


def test_float_weights_stay_float(rng):
    maps = np.broadcast_to(np.arange(8)[:, None], (8, 300))
    assert choose_packing(rng.normal(size=maps.shape).astype(np.float32), maps).reason == (
        "its weight has 2,400 values, more than 256"
    )
    few = rng.normal(size=(8, 8)).astype(np.float32)
    _, reason = choose_packing(few, np.broadcast_to(np.arange(8)[:, None], (8, 8)))
    assert reason == "codes and dictionary would take as many bytes as the floats"
    bad = np.full(MAPS.shape, np.inf, np.float32)
    assert choose_packing(bad, MAPS).reason == "its weight holds values that are not finite"


@pytest.mark.parametrize("per_map", [False, True])
def test_a_form_gives_the_codes_back(rng, per_map):
    shape = (8, 16) if per_map else (16,)
    form = PackedWeights(
        rng.randint(0, 16, MAPS.shape),
        4,
        rng.normal(size=shape).astype(np.float32),
        rng.uniform(1, 2, 8).astype(np.float32),
    )
    weight = form.values(MAPS)
    again = with_form(weight, MAPS, replace(form, codes=np.zeros(0, int)))
    np.testing.assert_array_equal(again.codes, form.codes)
    changed = weight.copy()
    changed[5, 5] = np.nextafter(changed[5, 5], np.float32(9))
    assert with_form(changed, MAPS, form) is None
    assert with_form(weight, MAPS, replace(form, scales=form.scales[:5])) is None


def test_bytes_are_those_of_the_file():
    packed = PackedWeights(np.zeros((3, 5), int), 3, np.zeros(8, np.float32))
    assert packed_bytes(packed) == 8 + 16 + 32


def test_signs_times_a_factor_of_each_output_take_one_bit(rng):
    codes = np.where(rng.rand(8, 400) > 0.5, 1, -1).astype(np.int8)
    encoding = Encoding(codes, 2, scale=rng.uniform(1, 2, 8).astype(np.float32), axis=0)
    maps = np.broadcast_to(np.arange(8)[:, None], codes.shape)
    packed, _ = choose_packing(encoding.decode(), maps, encoding)
    assert packed.bits == 1
    np.testing.assert_array_equal(packed.values(maps), encoding.decode())
    with_zeros = Encoding(codes * (codes > 0), 2, scale=encoding.scale, axis=0)
    assert choose_packing(with_zeros.decode(), maps, with_zeros).packed.bits == 2

# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ConfigError
from nnabla_compress.lowering.storage import (
    coded_tensor,
    common_scale,
    snap_dictionary,
    store_integers,
    store_tensor,
    weight_path,
)

RNG = np.random.RandomState(0)
SHAPE = (32, 16, 3, 3)


def tensor(bits, dictionary=None, shape=SHAPE):
    codes = RNG.randint(0, 2**bits, shape)
    if dictionary is None:
        codes -= 2 ** (bits - 1)
        return coded_tensor(Encoding(codes, bits, scale=np.float32(0.1)))
    return coded_tensor(Encoding(codes, bits, dictionary=np.float32(dictionary)))


def test_the_smallest_scheme_stores_the_bits_that_there_are():
    for bits in range(1, 9):
        stored, reason = store_tensor(tensor(bits), "c/W")
        codes = bits * np.prod(SHAPE) / 8
        assert codes <= stored.nnb_bytes <= codes + 600 and stored.exact and not reason
    for bits in range(1, 5):
        stored, _ = store_tensor(tensor(bits, RNG.randn(2**bits)), "c/W")
        codes = bits * np.prod(SHAPE) / 8
        assert codes <= stored.nnb_bytes <= codes + 1400 and stored.error < 1e-6


def test_values_that_do_not_occur_take_no_bits():
    codes = RNG.randint(0, 2, SHAPE) * 5
    stored, _ = store_tensor(coded_tensor(Encoding(codes, 8, scale=np.float32(0.1))), "c/W")
    assert stored.nnb_bytes < np.prod(SHAPE) / 8 + 600 and stored.exact


def test_a_tensor_too_small_for_any_scheme_stays_float():
    assert store_tensor(tensor(4, shape=(2, 3)), "c/W") == (None, "")


def test_floats_are_floats_if_asked_for():
    assert store_tensor(tensor(4), "c/W", "float") == (None, "")
    assert store_integers(tensor(4), "c/W", "float") == (None, "")


def test_integers_are_stored_for_exact_arithmetic():
    stored, _ = store_integers(tensor(4), "c/W")
    stored.fill()
    stored.variable.forward()
    np.testing.assert_array_equal(stored.variable.d, np.rint(stored.variable.d))
    assert stored.exact


def test_what_no_scheme_holds_is_said():
    stored, reason = store_tensor(tensor(6, np.arange(64) ** 1.1), "c/W")
    assert stored is None and "stored as floats, because its dictionary" in reason


def test_an_unknown_storage_is_refused_with_the_names():
    with pytest.raises(ConfigError, match="no storage 'zip'") as error:
        store_tensor(tensor(4), "c/W", "zip")
    assert "smallest, float, int8" in str(error.value)


def test_a_grid_is_found_where_there_is_one():
    whole = np.array([-127, -3, 0, 1, 64])
    scale = np.float32(0.01734)
    assert common_scale(whole.astype(np.float32) * scale) == pytest.approx(float(scale), rel=1e-6)
    assert common_scale(np.zeros(3, np.float32)) == 1.0
    assert common_scale(np.float32([1, np.sqrt(2)])) is None


def test_snapping_moves_a_dictionary_to_the_nearest_grid():
    dictionary = np.sort(RNG.randn(16)).astype(np.float32)
    codes = RNG.randint(0, 16, (64, 64))
    snapped = snap_dictionary(Encoding(codes, 4, dictionary=dictionary))
    moved = np.abs(snapped.encoding.dictionary - dictionary)
    peak = np.abs(dictionary).max()
    assert moved.max() / peak == pytest.approx(snapped.largest_change, rel=1e-5)
    # No worse than plain rounding to 127 steps.
    assert snapped.root_mean_square_change * np.sqrt((dictionary[codes] ** 2).mean()) <= (
        peak / 127 / np.sqrt(12) * 1.2
    )
    again = snap_dictionary(snapped.encoding)
    assert again.largest_change == 0 and again.encoding is snapped.encoding


def test_pruned_floats_are_not_coded():
    kept = Encoding(np.array([0, 1]), 1, kept=np.float32([0.5]))
    assert coded_tensor(kept) is None and snap_dictionary(kept).encoding is kept


def test_parts_of_a_weight_are_known_by_their_names():
    for part in ("_codes", "_codes_3", "_codes_3_2", "_scale", "_dictionary_2", "_shift"):
        assert weight_path(f"c1/conv/W{part}") == "c1/conv/W"
    assert weight_path("c1/my_codes/W") == "c1/my_codes/W"

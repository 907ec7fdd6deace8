# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Packing weights in Python, and the C functions that read them."""

from __future__ import annotations

import ctypes as ct

import numpy as np
import pytest

from nnabla_compress.c_kernels.layout import PackedWeights
from nnabla_compress.encodings import Encoding
from nnabla_compress.errors import ExportError

MAPS = 3


def forms(rng, bits):
    codes = rng.randint(0, 2**bits, (MAPS, 5))
    tables = [None, rng.normal(size=2**bits), rng.normal(size=(MAPS, 2**bits))]
    scales = [None, rng.uniform(size=1), rng.uniform(size=MAPS)]
    for table in tables:
        for scale in scales:
            as_float = [None if a is None else a.astype(np.float32) for a in (table, scale)]
            yield PackedWeights(codes, bits, *as_float, zero_point=0 if table is not None else 2)


@pytest.mark.parametrize("bits", range(1, 9))
def test_what_is_written_is_read_again(rng, bits):
    for weights in forms(rng, bits):
        again = PackedWeights.read(weights.description(), weights.code_bytes(), MAPS)
        maps = np.arange(MAPS)[:, None]
        np.testing.assert_array_equal(again.codes.reshape(MAPS, 5), weights.codes)
        again = PackedWeights(
            again.codes.reshape(MAPS, 5), bits, *(again.dictionary, again.scales), again.zero_point
        )
        np.testing.assert_array_equal(again.values(maps), weights.values(maps))


@pytest.mark.parametrize("bits", range(1, 9))
def test_the_kernels_read_it_too(build, types, oracle, rng, bits):
    library = build("-O2", "-std=c99", "-pedantic")
    layer = types.layer(types.affine, 5, MAPS)
    x = rng.normal(size=layer.x_shape).astype(np.float32)
    for weights in forms(rng, bits):
        description = np.frombuffer(weights.description(), np.uint8).copy()
        codes = np.frombuffer(weights.code_bytes(), np.uint8)

        class FromFile:
            def to_c(self, layer, description=description, codes=codes):
                structure, _ = types.weights(np.zeros(layer.weight_shape, int), 1).to_c(layer)
                count = ct.c_uint32()
                status = library.c.packed_read_description(
                    ct.c_void_p(description.ctypes.data),
                    ct.c_size_t(description.size),
                    MAPS,
                    ct.byref(structure),
                    ct.byref(count),
                )
                assert (status, count.value) == (0, MAPS * 5)
                structure.codes, structure.code_bytes = codes.ctypes.data, codes.size
                return structure, (description, codes)

        w = weights.values(np.arange(MAPS)[:, None]).reshape(layer.weight_shape)
        expected = oracle(layer, w, x, None, np.float32)
        np.testing.assert_array_equal(library.run(layer, FromFile(), x), expected)


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(np.array([[0, 2], [1, 1]]), 2, dictionary=np.float32([-1, 0.5, 3])),
        Encoding(np.array([[-4, 3], [0, 1]]), 3, scale=np.float32(0.25)),
        Encoding(np.array([[-1, 1], [0, 1]]), 2, scale=np.float32([0.5, 2]), axis=0),
        Encoding(np.array([[7, 1], [0, 3]]), 3, scale=np.float32(0.3), zero_point=5),
        Encoding(np.array([[3, 1], [0, 2]]), 2, scale=np.float32(0.3), zero_point=3, spacing=2),
        Encoding(np.array([[3, 1], [0, 2]]), 2, np.float32([0.3, 2]), 3, axis=0, spacing=2),
    ],
)
def test_an_encoding_keeps_its_values(encoding):
    weights = PackedWeights.from_encoding(encoding, maps=2)
    np.testing.assert_array_equal(weights.values(np.arange(2)[:, None]), encoding.decode())
    assert len(weights.code_bytes()) == {2: 1, 3: 2}[encoding.bits]


@pytest.mark.parametrize(
    "encoding",
    [
        Encoding(np.array([0, 1]), 9, dictionary=np.float32([0, 1])),
        Encoding(np.array([0, 1]), 1, kept=np.float32([4])),
        Encoding(np.array([[0, 1, 1]]), 1, scale=np.float32([1, 2, 3]), axis=1),
    ],
)
def test_other_encodings_are_refused(encoding):
    with pytest.raises(ExportError, match="the C kernels"):
        PackedWeights.from_encoding(encoding, maps=2)


def test_damage_is_told(rng):
    weights = PackedWeights(rng.randint(0, 16, (2, 9)), 4, rng.normal(size=16).astype(np.float32))
    description, codes = weights.description(), weights.code_bytes()
    for bad in (b"", b"\2" + description[1:], description[:-1], b"\1\5" + description[2:]):
        with pytest.raises(ExportError, match="the description of packed weights"):
            PackedWeights.read(bad, codes, 2)
    with pytest.raises(ExportError, match="18 codes of 4 bits in 8 bytes"):
        PackedWeights.read(description, codes[:-1], 2)

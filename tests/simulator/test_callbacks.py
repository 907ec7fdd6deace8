# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.errors import CompressError
from nnabla_compress.simulator import Machine
from nnabla_compress.simulator.callbacks import packed_dictionary
from tests.simulator.embed import embed

CONVOLUTION = {"base_axis": 1, "pad": (1, 0), "stride": (1, 2), "dilation": (1, 1), "group": 2}
CONVOLUTION["channel_last"] = False


def packed(codes, bits):
    """Codes in little-endian order, without the helper that reads them."""
    stream = sum(int(code) << bits * i for i, code in enumerate(np.ravel(codes)))
    return stream.to_bytes((codes.size * bits + 7) // 8, "little")


def add_codes(builder, shape, codes, bits):
    data = np.frombuffer(packed(codes, bits), np.int8)
    return builder.variable(shape, "FIXED8", 0, data)


@pytest.mark.parametrize("bits", [1, 2, 3, 4, 7, 8])
@pytest.mark.parametrize("per_map", [False, True])
def test_packed_weights_give_the_bits_of_the_stock_kernel(new_builder, rng, bits, per_map):
    codes = rng.randint(0, 2**bits, (4, 3, 2, 3))
    table = rng.randn(*([4, 2**bits] if per_map else [2**bits])).astype(np.float32)
    weight = (
        np.take_along_axis(table, codes.reshape(4, -1), 1).reshape(codes.shape)
        if per_map
        else table[codes]
    )
    bias, x = rng.randn(4).astype(np.float32), rng.randn(2, 6, 4, 5).astype(np.float32)
    results = []
    for stored in (True, False):
        net = new_builder()
        operands = [net.input(x.shape)]
        operands.append(
            add_codes(net, codes.shape, codes, bits)
            if stored
            else net.variable(codes.shape, values=weight)
        )
        operands.append(net.variable((4,), values=bias))
        operands += [net.variable(table.shape, values=table)] if stored else []
        y = net.variable((2, 4, 5, 2))
        implement = 10 + bits if stored else 0
        net.function("Convolution", operands, [y], implement=implement, **CONVOLUTION)
        machine = Machine(net.file(y), callbacks={(265, 10 + bits): packed_dictionary})
        results.append(machine.forward([x])[0])
        assert (not machine.warnings) == stored or not stored
    assert results[0].tobytes() == results[1].tobytes()


def test_packed_affine_does_not_look_at_the_shape_of_the_codes(new_builder, rng):
    codes, table = rng.randint(0, 4, (3, 10)), rng.randn(4).astype(np.float32)
    bias, x = rng.randn(3).astype(np.float32), rng.randn(2, 10).astype(np.float32)
    net = new_builder()
    operands = [net.input(x.shape), add_codes(net, (1, 8), codes, 2)]
    operands += [net.variable((3,), values=bias), net.variable((4,), values=table)]
    y = net.variable((2, 3))
    net.function("Affine", operands, [y], implement=12, base_axis=1)
    machine = Machine(net.file(y), callbacks={(0, 12): packed_dictionary})
    expected = x @ table[codes].T + bias
    np.testing.assert_allclose(machine.forward([x])[0], expected, rtol=1e-5, atol=1e-6)


def test_sizes_that_disagree_are_refused(new_builder, rng):
    for codes, table, match in (
        (np.zeros((3, 5), int), np.zeros(4), "30 codes of 2 bits do not fit into 4 bytes"),
        (np.zeros((3, 10), int), np.zeros(5), "has 5 entries for codes of 2 bits"),
    ):
        net = new_builder()
        operands = [net.input((1, 10)), add_codes(net, (1, 8), codes, 2)]
        operands += [
            net.variable((3,), values=np.zeros(3)),
            net.variable(table.shape, values=table),
        ]
        y = net.variable((1, 3))
        net.function("Affine", operands, [y], implement=12, base_axis=1)
        machine = Machine(net.file(y), callbacks={(0, 12): packed_dictionary})
        with pytest.raises(CompressError, match=match):
            machine.forward([np.zeros((1, 10), np.float32)])


def test_embed_looks_up_rows(new_builder, rng):
    table = rng.randn(5, 2, 3).astype(np.float32)
    net = new_builder()
    x, y = net.input((2, 4), "FIXED8", 0), net.variable((2, 4, 2, 3))
    net.function("Embed", [x, net.variable(table.shape, values=table)], [y])
    machine = Machine(net.file(y), callbacks={(10, 0): embed})
    codes = rng.randint(0, 5, (6, 2, 4)).astype(np.int8)
    np.testing.assert_array_equal(machine.forward_many([codes])[0], table[codes])
    with pytest.raises(CompressError, match="a code lies outside the table"):
        machine.forward([np.full((2, 4), 5, np.int8)])

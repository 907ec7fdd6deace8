# Copyright 2026 nnabla-compress contributors. SPDX-License-Identifier: Apache-2.0
"""Kernels of mixed types: getters and setters around float32 arithmetic."""

from __future__ import annotations

import numpy as np
import pytest

from nnabla_compress.errors import DataError
from nnabla_compress.simulator import Machine

F32 = np.float32


def get(stored, fp):
    return F32(stored) * F32(2.0**-fp)


def put(value, fp, bits):
    """Stores a float32: divided, limited, cut toward zero."""
    quotient = F32(value) / F32(2.0**-fp)
    low, high = -(1 << bits - 1), (1 << bits - 1) - 1
    return high if quotient >= high else low if quotient <= low else int(quotient)


def test_affine_with_mixed_types_stores_the_sum_and_then_adds_the_bias(builder, rng):
    x, w = rng.randn(2, 9).astype(F32), rng.randint(-128, 128, (3, 9))
    b = rng.randint(-3000, 3000, 3)
    number = builder.input(x.shape)
    operands = [builder.variable((9, 3), "FIXED8", 5, w), builder.variable((3,), "FIXED16", 9, b)]
    y = builder.variable((2, 3), "FIXED8", 3)
    builder.function("Affine", [number, *operands], [y], base_axis=1)
    expected = np.empty((2, 3), np.int8)
    for r, o in np.ndindex(2, 3):
        total = F32(0)
        for i in range(9):
            total = F32(total + F32(x[r, i] * get(w[o, i], 5)))
        stored = put(total, 3, 8)
        expected[r, o] = put(F32(get(stored, 3) + get(b[o], 9)), 3, 8)
    np.testing.assert_array_equal(Machine(builder.file(y)).forward([x])[0], expected)


def test_binary_convolutions_pass_through_an_integer_output_after_every_channel(builder, rng):
    x, w = rng.randint(-128, 128, (1, 3, 4)), rng.choice([-1, 1], (2, 3, 2)).astype(F32)
    w = np.concatenate([w, w], axis=0)
    alpha, b = np.abs(rng.randn(4)).astype(F32), rng.randn(4).astype(F32)
    number = builder.input((1, 3, 4), "FIXED8", 5)
    unused = builder.variable((1,), values=np.zeros(1))
    operands = [builder.variable((4, 3, 2), "SIGN", 0, w), builder.variable((4,), values=alpha)]
    operands.append(builder.variable((4,), values=b))
    y = builder.variable((1, 4, 3), "FIXED8", 4)
    arguments = {"base_axis": 1, "pad": (0,), "stride": (1,), "dilation": (1,), "group": 1}
    builder.function(
        "BinaryWeightConvolution",
        [number, unused, *operands],
        [y],
        quantize_zero_to=1.0,
        **arguments,
    )
    expected = np.empty((1, 4, 3), np.int8)
    for o, p in np.ndindex(4, 3):
        stored = 0
        for c in range(3):
            total = F32(0)
            for k in range(2):
                total = F32(total + F32(get(x[0, c, p + k], 5) * w[o, c, k]))
            stored = put(F32(get(stored, 4) + total), 4, 8)
        stored = put(F32(get(stored, 4) * alpha[o]), 4, 8)
        expected[0, o, p] = put(F32(get(stored, 4) + b[o]), 4, 8)
    machine = Machine(builder.file(y))
    np.testing.assert_array_equal(machine.forward([x.astype(np.int8)])[0], expected)


def test_a_sum_with_an_integer_output_is_stored_after_every_number(builder, rng):
    x = (rng.rand(30) * 0.3).astype(F32)
    number, y = builder.input((30,)), builder.variable((1,), "FIXED8", 3)
    builder.function("Sum", [number], [y], axes=(0,), keep_dims=True)
    stored = 0
    for value in x:
        stored = put(F32(get(stored, 3) + value), 3, 8)
    assert stored < int(x.sum() * 8) - 10
    assert Machine(builder.file(y)).forward([x])[0].tolist() == [stored]


@pytest.mark.parametrize("source", ["FLOAT32", "FIXED8", "FIXED16"])
@pytest.mark.parametrize("target", ["FLOAT32", "FIXED8", "FIXED16"])
def test_values_move_between_all_types(new_builder, rng, source, target):
    fractions = {"FLOAT32": 0, "FIXED8": 3, "FIXED16": 7}
    bits = {"FIXED8": 8, "FIXED16": 16}
    real = (rng.randn(50) * 30).astype(F32)
    net = new_builder()
    x, y = (
        net.input((50,), source, fractions[source]),
        net.variable((50,), target, fractions[target]),
    )
    net.function("Flip", [x], [y], axes=(0,))
    machine = Machine(net.file(y))
    stored = machine.inputs[0].stored(real)
    values = [v if source == "FLOAT32" else get(v, fractions[source]) for v in stored[::-1]]
    if target != "FLOAT32":
        values = [put(v, fractions[target], bits[target]) for v in values]
    np.testing.assert_array_equal(machine.forward([stored])[0], values)


def test_a_convolution_with_more_products_than_fit_a_table_is_run(builder, rng):
    x, w = rng.randn(1, 1, 4200, 1001).astype(F32), rng.randn(1, 1, 2, 2).astype(F32)
    number = builder.input(x.shape)
    weight = builder.variable(w.shape, values=w)
    y = builder.variable((1, 1, 4199, 1000))
    arguments = {"base_axis": 1, "pad": (0, 0), "stride": (1, 1), "dilation": (1, 1), "group": 1}
    builder.function("Convolution", [number, weight], [y], channel_last=False, **arguments)
    parts = [
        w[0, 0, i, j] * x[:, :, i : 4199 + i, j : 1000 + j] for i in range(2) for j in range(2)
    ]
    found = Machine(builder.file(y)).forward([x])[0]
    np.testing.assert_allclose(found, sum(parts), rtol=1e-5, atol=1e-5)


def test_a_file_that_asks_for_endless_tables_is_refused(builder):
    number = builder.input((1, 1, 8192, 1))
    weight = builder.variable((1, 1, 4096, 1), values=np.zeros((1, 1, 4096, 1)))
    y = builder.variable((1, 1, 4097, 1))
    arguments = {"base_axis": 1, "pad": (0, 0), "stride": (1, 1), "dilation": (1, 1), "group": 1}
    builder.function("Convolution", [number, weight], [y], channel_last=False, **arguments)
    machine = Machine(builder.file(y))
    with pytest.raises(DataError, match="too large to simulate"):
        machine.forward([np.zeros((1, 1, 8192, 1), F32)])
